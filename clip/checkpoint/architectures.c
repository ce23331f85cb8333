/* architectures.c: see architectures.h */
#include "clip/checkpoint/architectures.h"

#include <stddef.h>
#include <string.h>

static const Architecture architectures[] = {
    {"RN50", {3, 4, 6, 3}, 64, 224, 1024, 512},
    {"RN101", {3, 4, 23, 3}, 64, 224, 512, 512},
    {"RN50x4", {4, 6, 10, 6}, 80, 288, 640, 640},
    {"RN50x16", {6, 8, 18, 8}, 96, 384, 768, 768},
    {"RN50x64", {3, 15, 36, 10}, 128, 448, 1024, 1024},
    {"ViT-B/32", {768, 12, 32, 0}, 0, 224, 512, 512},
    {"ViT-B/16", {768, 12, 16, 0}, 0, 224, 512, 512},
    {"ViT-L/14", {1024, 24, 14, 0}, 0, 224, 768, 768},
    {"ViT-L/14@336px", {1024, 24, 14, 0}, 0, 336, 768, 768},
};

const Architecture *architecture_at(int index) {
    return (size_t)index < sizeof architectures / sizeof *architectures ? &architectures[index] : NULL;
}

const Architecture *architecture_find(const char *name) {
    for (int i = 0; architecture_at(i); i++)
        if (strcmp(architecture_at(i)->name, name) == 0)
            return architecture_at(i);
    return NULL;
}
