/* evaluate.c: see evaluate.h */
#include "experiments/original/evaluate.h"

#include "clip/base/files.h"
#include "experiments/original/confusion.h"
#include "experiments/original/describe.h"
#include "experiments/results/scores.h"
#include "experiments/results/tensorboard.h"

#include <math.h>
#include <string.h>

int evaluation_open(Evaluation *evaluation, Log *log, const Settings *settings, Session *session,
                    const Point *point, const char *split, const char *scratch, Arena *arena, Error *err) {
    const Dataset *dataset = &session->dataset;
    const long long shots = yacs_int(&settings->config, "DATASET.NUM_SHOTS");
    const bool tests_itself = dataset->val.items == dataset->test.items; /* ImageNet */
    ItemList train, val = dataset->test;
    *evaluation = (Evaluation){.log = log,
                               .settings = settings,
                               .point = point,
                               .split = "test",
                               .session = session,
                               .images = *session,
                               .scratch = scratch};
    if (strcmp(split, "val") == 0 && dataset->val.n > 0) {
        if (!tests_itself &&
            session_lists(session, &train, &val, shots >= 1 ? (int)shots : 0, settings->seed, arena, err) < 0)
            return -1;
        if (val.n > 0) {
            evaluation->split = "val";
            evaluation->images.dataset.test = val;
            evaluation->images.test_raw = NULL;
        }
    }
    Session *images = &evaluation->images;
    if (!images->test_raw && session_encode_test(images, err) < 0)
        return -1;
    return session_save(images, err);
}

static int logits_of(float *logits, Evaluation *evaluation, const ModelFile *model, Arena *arena,
                     Error *err) {
    Session *session = evaluation->session;
    if (model)
        return model_file_test(logits, model, session, evaluation->point, &evaluation->images,
                               evaluation->scratch, arena, err);
    const float *text = session_texts(session, &evaluation->point->options->templates, arena, err);
    if (!text)
        return -1;
    session_classify(&evaluation->images, logits, text);
    return 0;
}

static int write_confusion(const Evaluation *evaluation, const Scores *scores, Arena *arena, Error *err) {
    const Session *images = &evaluation->images;
    const char *path = path_join(arena, evaluation->settings->output, "cmat.pt");
    if (!yacs_truth(&evaluation->settings->config, "TEST.COMPUTE_CMAT"))
        return 0;
    if (!path)
        return error_memory(err);
    if (confusion_write(path, images->test_labels, scores->predicted, images->dataset.test.n,
                        images->dataset.n_classes, arena, err) < 0)
        return -1;
    log_printf(evaluation->log,
               evaluation->settings->older ? "Confusion matrix is saved to \"%s\"\n"
                                           : "Confusion matrix is saved to %s\n",
               path);
    return 0;
}

int evaluation_run(Outcome *outcome, Evaluation *evaluation, const ModelFile *model, Arena *arena,
                   Error *err) {
    const Session *images = &evaluation->images;
    const int n = images->dataset.test.n, K = images->dataset.n_classes;
    Scores scores;
    float *logits = arena_floats(arena, (size_t)n, (size_t)K);
    if (!logits)
        return error_memory(err);
    if (logits_of(logits, evaluation, model, arena, err) < 0 ||
        scores_compute(&scores, logits, images->test_labels, n, K, arena, err) < 0)
        return -1;
    *outcome = (Outcome){scores.accuracy, scores.macro_f1, scores.per_class};
    describe_split(evaluation->log, evaluation->settings, evaluation->split);
    describe_result(evaluation->log, evaluation->settings, images, scores.accuracy, scores.macro_f1,
                    scores.per_class);
    return write_confusion(evaluation, &scores, arena, err);
}

/* Of the classes that have images. */
static double mean_of_classes(const double *per_class, int n_classes) {
    double sum = 0;
    int n = 0;
    for (int k = 0; k < n_classes; k++)
        if (!isnan(per_class[k])) {
            sum += per_class[k];
            n++;
        }
    return sum / n;
}

void evaluation_events(FILE *events, const char *split, int epoch, const Outcome *outcome,
                       const Settings *settings, int n_classes) {
    const struct {
        const char *name;
        double value;
    } rows[] = {
        {"accuracy", outcome->accuracy},
        {"error_rate", 100 - outcome->accuracy},
        {"macro_f1", outcome->macro_f1},
        {"perclass_accuracy", outcome->per_class && yacs_truth(&settings->config, "TEST.PER_CLASS_RESULT")
                                  ? mean_of_classes(outcome->per_class, n_classes)
                                  : NAN}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char tag[64];
        snprintf(tag, sizeof tag, "%s/%s", split, rows[i].name);
        if (!isnan(rows[i].value))
            tensorboard_scalar(events, tag, epoch - 1, rows[i].value);
    }
}
