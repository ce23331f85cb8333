/* cli_model.c: see cli_model.h */
#include "experiments/session/cli_model.h"

#include "clip/checkpoint/locate.h"
#include "experiments/session/print_faults.h"
#include "experiments/terminal/interrupt.h"
#include "experiments/terminal/progress.h"

#include <stdio.h>
#include <string.h>

int cli_activation(ClipActivation *choice, const char *text, Error *err) {
    if (text && clip_activation_from(choice, text) < 0)
        return error_usage(err, "--activation %s: auto, quick_gelu or gelu is needed", text);
    return 0;
}

int cli_precision(Precision *choice, const char *text, Error *err) {
    if (text && precision_from(choice, text) < 0)
        return error_usage(err, "--precision %s: float32, bfloat16 or auto is needed", text);
    return 0;
}

int cli_exif(bool *upright, const char *text, Error *err) {
    if (text && strcmp(text, "rotate") != 0 && strcmp(text, "ignore") != 0)
        return error_usage(err, "--exif %s: rotate or ignore is needed", text);
    if (text)
        *upright = *text == 'r';
    return 0;
}

int cli_model_open(LoadedModel *model, const char *weights, LoadedModelOptions options, Error *err) {
    options.stop = interrupt_stop;
    return loaded_model_open(model, weights, &options, err);
}

int cli_model_open_for(LoadedModel *model, const Experiment *experiment, int n_threads, Error *err) {
    const LoadedModelOptions options = {.towers = CLIP_BOTH | CLIP_DIGEST,
                                        .vocab = experiment->model.vocab_here ? experiment->model.vocab_here
                                                                              : experiment->model.vocab,
                                        .activation = experiment->model.activation,
                                        .heads = experiment->model.heads,
                                        .precision = experiment->model.precision,
                                        .n_threads = n_threads};
    const char *weights = experiment_weights(experiment);
    if (cli_model_open(model, weights, options, err) < 0)
        return -1;
    const TensorFile *file = model->clip->file;
    return locate_is_name(weights) /* else its digest is not yet needed */
               ? locate_check_digest(weights, tensors_path(file), tensors_digest(model->clip->file), err)
               : 0;
}

int cli_model_open_text(LoadedModel *model, const Prompt *prompt, const char *path, const char *weights,
                        const char *vocab, int n_threads, Error *err) {
    const LoadedModelOptions options = {.towers = CLIP_TEXT | CLIP_DIGEST,
                                        .vocab = vocab,
                                        .activation = prompt->activation,
                                        .heads = prompt->heads,
                                        .n_threads = n_threads};
    *model = (LoadedModel){0};
    weights = loaded_model_prompt_weights(prompt, path, weights, err);
    if (!weights || cli_model_open(model, weights, options, err) < 0 ||
        prompt_check_model(prompt, path, model->clip, err) < 0)
        return -1;
    return loaded_model_check_vocab(model, path, prompt->vocab_digest, err);
}

static int on_progress(void *context, long done, long total) {
    (void)total;
    progress_update(context, done);
    return interrupt_signal();
}

int cli_model_encode(LoadedModel *model, float *features, Error *bad, const char *const *paths, int n,
                     bool unit, bool quiet, Error *err) {
    Progress progress;
    ImageFaults faults = {0};
    progress_start(&progress, stderr, quiet, "encoding images", n);
    int result =
        loaded_model_encode(model, features, bad, paths, n, unit, on_progress, &progress, &faults, err);
    progress_erase(&progress);
    if (result < 0 && interrupt_signal())
        return interrupt_check(err);
    return result < 0 ? print_faults(&faults, err) : 0;
}

void cli_model_print_precision(const LoadedModel *model, bool quiet) {
    if (model->asked == PRECISION_BFLOAT16 && model->clip->precision == PRECISION_FLOAT32 && !quiet)
        fprintf(stderr, PRECISION_NOTE "\n");
}

void cli_model_print_note(const LoadedModel *model, bool quiet) {
    if (model->clip->note && (model->clip->assumed || !quiet))
        fprintf(stderr, "%s%s\n", model->clip->note,
                model->clip->assumed ? " (--activation, or model.activation of an experiment, says otherwise)"
                                     : "");
    cli_model_print_precision(model, quiet);
}
