/* image_tower.c: see image_tower.h */
#include "clip/image/image_tower.h"

#include "clip/image/resnet.h"
#include "clip/image/vit.h"

int image_tower_forward(const Clip *clip, Pool *pool, const float *pixels, int n, float *features,
                        Error *err) {
    if (clip->image == IMAGE_TOWER_VIT)
        return vit_forward(&clip->vit, pool, pixels, n, features, err);
    return resnet_forward(&clip->resnet, pool, pixels, n, features, err);
}

double image_tower_flops(const Clip *clip) {
    return clip->image == IMAGE_TOWER_VIT ? vit_flops(&clip->vit) : resnet_flops(&clip->resnet);
}
