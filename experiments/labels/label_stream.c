/* label_stream.c: see label_stream.h */
#include "experiments/labels/label_stream.h"

#include "clip/base/clock.h"
#include "clip/base/files.h"
#include "experiments/labels/label_inputs.h"
#include "experiments/labels/library_call.h"
#include "experiments/terminal/interrupt.h"
#include "experiments/terminal/printable.h"
#include "experiments/terminal/progress.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { DEFAULT_BATCH = 64 };

typedef struct {
    coop_classifier *classifier;
    const LabelRequest *request;
    FeatureSource source;
    ImageStream *stream;
    LabelInputs *inputs;
    LabelOutput output;
    Progress progress;
    Arena *arena;
    int batch;
    const StreamImage **images; /* (batch) */
    coop_image *squares;        /* (batch): of those with pixels */
    coop_label *labels;         /* (batch, top): the same */
    long n_turned;              /* by their EXIF */
    char *first_turned;         /* malloc'd */
} Labelling;

int label_request_check(const LabelRequest *request, int *n, Error *err) {
    LabelInputs *inputs = label_inputs_open(request->images, request->list, request->null, err);
    *n = inputs ? label_inputs_count(inputs) : 0;
    label_inputs_close(inputs);
    if (inputs && request->json && request->csv)
        return error_usage(err, "--json and --csv exclude each other");
    return inputs ? 0 : -1;
}

/* --- a batch --- */

static int note_turned(Labelling *s, const StreamImage *image, Error *err) {
    if (image->orientation == 1 || !image->rgb)
        return 0;
    if (s->n_turned++ == 0 && !(s->first_turned = strdup(image->path)))
        return error_memory(err);
    return 0;
}

static int label_batch(Labelling *s, int n, Error *err) {
    int n_good = 0;
    const int S = s->source.transform.size;
    coop_error error;
    for (int i = 0; i < n; i++) {
        if (s->images[i]->rgb)
            s->squares[n_good++] = coop_image_pixels(s->images[i]->rgb, S, S);
        if (note_turned(s, s->images[i], err) < 0)
            return -1;
    }
    if (coop_classify(s->classifier, s->squares, n_good, s->labels, label_output_top(&s->output), NULL,
                      &error) != COOP_OK)
        return library_fail(err, &error);
    return label_output_put(&s->output, s->images, n, s->labels, S, err);
}

/* --- all --- */

/* Before the work, not behind it. */
static int check_sheet(const char *path, Error *err) {
    FileWriter *writer = file_create(path, err);
    file_discard(writer);
    return writer ? 0 : -1;
}

static int refuse_none(const LabelRequest *request, Error *err) {
    const char *name = request->images.n > 0 ? request->images.values[0] : request->list;
    return error_set(err, "%s%s: there is no image", strcmp(name, "-") == 0 ? "standard input" : name,
                     request->images.n + (request->list != NULL) > 1 ? " and the others" : "");
}

static int open_stream(Labelling *s, Error *err) {
    const ClassifierInfo *info = library_info(s->classifier);
    const size_t n = (size_t)s->batch, top = (size_t)label_output_top(&s->output);
    const int n_threads = pool_threads(library_model(s->classifier)->pool);
    const StreamOptions ahead = {.n_threads = n_threads, .n_ahead = 2 * s->batch + n_threads};
    s->images = ARENA_NEW(s->arena, const StreamImage *, n);
    s->squares = ARENA_NEW(s->arena, coop_image, n);
    s->labels = ARENA_NEW(s->arena, coop_label, n * top);
    if (arena_failed(s->arena))
        return error_memory(err);
    if (s->request->html &&
        (check_sheet(s->request->html, err) < 0 ||
         !(s->output.sheet = contact_sheet_create("Labels", info->class_names, info->n_classes, err))))
        return -1;
    s->stream = image_stream_open(&s->source, &ahead, label_inputs_next, s->inputs, err);
    return s->stream ? 0 : -1;
}

