/* names.h: what each flavour of checkpoint calls CLIP's tensors.
 *
 * The rest of the code asks for a tensor by the name that openai/CLIP's model.py gives it; a NameScheme says
 * where a file keeps it. Three flavours are known: OpenAI's own names, which OpenCLIP shares; OpenCLIP's with
 * the text tower under "text." (CustomTextCLIP); Hugging Face's, where queries, keys and values are three
 * tensors and the projections are transposed. Any of them may have a wrapper's prefix ("module.") before it.
 */
#ifndef CLIP_CHECKPOINT_NAMES_H
#define CLIP_CHECKPOINT_NAMES_H

#include "clip/base/error.h"
#include "clip/tensors/tensors.h"

#include <stdbool.h>

enum { NAME_SIZE = 256 };

typedef enum { NAMES_OPENAI, NAMES_OPENCLIP, NAMES_HUGGING_FACE } NameFlavour;

typedef struct {
    NameFlavour flavour;
    const char *prefix; /* before every name of the file: "", "module.", ...; static */
} NameScheme;

typedef enum {
    PLACE_AS_IS,
    PLACE_TRANSPOSED, /* the matrix is transposed */
    PLACE_THREE       /* three tensors, each a third of the rows */
} PlaceForm;

/* Where a file keeps one of OpenAI's tensors. */
typedef struct {
    PlaceForm form;
    char names[3][NAME_SIZE]; /* only the first, except for PLACE_THREE */
} Place;

/* "OpenAI", "OpenCLIP", "Hugging Face" */
const char *names_title(NameFlavour flavour);

/* Finds the scheme of a file. False when it holds none of the tensors that would tell; *scheme is then
 * OpenAI's. */
bool names_detect(NameScheme *scheme, const TensorFile *file);

/* The place of a tensor, or of all whose names begin like this ("transformer.resblocks.", "ln_final."). */
Place names_place(const NameScheme *scheme, const char *openai_name);

/* Whether the file has the image tower, or the text tower. Only Hugging Face keeps one without the other
 * (CLIPTextModelWithProjection, CLIPVisionModelWithProjection). */
bool names_has_tower(const NameScheme *scheme, const TensorFile *file, bool image);
/* Refuses a tower of Hugging Face without its projection. */
int names_check_projections(const NameScheme *scheme, const TensorFile *file, Error *err);

/* Whether a tensor of this name in a file is of the image tower, whatever the flavour. */
bool names_is_visual(const char *name);

/* Whether the image tower is a ResNet. */
bool names_is_resnet(const NameScheme *scheme, const TensorFile *file);

/* Refuses models that are not CLIP (SigLIP, CoCa, towers of other libraries, ...), each with its reason. */
int names_refuse(const TensorFile *file, Error *err);

/* Refuses a file with a tensor that is neither read nor known to matter to no feature: such a model computes
 * something else. "FILE: tensor NAME: reason". What is within layers is left to checkpoint_layers. */
int names_check(const NameScheme *scheme, const TensorFile *file, Error *err);

#endif
