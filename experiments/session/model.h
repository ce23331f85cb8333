/* model.h: a checkpoint with its vocabulary and threads, as the commands need it. */
#ifndef EXPERIMENTS_SESSION_MODEL_H
#define EXPERIMENTS_SESSION_MODEL_H

#include "clip/base/arena.h"
#include "clip/base/parallel.h"
#include "clip/checkpoint/model.h"
#include "clip/text/tokenizer.h"
#include "coop/prompt_file.h"
#include "datasets/features/features.h"
#include "experiments/config/experiment.h"

typedef struct {
    Clip *clip;
    Tokenizer *tokenizer; /* NULL without the text tower */
    Pool *pool;
    char name[48];         /* for tables: "RN50", "RN50 bfloat16" */
    Precision asked;       /* clip->precision is what came of it */
    char tower_digest[65]; /* model_tower_digest's */
} Model;

/* Opens the checkpoint and, with the text tower, the vocabulary: vocab is a path, or NULL to look beside the
 * weights; either may be a folder (clip/checkpoint/locate.h). Caller closes, also after a failure. */
int model_open(Model *model, const char *weights, const char *vocab, ClipActivation activation,
               Precision precision, ClipTowers towers, int n_threads, Error *err);
/* The same for an experiment: both towers. */
int model_open_for(Model *model, const Experiment *experiment, int n_threads, Error *err);
void model_close(Model *model);

/* CLIP_FEW_IMAGES, if n are so few that opening the checkpoint for more would take longer; else 0. */
ClipTowers model_few(int n_images);

/* The values of --activation and --precision; ERROR_USAGE. NULL leaves *choice as it is. */
int model_activation_option(ClipActivation *choice, const char *text, Error *err);
int model_precision_option(Precision *choice, const char *text, Error *err);

/* What the image tower computes, for the cache of its features: clip_digest, and the precision. */
const char *model_tower_digest(Model *model);

/* On stderr: that the precision asked for is not to be had here; that, and what there is to know about the
 * checkpoint (Clip.note). */
void model_print_precision(const Model *model, bool quiet);
void model_print_note(const Model *model, bool quiet);

/* The checkpoint to use with a prompt: the one given on the command line, or where it was when the prompt was
 * learned. NULL, with an error that tells of --model, when it is not there any more. */
const char *prompt_weights(const Prompt *prompt, const char *prompt_path, const char *given, Error *err);

/* A prompt's words mean something else under another vocabulary: an error that begins with the prompt's path.
 */
int model_check_vocab(const Model *model, const char *prompt_path, const char *vocab_digest, Error *err);

/* The image tower of the model as the feature cache sees it. Borrows the model. For a cache on disk its
 * model_digest must be filled in. */
FeatureSource model_source(Model *model);

/* features (n, E) of single files under the test transform, without a cache on disk; of unit length or as the
 * tower gives them. Draws a progress bar unless quiet; ERROR_SIGNAL when a signal came. */
int model_encode_images(Model *model, float *features, const char *const *paths, int n, bool unit, bool quiet,
                        Error *err);

#endif
