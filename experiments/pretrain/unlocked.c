/* unlocked.c: see unlocked.h */
#include "experiments/pretrain/unlocked.h"

#include <stdio.h>
#include <string.h>

typedef struct {
    const PretrainConfig *config;
    int n_layers;
} Locks;

/* The group of a parameter of a ViT: 0 .. n_layers + 1. */
static int group_of(const char *name, int n_layers) {
    int layer;
    if (sscanf(name, "visual.transformer.resblocks.%d.", &layer) == 1)
        return layer + 1;
    if (strncmp(name, "visual.ln_post.", 15) == 0)
        return n_layers;
    return strcmp(name, "visual.proj") == 0 ? n_layers + 1 : 0;
}

static bool is_trained(const Parameter *parameter, void *context) {
    const Locks *locks = context;
    if (strcmp(parameter->name, "logit_scale") == 0)
        return true;
    if (strncmp(parameter->name, "visual.", 7) != 0)
        return !locks->config->lock.text;
    if (!locks->config->lock.image)
        return true;
    const int n_groups = locks->n_layers + 2;
    return group_of(parameter->name, locks->n_layers) >= n_groups - locks->config->lock.image_unlocked_groups;
}

int unlock_parameters(TrainableClip *clip, const PretrainConfig *config, Error *err) {
    Locks locks = {config, clip->image.n_layers};
    const int n_unlocked = config->lock.image_unlocked_groups;
    if (n_unlocked > 0 && clip->is_resnet)
        return error_set(err, "%s: lock.image_unlocked_groups: a ResNet is locked as a whole", config->path);
    if (n_unlocked > locks.n_layers + 2)
        return error_set(err, "%s: lock.image_unlocked_groups: %d of %d groups", config->path, n_unlocked,
                         locks.n_layers + 2);
    parameters_train(&clip->parameters, is_trained, &locks);
    return arena_failed(clip->arena) ? error_memory(err) : 0;
}