static int run_stream(Labelling *s, Error *err) {
    int n, result = 0;
    label_output_begin(&s->output);
    while (result == 0 &&
           (n = image_stream_take(s->stream, s->images, s->batch, interrupt_check, err)) != 0) {
        result = n < 0 ? -1 : label_batch(s, n, err);
        progress_update(&s->progress, s->output.n);
    }
    /* the header alone may still be on its way */
    return result < 0 ? -1 : label_output_put(&s->output, NULL, 0, NULL, 0, err);
}

static void close_stream(Labelling *s) {
    if (s->inputs)
        label_inputs_stop(s->inputs);
    image_stream_close(s->stream);
    label_inputs_close(s->inputs);
    contact_sheet_free(s->output.sheet);
    label_output_free(&s->output);
    free(s->first_turned);
    arena_free(s->arena);
}

static void tell_turned(const Labelling *s) {
    const char *are = s->n_turned == 1 ? " is" : "s are";
    if (s->source.upright && s->request->was_learned)
        print_line(
            stderr,
            "note: images are turned upright as their EXIF says, as when this was learned (exif: rotate)");
    else if (!s->source.upright && s->n_turned > 0)
        print_line(stderr, "note: %ld image%s turned by EXIF, which was ignored%s (%s)", s->n_turned, are,
                   s->request->was_learned ? " as when this was learned"
                                           : "; --exif rotate turns them upright",
                   s->first_turned);
}

static void tell(const Labelling *s, double seconds) {
    const LabelOutput *output = &s->output;
    tell_turned(s);
    if (output->n_passed > 0)
        print_line(stderr, "note: %ld file%s of folders %s no image%s and passed over (%s)", output->n_passed,
                   output->n_passed == 1 ? "" : "s", output->n_passed == 1 ? "is" : "are",
                   output->n_passed == 1 ? "" : "s", output->first_passed);
    if (seconds >= 1)
        print_line(stderr, "%ld images in %.1f s, %.1f images/s", output->n, seconds,
                   (double)output->n / seconds);
}

int label_images(coop_classifier *classifier, const LabelRequest *request, bool quiet, Error *err) {
    Labelling s = {.classifier = classifier,
                   .request = request,
                   .source = loaded_model_source(library_model(classifier)),
                   .arena = arena_create()};
    const ClassifierInfo *info = library_info(classifier);
    int result = -1;
    s.batch = request->batch > 0       ? request->batch
              : s.source.max_batch > 0 ? s.source.max_batch
                                       : DEFAULT_BATCH;
    s.output = (LabelOutput){.format = request->json  ? LABELS_JSON
                                       : request->csv ? LABELS_CSV
                                                      : LABELS_TEXT,
                             .top = request->top,
                             .class_names = info->class_names,
                             .n_classes = info->n_classes,
                             .arena = s.arena,
                             .progress = &s.progress};
    if (!s.arena)
        return error_memory(err);
    const double start = clock_seconds();
    s.inputs = label_inputs_open(request->images, request->list, request->null, err);
    if (!s.inputs)
        goto out;
    const int n = label_inputs_count(s.inputs);
    s.batch = n > 0 && n < s.batch ? n : s.batch;
    /* lines that scroll by on a terminal are progress enough */
    progress_start(&s.progress, stderr, quiet || isatty(STDOUT_FILENO), "labelling images", n);
    if (open_stream(&s, err) == 0)
        result = run_stream(&s, err);
    progress_erase(&s.progress);
    if (result == 0 && s.output.sheet)
        result = contact_sheet_write(s.output.sheet, request->html, err);
    if (result == 0 && !quiet)
        tell(&s, clock_seconds() - start);
    if (result == 0)
        result = s.output.n > 0 ? label_output_verdict(&s.output, err) : refuse_none(request, err);
out:
    close_stream(&s);
    return result;
}
