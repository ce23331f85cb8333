/* openclip_tags.c: see openclip_tags.h. Source: OpenCLIP 3.3, pretrained.py. */
#define _GNU_SOURCE /* strcasestr */
#include "clip/named/openclip_tags.h"

#include <string.h>

static const OpenclipTag tags[] = {
    {"RN50", "openai", "RN50.pt", "timm/resnet50_clip.openai", QUICK_GELU},
    {"RN50", "yfcc15m", "rn50-quickgelu-yfcc15m-455df137.pt", "timm/resnet50_clip.yfcc15m", QUICK_GELU},
    {"RN50", "cc12m", "rn50-quickgelu-cc12m-f000538c.pt", "timm/resnet50_clip.cc12m", QUICK_GELU},
    {"RN101", "openai", "RN101.pt", "timm/resnet101_clip.openai", QUICK_GELU},
    {"RN101", "yfcc15m", "rn101-quickgelu-yfcc15m-3e04b30e.pt", "timm/resnet101_clip.yfcc15m", QUICK_GELU},
    {"RN50x4", "openai", "RN50x4.pt", "timm/resnet50x4_clip.openai", QUICK_GELU},
    {"RN50x16", "openai", "RN50x16.pt", "timm/resnet50x16_clip.openai", QUICK_GELU},
    {"RN50x64", "openai", "RN50x64.pt", "timm/resnet50x64_clip.openai", QUICK_GELU},
    {"ViT-B-32", "openai", "ViT-B-32.pt", "timm/vit_base_patch32_clip_224.openai", QUICK_GELU},
    {"ViT-B-32", "laion400m_e31", "vit_b_32-quickgelu-laion400m_e31-d867053b.pt",
     "timm/vit_base_patch32_clip_224.laion400m_e31", QUICK_GELU},
    {"ViT-B-32", "laion400m_e32", "vit_b_32-quickgelu-laion400m_e32-46683a32.pt",
     "timm/vit_base_patch32_clip_224.laion400m_e32", QUICK_GELU},
    {"ViT-B-32", "laion2b_e16", "vit_b_32-laion2b_e16-af8dbd0c.pth",
     "timm/vit_base_patch32_clip_224.laion2b_e16", 0},
    {"ViT-B-32", "laion2b_s34b_b79k", NULL, "laion/CLIP-ViT-B-32-laion2B-s34B-b79K", 0},
    {"ViT-B-32", "datacomp_xl_s13b_b90k", NULL, "laion/CLIP-ViT-B-32-DataComp.XL-s13B-b90K", 0},
    {"ViT-B-32", "datacomp_m_s128m_b4k", NULL, "laion/CLIP-ViT-B-32-DataComp.M-s128M-b4K", 0},
    {"ViT-B-32", "commonpool_m_clip_s128m_b4k", NULL, "laion/CLIP-ViT-B-32-CommonPool.M.clip-s128M-b4K", 0},
    {"ViT-B-32", "commonpool_m_laion_s128m_b4k", NULL, "laion/CLIP-ViT-B-32-CommonPool.M.laion-s128M-b4K", 0},
    {"ViT-B-32", "commonpool_m_image_s128m_b4k", NULL, "laion/CLIP-ViT-B-32-CommonPool.M.image-s128M-b4K", 0},
    {"ViT-B-32", "commonpool_m_text_s128m_b4k", NULL, "laion/CLIP-ViT-B-32-CommonPool.M.text-s128M-b4K", 0},
    {"ViT-B-32", "commonpool_m_basic_s128m_b4k", NULL, "laion/CLIP-ViT-B-32-CommonPool.M.basic-s128M-b4K", 0},
    {"ViT-B-32", "commonpool_m_s128m_b4k", NULL, "laion/CLIP-ViT-B-32-CommonPool.M-s128M-b4K", 0},
    {"ViT-B-32", "datacomp_s_s13m_b4k", NULL, "laion/CLIP-ViT-B-32-DataComp.S-s13M-b4K", 0},
    {"ViT-B-32", "commonpool_s_clip_s13m_b4k", NULL, "laion/CLIP-ViT-B-32-CommonPool.S.clip-s13M-b4K", 0},
    {"ViT-B-32", "commonpool_s_laion_s13m_b4k", NULL, "laion/CLIP-ViT-B-32-CommonPool.S.laion-s13M-b4K", 0},
    {"ViT-B-32", "commonpool_s_image_s13m_b4k", NULL, "laion/CLIP-ViT-B-32-CommonPool.S.image-s13M-b4K", 0},
    {"ViT-B-32", "commonpool_s_text_s13m_b4k", NULL, "laion/CLIP-ViT-B-32-CommonPool.S.text-s13M-b4K", 0},
    {"ViT-B-32", "commonpool_s_basic_s13m_b4k", NULL, "laion/CLIP-ViT-B-32-CommonPool.S.basic-s13M-b4K", 0},
    {"ViT-B-32", "commonpool_s_s13m_b4k", NULL, "laion/CLIP-ViT-B-32-CommonPool.S-s13M-b4K", 0},
    {"ViT-B-32", "metaclip_400m", "b32_400m.pt", "timm/vit_base_patch32_clip_224.metaclip_400m", QUICK_GELU},
    {"ViT-B-32", "metaclip_fullcc", "b32_fullcc2.5b.pt", "timm/vit_base_patch32_clip_224.metaclip_2pt5b",
     QUICK_GELU},
    {"ViT-B-32-256", "datacomp_s34b_b86k", NULL, "laion/CLIP-ViT-B-32-256x256-DataComp-s34B-b86K", 0},
    {"ViT-B-16", "openai", "ViT-B-16.pt", "timm/vit_base_patch16_clip_224.openai", QUICK_GELU},
    {"ViT-B-16", "laion400m_e31", "vit_b_16-laion400m_e31-00efa78f.pt",
     "timm/vit_base_patch16_clip_224.laion400m_e31", 0},
    {"ViT-B-16", "laion400m_e32", "vit_b_16-laion400m_e32-55e67d44.pt",
     "timm/vit_base_patch16_clip_224.laion400m_e32", 0},
    {"ViT-B-16", "laion2b_s34b_b88k", NULL, "laion/CLIP-ViT-B-16-laion2B-s34B-b88K", 0},
    {"ViT-B-16", "datacomp_xl_s13b_b90k", NULL, "laion/CLIP-ViT-B-16-DataComp.XL-s13B-b90K", 0},
    {"ViT-B-16", "datacomp_l_s1b_b8k", NULL, "laion/CLIP-ViT-B-16-DataComp.L-s1B-b8K", 0},
    {"ViT-B-16", "commonpool_l_clip_s1b_b8k", NULL, "laion/CLIP-ViT-B-16-CommonPool.L.clip-s1B-b8K", 0},
    {"ViT-B-16", "commonpool_l_laion_s1b_b8k", NULL, "laion/CLIP-ViT-B-16-CommonPool.L.laion-s1B-b8K", 0},
    {"ViT-B-16", "commonpool_l_image_s1b_b8k", NULL, "laion/CLIP-ViT-B-16-CommonPool.L.image-s1B-b8K", 0},
    {"ViT-B-16", "commonpool_l_text_s1b_b8k", NULL, "laion/CLIP-ViT-B-16-CommonPool.L.text-s1B-b8K", 0},
    {"ViT-B-16", "commonpool_l_basic_s1b_b8k", NULL, "laion/CLIP-ViT-B-16-CommonPool.L.basic-s1B-b8K", 0},
    {"ViT-B-16", "commonpool_l_s1b_b8k", NULL, "laion/CLIP-ViT-B-16-CommonPool.L-s1B-b8K", 0},
    {"ViT-B-16", "dfn2b", NULL, "apple/DFN2B-CLIP-ViT-B-16", QUICK_GELU},
    {"ViT-B-16", "metaclip_400m", "b16_400m.pt", "timm/vit_base_patch16_clip_224.metaclip_400m", QUICK_GELU},
    {"ViT-B-16", "metaclip_fullcc", "b16_fullcc2.5b.pt", "timm/vit_base_patch16_clip_224.metaclip_2pt5b",
     QUICK_GELU},
    {"ViT-B-16-plus-240", "laion400m_e31", "vit_b_16_plus_240-laion400m_e31-8fb26589.pt",
     "timm/vit_base_patch16_plus_clip_240.laion400m_e31", 0},
    {"ViT-B-16-plus-240", "laion400m_e32", "vit_b_16_plus_240-laion400m_e32-699c4b84.pt", NULL, 0},
    {"ViT-L-14", "openai", "ViT-L-14.pt", "timm/vit_large_patch14_clip_224.openai", QUICK_GELU},
    {"ViT-L-14", "laion400m_e31", "vit_l_14-laion400m_e31-69988bb6.pt",
     "timm/vit_large_patch14_clip_224.laion400m_e31", 0},
    {"ViT-L-14", "laion400m_e32", "vit_l_14-laion400m_e32-3d133497.pt",
     "timm/vit_large_patch14_clip_224.laion400m_e32", 0},
    {"ViT-L-14", "laion2b_s32b_b82k", NULL, "laion/CLIP-ViT-L-14-laion2B-s32B-b82K", HALF_PIXELS},
    {"ViT-L-14", "datacomp_xl_s13b_b90k", NULL, "laion/CLIP-ViT-L-14-DataComp.XL-s13B-b90K", 0},
    {"ViT-L-14", "commonpool_xl_clip_s13b_b90k", NULL, "laion/CLIP-ViT-L-14-CommonPool.XL.clip-s13B-b90K", 0},
    {"ViT-L-14", "commonpool_xl_laion_s13b_b90k", NULL, "laion/CLIP-ViT-L-14-CommonPool.XL.laion-s13B-b90K",
     0},
    {"ViT-L-14", "commonpool_xl_s13b_b90k", NULL, "laion/CLIP-ViT-L-14-CommonPool.XL-s13B-b90K", 0},
    {"ViT-L-14", "metaclip_400m", "l14_400m.pt", "timm/vit_large_patch14_clip_224.metaclip_400m", QUICK_GELU},
    {"ViT-L-14", "metaclip_fullcc", "l14_fullcc2.5b.pt", "timm/vit_large_patch14_clip_224.metaclip_2pt5b",
     QUICK_GELU},
    {"ViT-L-14", "dfn2b", NULL, "apple/DFN2B-CLIP-ViT-L-14", QUICK_GELU},
    {"ViT-L-14", "dfn2b_s39b", NULL, "apple/DFN2B-CLIP-ViT-L-14-39B", 0},
    {"ViT-L-14-336", "openai", "ViT-L-14-336px.pt", "timm/vit_large_patch14_clip_336.openai", QUICK_GELU},
    {"ViT-H-14", "laion2b_s32b_b79k", NULL, "laion/CLIP-ViT-H-14-laion2B-s32B-b79K", 0},
    {"ViT-H-14", "metaclip_fullcc", "h14_fullcc2.5b.pt", "timm/vit_huge_patch14_clip_224.metaclip_2pt5b",
     QUICK_GELU},
    {"ViT-H-14", "metaclip_altogether", "h14_v1.2_altogether.pt",
     "timm/vit_huge_patch14_clip_224.metaclip_altogether", 0},
    {"ViT-H-14", "dfn5b", NULL, "apple/DFN5B-CLIP-ViT-H-14", QUICK_GELU | SQUASH},
    {"ViT-H-14-378", "dfn5b", NULL, "apple/DFN5B-CLIP-ViT-H-14-378", QUICK_GELU | SQUASH},
    {"ViT-g-14", "laion2b_s12b_b42k", NULL, "laion/CLIP-ViT-g-14-laion2B-s12B-b42K", 0},
    {"ViT-g-14", "laion2b_s34b_b88k", NULL, "laion/CLIP-ViT-g-14-laion2B-s34B-b88K", 0},
    {"ViT-bigG-14", "laion2b_s39b_b160k", NULL, "laion/CLIP-ViT-bigG-14-laion2B-39B-b160k", 0},
    {"ViT-bigG-14", "metaclip_fullcc", "G14_fullcc2.5b.pt",
     "timm/vit_gigantic_patch14_clip_224.metaclip_2pt5b", QUICK_GELU},
};
enum { N_TAGS = sizeof tags / sizeof *tags };

