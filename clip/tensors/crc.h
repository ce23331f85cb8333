/* crc.h: the checksum of zip archives. */
#ifndef CLIP_TENSORS_CRC_H
#define CLIP_TENSORS_CRC_H

#include <stddef.h>
#include <stdint.h>

/* CRC-32 (zlib's) of the bytes, by the fastest way that this processor has. */
uint32_t crc_bytes(const void *data, size_t size);

#endif
