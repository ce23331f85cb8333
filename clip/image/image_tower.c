/* image_tower.c: see image_tower.h */
#include "clip/image/image_tower.h"

#include "clip/image/resnet.h"
#include "clip/image/vit.h"

#include <string.h>

/* Through towers that may differ from the checkpoint's. */
static int forward(const Clip *clip, const VitWeights *vit, const ResnetWeights *resnet, Pool *pool,
                   const float *pixels, int n, float *features, Error *err) {
    if (n == 0)
        return 0;
    const int result = clip->image == IMAGE_TOWER_VIT
                           ? vit_forward(vit, pool, pixels, n, features, err)
                           : resnet_forward(resnet, pool, pixels, n, features, err);
    return result < 0 ? -1 : clip_check_used(clip, err);
}

int image_tower_forward(const Clip *clip, Pool *pool, const float *pixels, int n, float *features,
                        Error *err) {
    return forward(clip, &clip->vit, &clip->resnet, pool, pixels, n, features, err);
}

int image_tower_width(const Clip *clip) {
    return clip->image == IMAGE_TOWER_VIT ? clip->vit.width : clip->resnet.attn_width;
}

int image_tower_forward_unprojected(const Clip *clip, Pool *pool, const float *pixels, int n, float *features,
                                    Error *err) {
    VitWeights vit = clip->vit;
    ResnetWeights resnet = clip->resnet;
    vit.proj = resnet.c_proj_b = NULL;
    vit.embed_dim = resnet.embed_dim = image_tower_width(clip);
    return forward(clip, &vit, &resnet, pool, pixels, n, features, err);
}

void image_tower_projection(const Clip *clip, float *w, const float **bias) {
    const size_t C = (size_t)image_tower_width(clip), E = (size_t)clip->embed_dim;
    *bias = clip->image == IMAGE_TOWER_VIT ? NULL : clip->resnet.c_proj_b;
    const RowMatrix *rows = &clip->resnet.c_proj;
    if (clip->image == IMAGE_TOWER_VIT)
        for (size_t i = 0; i < E * C; i++)
            w[i] = clip->vit.proj[i % C * E + i / C];
    else if (rows->w)
        memcpy(w, rows->w, E * C * sizeof *w);
    else
        rows->read(rows->context, w, 0, (int)E, 0, (int)C);
}

double image_tower_flops(const Clip *clip) {
    return clip->image == IMAGE_TOWER_VIT ? vit_flops(&clip->vit) : resnet_flops(&clip->resnet);
}
