/* cli_model.h: a model on the command line: its options, Ctrl-C, a progress bar, what is said on stderr. */
#ifndef EXPERIMENTS_SESSION_CLI_MODEL_H
#define EXPERIMENTS_SESSION_CLI_MODEL_H

#include "coop/loaded_model.h"
#include "experiments/config/config.h"

/* The values of --activation and --precision; ERROR_USAGE. NULL leaves *choice as it is. */
int cli_activation(ClipActivation *choice, const char *text, Error *err);
int cli_precision(Precision *choice, const char *text, Error *err);

/* model_open that a signal stops. Caller closes, also after a failure. */
int cli_model_open(LoadedModel *model, const char *weights, LoadedModelOptions options, Error *err);

/* Both towers of an experiment's model. */
int cli_model_open_for(LoadedModel *model, const Experiment *experiment, int n_threads, Error *err);

/* The text tower that a prompt was learned with, and its vocabulary; fails when they are others. path is the
 * prompt's; weights and vocab may be NULL: where they were then, and beside them. */
int cli_model_open_text(LoadedModel *model, const Prompt *prompt, const char *path, const char *weights,
                        const char *vocab, int n_threads, Error *err);

/* model_encode with a progress bar unless quiet; ERROR_SIGNAL when a signal came. */
int cli_model_encode(LoadedModel *model, float *features, const char *const *paths, int n, bool unit,
                     bool quiet, Error *err);

/* On stderr: that this processor lacks the precision that was asked for. */
void cli_model_print_precision(const LoadedModel *model, bool quiet);
/* That, after what there is to know about the checkpoint (Clip.note). */
void cli_model_print_note(const LoadedModel *model, bool quiet);

#endif
