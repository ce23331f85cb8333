/* prompt_file.h: a learned prompt on disk, all that `classify` needs beside the checkpoint's image tower.
 *
 * Layout of `prompt.safetensors`: tensors `ctx` F32 [M, C] or [K, M, C], `text_features` F32 [K, E] of unit
 * length, `logit_scale` F32 [] (a logarithm, as in the checkpoint); metadata, all text: format "coop-prompt",
 * version "1", class_names (a JSON list), class_token_position, csc ("true" or "false"), n_ctx, backbone,
 * backbone_digest, vocab_digest, dataset, checkpoint, image_size, mean and std (JSON lists of three numbers);
 * activation ("quick_gelu" or "gelu") and heads (of the image tower) where the experiment chose them, or
 * activation "quick_gelu (assumed)"; checkpoint_stamp (files.h) where the checkpoint is a single file; exif
 * "rotate" where images were turned; precision "bfloat16" where they were encoded in that; how it was learned
 * (coop/learned/provenance.h); a checksum (safetensors_write.h), which prompts from elsewhere need not have;
 * around, the text behind the contexts with {} for the name, where it is not "{}.".
 */
#ifndef COOP_PROMPT_FILE_H
#define COOP_PROMPT_FILE_H

#include "clip/tensors/tensors.h"
#include "coop/learned/provenance.h"
#include "coop/prompt_learner.h"

#define PROMPT_FILE "prompt.safetensors"

/* What was learned otherwise (tuned_file.h, classifier_file.h) has the fields from class_names on without
 * ctx, the rest zero. */
typedef struct {
    int n_classes, n_ctx, width, embed_dim; /* K, M, C, E */
    bool csc;
    ClassTokenPosition class_token_position;
    const char **class_names;   /* (K) */
    const char *around;         /* what follows the contexts, with {} for the name; NULL: "{}." */
    const float *ctx;           /* (M, C) or (K, M, C) */
    const float *text_features; /* (K, E), unit length */
    float logit_scale;          /* a logarithm */
    const char *backbone, *backbone_digest, *vocab_digest, *dataset;
    const char *checkpoint;       /* where the weights were; a hint */
    const char *checkpoint_stamp; /* of that file: while it is the same, so is its digest; or NULL */
    ClipActivation activation;    /* as chosen when they were opened, and */
    int heads;                    /* the same; 0: not chosen */
    bool assumed;                 /* nothing told the activation, and QuickGELU was assumed */
    int image_size;
    float mean[3], std[3];
    bool exif_rotate;    /* its images were turned as their EXIF says */
    Precision precision; /* FLOAT32 or BFLOAT16: in which they were encoded */
    Provenance made;
} Prompt;

/* ctx, text_features and logit_scale, as they are written; they point into the prompt. */
enum { PROMPT_TENSORS = 3 };
void prompt_tensors(TensorOut out[PROMPT_TENSORS], const Prompt *prompt);

/* Written atomically. Fails when a text is not UTF-8. */
int prompt_write(const char *path, const Prompt *prompt, Error *err);
/* Everything is owned by the arena. Shapes, counts, finiteness and the length of the features are checked. */
int prompt_read(Prompt *prompt, const char *path, Arena *arena, Error *err);
int prompt_read_from(Prompt *prompt, const TensorFile *file, Arena *arena, Error *err);
/* Fails, saying what differs, unless the prompt belongs to this checkpoint: widths, image size and digest
 * agree. path is the prompt's, for messages. A checkpoint with the stamp that the prompt holds is not
 * digested again. prompt_check_sizes leaves out the digest, which may take a while. */
int prompt_check_model(const Prompt *prompt, const char *path, Clip *clip, Error *err);
int prompt_check_sizes(const Prompt *prompt, const char *path, const Clip *clip, Error *err);

/* --- for files of what was learned otherwise, but that has classes and a checkpoint, too --- */

/* Writes text_features and logit_scale (unless there are no text features) and the tensors, with the metadata
 * above but that of contexts, and `more`. At most PROMPT_MORE of these. */
enum { PROMPT_MORE = 8 };
int prompt_write_as(const char *path, const char *format, const Prompt *prompt, const TensorOut *tensors,
                    int n_tensors, const MetadataOut *more, int n_more, Error *err);
/* Reads what that wrote, but for the tensors and `more`; prompt_read_head the metadata alone, and
 * prompt_read_texts the rest of it. */
int prompt_read_as(Prompt *prompt, const TensorFile *file, const char *format, Arena *arena, Error *err);
int prompt_read_head(Prompt *prompt, const TensorFile *file, const char *format, Arena *arena, Error *err);
int prompt_read_texts(Prompt *prompt, const TensorFile *file, Arena *arena, Error *err);

/* A list of texts as JSON, caller frees; NULL when one is not UTF-8, or memory is out. */
char *prompt_list_json(const char *const *texts, int n);
/* The list in the metadata under `key`, owned by the arena; n of them, at least one. NULL with an error. */
const char **prompt_list_read(const TensorFile *file, const char *key, int *n, Arena *arena, Error *err);

#endif
