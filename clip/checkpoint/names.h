/* names.h: what each flavour of checkpoint calls CLIP's tensors.
 *
 * The rest of the code asks for a tensor by the name that openai/CLIP's model.py gives it; a NameScheme says
 * where a file keeps it. Three flavours are known: OpenAI's own names, which OpenCLIP shares; OpenCLIP's with
 * the text tower under "text." (CustomTextCLIP); Hugging Face's, where queries, keys and values are three
 * tensors and the projections are transposed. Any of them may stand behind a wrapper's prefix ("module.").
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
    PLACE_TRANSPOSED, /* a matrix the other way round */
    PLACE_THREE       /* thirds of the rows, one below the other */
} PlaceForm;

/* Where a file keeps one of OpenAI's tensors. */
typedef struct {
    PlaceForm form;
    char names[3][NAME_SIZE]; /* the first alone, but all of PLACE_THREE */
} Place;

/* "OpenAI", "OpenCLIP", "Hugging Face" */
const char *names_title(NameFlavour flavour);

/* Finds the scheme of a file; false when it holds none of the tensors that tell it, and OpenAI's is set. */
bool names_detect(NameScheme *scheme, const TensorFile *file);

/* The place of a tensor, or of all that begin so ("transformer.resblocks.", "ln_final."). */
Place names_place(const NameScheme *scheme, const char *openai_name);

/* Refuses models that are something else than CLIP (SigLIP, CoCa, towers of other libraries, ...), each with
 * the reason, and towers that hold a weight which CLIP has not: "FILE: tensor NAME: reason". */
int names_check(const NameScheme *scheme, const TensorFile *file, Error *err);

#endif