/* Of OpenCLIP's other models: a part of the name, and what they are. */
static const char *const others[][2] = {
    {"siglip", "it is trained with a sigmoid, and pools by attention"},
    {"coca_", "a CoCa, with a decoder for captions"},
    {"clipa", "its text tower is not causal, with another tokenizer"},
    {"worldwide", "it has another tokenizer than CLIP's"},
    {"roberta", "its text tower is not CLIP's"},
    {"nllb", "its text tower is not CLIP's"},
    {"mt5", "its text tower is not CLIP's"},
    {"convnext", "its image tower is not CLIP's"},
    {"swin", "its image tower is not CLIP's"},
    {"eva0", "its image tower is not CLIP's"},
    {"mobileclip", "its image tower is not CLIP's"},
    {"vitamin", "its image tower is not CLIP's"},
    {"pe-core", "its image tower is not CLIP's"},
};

int openclip_tag_count(void) {
    return N_TAGS;
}

const OpenclipTag *openclip_tag_at(int index) {
    return index < N_TAGS ? &tags[index] : NULL;
}

const OpenclipTag *openclip_tag_find(const char *model, const char *tag) {
    for (int i = 0; i < N_TAGS; i++)
        if (strcmp(tags[i].model, model) == 0 && strcmp(tags[i].tag, tag) == 0)
            return &tags[i];
    return NULL;
}

const OpenclipTag *openclip_tag_of_repo(const char *repo) {
    for (int i = 0; i < N_TAGS; i++)
        if (tags[i].repo && strcmp(tags[i].repo, repo) == 0)
            return &tags[i];
    return NULL;
}

const char *openclip_model_other(const char *model) {
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (strcasestr(model, others[i][0]))
            return others[i][1];
    return NULL;
}
