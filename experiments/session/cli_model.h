/* cli_model.h: a loaded model on the command line: its options, Ctrl-C, a progress bar, notes on stderr. */
#ifndef EXPERIMENTS_SESSION_CLI_MODEL_H
#define EXPERIMENTS_SESSION_CLI_MODEL_H

#include "coop/loaded_model.h"
#include "experiments/config/config.h"

/* The values of --activation and --precision; ERROR_USAGE. NULL leaves *choice as it is. */
int cli_activation(ClipActivation *choice, const char *text, Error *err);
int cli_precision(Precision *choice, const char *text, Error *err);
/* The value of --exif: whether images are turned upright first. */
int cli_exif(bool *upright, const char *text, Error *err);

/* loaded_model_open, stopped by a signal. Caller closes, also after a failure. */
int cli_model_open(LoadedModel *model, const char *weights, LoadedModelOptions options, Error *err);

/* The same for the model of an experiment, with both towers. */
int cli_model_open_for(LoadedModel *model, const Experiment *experiment, int n_threads, Error *err);

/* Opens the text tower and the vocabulary that a prompt was learned with, and checks that they are the same.
 * path is the prompt's. weights NULL: where they were when the prompt was learned; vocab NULL: beside the
 * weights. Caller closes, also after a failure. */
int cli_model_open_text(LoadedModel *model, const Prompt *prompt, const char *path, const char *weights,
                        const char *vocab, int n_threads, Error *err);

/* loaded_model_encode with a progress bar unless quiet; ERROR_SIGNAL when a signal came. Several images that
 * cannot be read are listed on stderr, unless they go to bad. */
int cli_model_encode(LoadedModel *model, float *features, Error *bad, const char *const *paths, int n,
                     bool unit, bool quiet, Error *err);

/* Says on stderr if this processor lacks the precision that was asked for. */
void cli_model_print_precision(const LoadedModel *model, bool quiet);
/* Prints the note on the checkpoint (Clip.note), if there is one, and then the same. An assumption is said
 * even if `quiet`. */
void cli_model_print_note(const LoadedModel *model, bool quiet);

#endif
