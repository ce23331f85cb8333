/* tip_adapter_file.h: what a Tip-Adapter has learned, on disk.
 *
 * Layout of `cache.safetensors`: F32 `keys` (n, E), `alpha` (1) and `beta` (1), and I32 `labels` (n), the
 * classes of the keys; metadata format "coop-cache", config (the digest of everything that they depend on)
 * and a checksum (safetensors_write.h).
 */
#ifndef COOP_TIP_ADAPTER_FILE_H
#define COOP_TIP_ADAPTER_FILE_H

#include "coop/tip_adapter.h"

#define TIP_ADAPTER_FILE "cache.safetensors"

/* Written atomically. */
int tip_adapter_write(const char *path, const TipAdapter *adapter, const char *config_digest, Error *err);

/* Fills keys, alpha and beta of an adapter of the same images. A file that is cut or damaged, or
 * belongs to another configuration, is an error; one without a checksum, which earlier versions wrote, is
 * not.
 */
int tip_adapter_read(const char *path, TipAdapter *adapter, const char *config_digest, Error *err);

#endif
