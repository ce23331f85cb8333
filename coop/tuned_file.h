/* tuned_file.h: what a tuner has learned, on disk: all that `classify` needs beside the checkpoint.
 *
 * Layout of `weights.safetensors` (format "coop-weights"): the weights that changed, F32, under the names of
 * openai/CLIP's model.py; of `lora.safetensors` (format "coop-lora"): for each projection that was trained
 * `transformer.resblocks.0.attn.q_proj.lora_A` F32 [r, C] and `.lora_B` [C, r], `visual.` before those of the
 * image tower. Both: `text_features` F32 [K, E] of unit length, `logit_scale` and the metadata of a prompt's
 * file (prompt_file.h) but that of contexts; metadata part ("image_encoder", ...; "low_rank") and templates
 * (a JSON list), which give the features of other classes; for low-rank matrices rank, alpha and scaling: s
 * is alpha / r ("rank") or alpha / sqrt(r) ("root").
 */
#ifndef COOP_TUNED_FILE_H
#define COOP_TUNED_FILE_H

#include "coop/prompt_file.h"
#include "coop/tuner.h"

#define TUNED_WEIGHTS_FILE "weights.safetensors"
#define TUNED_LOW_RANK_FILE "lora.safetensors"

typedef struct {
    Prompt head; /* without contexts */
    TunedPart part;
    const char **templates; /* (n_templates) */
    int n_templates;
    int rank; /* r, of low-rank matrices, and */
    double scale;
} Tuned;

const char *tuned_part_name(TunedPart part); /* "image_encoder"; as choices, in order: */
#define TUNED_PARTS "image_encoder|text_encoder|all|image_projection|bias|layer_norm"

bool tuned_is_one(const TensorFile *file); /* whether it holds such a thing */

/* Written atomically. The head and the templates say what the file says; tuner and clip what was learned. */
int tuned_write(const char *path, const Tuned *tuned, const TrainableClip *clip, const TunerConfig *config,
                const Tuner *tuner, Error *err);

/* The same for an image projection that was trained otherwise: w (E, C) (image_tower_projection). */
int tuned_write_projection(const char *path, const Tuned *tuned, const Clip *clip, const float *w,
                           Error *err);

/* All but the weights; owned by the arena. */
int tuned_read(Tuned *tuned, const TensorFile *file, Arena *arena, Error *err);

/* Puts the weights of the file into a clip of the same checkpoint, low-rank matrices merged. *image and *text
 * say which towers changed. */
int tuned_apply(const Tuned *tuned, const TensorFile *file, TrainableClip *clip, bool *image, bool *text,
                Error *err);

#endif
