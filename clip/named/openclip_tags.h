/* openclip_tags.h: the weights that OpenCLIP knows by model and tag, as far as they are a CLIP.
 *
 * OpenCLIP keeps most of them in repositories of the Hugging Face hub, and once took some from single files,
 * whose names end in the first digits of their SHA-256. It fetches the weights alone: which activation they
 * were trained with, and how images were prepared, is in this table, as it is in OpenCLIP's.
 */
#ifndef CLIP_NAMED_OPENCLIP_TAGS_H
#define CLIP_NAMED_OPENCLIP_TAGS_H

/* QUICK_GELU: not the exact one. HALF_PIXELS: mean and standard deviation are 0.5. SQUASH: both sides are
 * resized. */
enum { QUICK_GELU = 1, HALF_PIXELS = 2, SQUASH = 4 };

typedef struct {
    const char *model, *tag;
    const char *file; /* the single file's name; NULL: there was none */
    /* On the hub; NULL where OpenCLIP's table names that of other weights (the last epoch of
     * ViT-B-16-plus-240 has the repository of the one before). */
    const char *repo;
    int flags;
} OpenclipTag;

int openclip_tag_count(void);
const OpenclipTag *openclip_tag_at(int index); /* NULL behind the last */
const OpenclipTag *openclip_tag_find(const char *model, const char *tag);
const OpenclipTag *openclip_tag_of_repo(const char *repo);
/* Why a model that OpenCLIP has is none that is read here; NULL: it is not known to be one. */
const char *openclip_model_other(const char *model);

#endif
