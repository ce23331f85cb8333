/* tip_adapter_file.c: see tip_adapter_file.h. */
#include "coop/tip_adapter_file.h"

#include "clip/tensors/safetensors_write.h"
#include "clip/tensors/tensors.h"
#include "clip/tensors/tensors_open.h"

#include <string.h>

int tip_adapter_write(const char *path, const TipAdapter *adapter, const char *config_digest, Error *err) {
    const float alpha = (float)adapter->alpha, beta = (float)adapter->beta; /* as logits take them */
    const TensorOut tensors[] = {{"keys", DTYPE_F32, 2, {adapter->n_keys, adapter->embed_dim}, adapter->keys},
                                 {"labels", DTYPE_I32, 1, {adapter->n_keys}, adapter->labels},
                                 {"alpha", DTYPE_F32, 1, {1}, &alpha},
                                 {"beta", DTYPE_F32, 1, {1}, &beta}};
    const MetadataOut metadata[] = {{"format", "coop-cache"}, {"config", config_digest}, SAFETENSORS_CHECKED};
    return safetensors_write(path, tensors, 4, metadata, 3, err);
}

static int read_tensor(const TensorFile *file, const char *name, int n_dims, const int64_t *shape,
                       float *values, Error *err) {
    const Tensor *tensor = tensors_need(file, name, n_dims, shape, err);
    return tensor ? tensor_to_float(file, tensor, values, err) : -1;
}

int tip_adapter_read(const char *path, TipAdapter *adapter, const char *config_digest, Error *err) {
    TensorFile *file = tensors_open(path, err);
    if (!file)
        return -1;
    const char *format = tensors_metadata(file, "format"), *config = tensors_metadata(file, "config");
    const int64_t keys[] = {adapter->n_keys, adapter->embed_dim}, one[] = {1};
    float alpha, beta;
    int status = -1;
    if (!format || strcmp(format, "coop-cache") != 0 || !config)
        error_set(err, "%s: metadata: not the cache of a Tip-Adapter", path);
    else if (strcmp(config, config_digest) != 0)
        error_set(err, "%s: metadata: a cache of another configuration", path);
    else if (read_tensor(file, "keys", 2, keys, adapter->keys, err) == 0 &&
             read_tensor(file, "alpha", 1, one, &alpha, err) == 0 &&
             read_tensor(file, "beta", 1, one, &beta, err) == 0) {
        adapter->alpha = alpha;
        adapter->beta = beta;
        status = 0;
    }
    tensors_close(file);
    return status;
}
