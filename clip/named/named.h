/* named.h: checkpoints by the names that other programs give them.
 *
 *     ViT-B/32, RN50                    OpenAI's (clip.load)
 *     ViT-B-32:laion2b_s34b_b79k        OpenCLIP's model and tag (openclip_tags.h)
 *     openai/clip-vit-base-patch32      a repository of the Hugging Face hub, its owner first
 *     hf-hub:owner/name                 the same, as OpenCLIP writes it
 *
 * A name says which files are meant, and what of them cannot be seen in their tensors. Where they are on this
 * disk: named_find.h.
 */
#ifndef CLIP_NAMED_NAMED_H
#define CLIP_NAMED_NAMED_H

#include "clip/base/arena.h"
#include "clip/base/error.h"

#include <stdbool.h>

typedef enum { NAMED_OPENAI, NAMED_OPENCLIP, NAMED_HUB } NamedKind;

/* Texts are static, or owned by the arena of whoever asked. */
typedef struct {
    NamedKind kind;
    const char *name; /* as it is written above; the same for all spellings */
    const char *repo; /* on the hub; NULL: it is not there */
    const char *file; /* a single file of weights, by the name it is kept under; NULL: there is none */
    const char
        *digest; /* the SHA-256 of that file, or as many of its first digits as are known; NULL: none */
    /* What training settled and the table of tags knows; zero of a repository that is not in it. */
    bool known, quick_gelu, half_pixels, squash;
} Named;

/* What cannot be a name: it begins with '/', '.' or '~', or ends as files of weights, configs and archives
 * do. (That nothing of this spelling is on the disk is for the caller to see first.) */
bool named_is_path(const char *text);

/* What the name means; an unknown one is refused with those that are near. Texts are owned by the arena. */
int named_parse(Named *out, const char *text, Arena *arena, Error *err);

/* All that are known by name, OpenAI's, OpenCLIP's, then some of the hub: false behind the last. */
bool named_at(int index, Named *out, Arena *arena);

/* " (near: A, B)" of the known names, or "". Owned by the arena, "" when memory is out. */
const char *named_near(const char *text, Arena *arena);

/* The vocabulary of all of OpenAI's and OpenCLIP's. */
#define NAMED_VOCABULARY "bpe_simple_vocab_16e6.txt.gz"
#define NAMED_VOCABULARY_DIGEST "924691ac288e54409236115652ad4aa250f48203de50a9e4722a6ecd48d6804a"

/* What of known names the SHA-256 of a file belongs to: "ViT-B/32", "vocabulary"; NULL: none. */
const char *named_of_digest(const char *digest);
/* The Named of OpenAI whose file has this name; false: none. */
bool named_of_file(const char *file, Named *out);

#endif
