/* command_index.c: coop index */
#include "clip/base/clock.h"
#include "experiments/commands/commands.h"
#include "experiments/find/index_about.h"
#include "experiments/find/index_build.h"
#include "experiments/labels/label_inputs.h"
#include "experiments/session/cli_model.h"
#include "experiments/terminal/printable.h"

#include "clip/base/files.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
    const char *weights, *out, *list, *numbers;
    IndexAbout about;
    bool null;
    OptionTexts photos;
} Request;

static void stop_inputs(void *inputs) {
    label_inputs_stop(inputs);
}

/* The words that are folders, from the root; below them, what is gone was deleted. */
static int find_folders(IndexRequest *index, const OptionTexts *words, Arena *arena, Error *err) {
    const char **folders = ARENA_NEW(arena, const char *, words->n + 1);
    for (int i = 0; folders && i < words->n; i++) {
        char *real = folder_exists(words->values[i]) ? realpath(words->values[i], NULL) : NULL;
        if (real && (folders[index->n_folders] = arena_strdup(arena, real)))
            index->n_folders++;
        free(real);
    }
    index->folders = folders;
    return arena_failed(arena) ? error_memory(err) : 0;
}

static void tell(const Request *request, const IndexCounts *c, double seconds) {
    if (c->cut > 0)
        print_line(stderr,
                   "note: %s: the last %" PRIu64 " bytes were of an update that died, and were cut off",
                   request->out, c->cut);
    if (c->passed > 0)
        print_line(stderr, "note: %ld file%s no image%s and passed over (%s)", c->passed,
                   c->passed == 1 ? " is" : "s are", c->passed == 1 ? "" : "s",
                   *c->first_passed ? c->first_passed : "members of a tar file");
    if (c->compacted)
        print_line(stderr, "note: %s: was written anew without what was dead", request->out);
    print_line(stderr,
               "%s: %" PRIu64
               " photos: %ld new, %ld changed, %ld with known content, %ld deleted, %ld as before",
               request->out, c->total, c->added, c->changed, c->reused, c->deleted, c->same);
    const long encoded = c->added + c->changed;
    if (seconds >= 1 && encoded > 0)
        print_line(stderr, "%ld encoded in %.1f s, %.1f images/s", encoded, seconds,
                   (double)encoded / seconds);
}

static int verdict(const Request *request, const IndexCounts *c, Error *err) {
    if (c->bad > 0) {
        error_set(err, "%ld photo%s could not be read", c->bad, c->bad == 1 ? "" : "s");
        err->kind = c->total > 0 ? ERROR_PARTLY : ERROR_INPUT;
        return -1;
    }
    return c->total + (uint64_t)c->deleted > 0 ? 0 : error_set(err, "%s: there is no photo", request->out);
}

static int build(const Request *request, LoadedModel *model, LabelInputs *inputs, CommandLine *line,
                 Error *err) {
    IndexCounts counts;
    IndexRequest index = {.model = model,
                          .out = request->out,
                          .about = index_about_text(&request->about, model, line->arena, err),
                          .numbers =
                              strcmp(request->numbers, "bfloat16") == 0 ? INDEX_BFLOAT16 : INDEX_FLOAT32,
                          .next = label_inputs_next,
                          .inputs = inputs,
                          .stop_inputs = stop_inputs,
                          .quiet = line->common.quiet};
    if (!index.about || find_folders(&index, &request->photos, line->arena, err) < 0)
        return -1;
    const double start = clock_seconds();
    if (index_build(&counts, &index, err) < 0) {
        if (err->kind == ERROR_SIGNAL && !line->common.quiet)
            print_line(stderr, "%s: stopped; %ld photos that were encoded are kept", request->out,
                       counts.added + counts.changed);
        return -1;
    }
    cli_model_print_note(model, line->common.quiet);
    if (!line->common.quiet)
        tell(request, &counts, clock_seconds() - start);
    return verdict(request, &counts, err);
}

static int run(CommandLine *line, Error *err) {
    const char *activation = NULL, *precision = NULL, *exif = NULL;
    Request request = {.numbers = "float32", .about.upright = true};
    const Option options[] = {
        {"model", OPTION_TEXT, &request.about.checkpoint, 0, 0, "FILE|NAME",
         "the checkpoint: a file, its folder, or a name (coop models)"},
        {"out", OPTION_TEXT, &request.out, 0, 0, "FILE", "the index: begun, or brought up to date"},
        {"features", OPTION_TEXT, &request.numbers, 0, 0, "KIND",
         "float32 (default), or bfloat16: half the size, scores to two digits"},
        {"exif", OPTION_TEXT, &exif, 0, 0, "USE",
         "of photos: rotate (default): they are turned upright first, or ignore"},
        {"list", OPTION_TEXT, &request.list, 0, 0, "FILE",
         "photos, too: a path per line (-: standard input)"},
        {"null", OPTION_FLAG, &request.null, 0, 0, NULL, "paths of a list stand between zero bytes"},
        {"vocab", OPTION_TEXT, &request.about.vocabulary, 0, 0, "FILE",
         "the checkpoint's vocabulary, for searches (default: found beside it)"},
        OPTION_ACTIVATION(&activation),
        OPTION_HEADS(&request.about.heads),
        OPTION_PRECISION(&precision)};
    const int status = command_parse(line, &command_index, options, 10, err);
    if (status != 0)
        return status < 0 ? -1 : 0;
    if (!request.about.checkpoint || !request.out)
        return error_usage(err, "--model and --out are needed");
    if (strcmp(request.numbers, "float32") != 0 && strcmp(request.numbers, "bfloat16") != 0)
        return error_usage(err, "--features %s: float32 or bfloat16 is needed", request.numbers);
    if (cli_activation(&request.about.activation, activation, err) < 0 ||
        cli_precision(&request.about.precision, precision, err) < 0 ||
        cli_exif(&request.about.upright, exif, err) < 0)
        return -1;
    request.photos = line->words;
    LoadedModel model = {0};
    LabelInputs *inputs = label_inputs_open(line->words, request.list, request.null, err);
    int result = inputs ? 0 : -1;
    if (result == 0)
        result = cli_model_open(&model, request.about.checkpoint,
                                (LoadedModelOptions){.towers = CLIP_IMAGE | CLIP_DIGEST,
                                                     .activation = request.about.activation,
                                                     .heads = request.about.heads,
                                                     .precision = request.about.precision,
                                                     .n_threads = line->common.threads},
                                err);
    model.upright = request.about.upright;
    if (result == 0)
        result = build(&request, &model, inputs, line, err);
    label_inputs_close(inputs);
    loaded_model_close(&model);
    return result;
}

const Command command_index = {
    .name = "index",
    .usage =
        "coop index PHOTOS... --model FILE --out FILE [--features KIND] [--exif USE] [--list FILE [--null]]",
    .summary = "encode photos once, to find them by a sentence or a picture",
    .help =
        "PHOTOS are files, folders (with all that lie in them), tar files, or - for a list on standard "
        "input.\n"
        "A second time only new and changed photos are encoded; moved ones are known by their content, "
        "and those\n"
        "deleted from a folder that is named leave the index. Paths are kept from the root: when a folder "
        "has moved,\n"
        "name it where it is now, and its photos are read, not encoded, and change their paths. Ctrl-C "
        "keeps what is\n"
        "done. A photo that cannot be read is named, and the status is 1.\n",
    .example = "coop index ~/Pictures --model ViT-B/32 --out photos.index",
    .min_words = 0,
    .max_words = ANY_NUMBER,
    .run = run};
