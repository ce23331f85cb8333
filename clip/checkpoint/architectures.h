/* architectures.h: the nine models that OpenAI published, by their sizes (Radford et al. 2021, tables 19 and
 * 20). All have a text tower of 12 layers, 77 positions and 49,408 tokens.
 */
#ifndef CLIP_CHECKPOINT_ARCHITECTURES_H
#define CLIP_CHECKPOINT_ARCHITECTURES_H

#include <stdbool.h>

typedef struct {
    const char *name; /* "RN50", "ViT-B/32" */
    int vision[4];    /* ViT: width, layers, patch, 0; ResNet: the blocks of each layer */
    int resnet_width; /* 0 for a ViT */
    int image_size, embed_dim, text_width;
} Architecture;

enum { ARCHITECTURE_TEXT_LAYERS = 12, ARCHITECTURE_POSITIONS = 77, ARCHITECTURE_VOCABULARY = 49408 };

const Architecture *architecture_at(int index);          /* NULL behind the last */
const Architecture *architecture_find(const char *name); /* NULL when unknown */

#endif
