/* command_encode.c: coop encode */
#include "clip/base/files.h"
#include "clip/tensors/safetensors_write.h"
#include "coop/zeroshot.h"
#include "datasets/lists/folder.h"
#include "experiments/commands/commands.h"
#include "experiments/original/lpclip.h"
#include "experiments/session/cli_model.h"
#include "experiments/terminal/printable.h"

#include <string.h>

#define MAX_LIST_FILE ((size_t)1 << 30)

typedef struct {
    const char *weights, *vocab, *texts, *images, *dataset, *root, *out;
    ClipActivation activation;
    int heads;
    Precision precision;
    bool quiet, upright;
} Request;

/* The lines of a text file, owned by the arena; without blank, those that are not empty. */
static int read_lines(OptionTexts *lines, bool blank, const char *path, Arena *arena, Error *err) {
    size_t size, n = 1;
    char *text = file_read(path, MAX_LIST_FILE, arena, &size, err);
    if (!text)
        return -1;
    for (size_t i = 0; i < size; i++)
        n += text[i] == '\n';
    *lines = (OptionTexts){.values = ARENA_NEW(arena, const char *, n)};
    if (arena_failed(arena))
        return error_memory(err);
    int number = 0;
    for (char *line = text, *end; line < text + size; line = end + 1) {
        size_t left = (size_t)(text + size - line);
        end = memchr(line, '\n', left);
        end = end ? end : text + size;
        number++;
        if (memchr(line, '\0', (size_t)(end - line)))
            return error_set(err, "%s: line %d: a zero byte, where lines of text are needed", path, number);
        *end = '\0';
        if (end > line && end[-1] == '\r')
            end[-1] = '\0';
        if (*line || blank)
            lines->values[lines->n++] = line;
    }
    return lines->n > 0 ? 0 : error_set(err, "%s: no lines", path);
}

/* The files of a folder, then those of the folders in it, class by class: the order of ImageFolder. */
static int walk_folder(ListBuilder *list, const char *folder, Arena *arena, Error *err) {
    TextPool pool = {.arena = arena};
    NameList files, classes;
    if (folder_list(&files, folder, false, &pool, err) < 0 ||
        folder_list(&classes, folder, true, &pool, err) < 0)
        return -1;
    for (int i = 0; i < files.n; i++)
        if (list_push(list, files.names[i], 0, arena, err) < 0)
            return -1;
    for (int i = 0; i < classes.n; i++) {
        const char *path = text_join(&pool, folder, classes.names[i]);
        if (!path)
            return error_memory(err);
        if (folder_push(list, path, classes.names[i], 0, &pool, err) < 0)
            return -1;
    }
    return list->list.n > 0 ? 0 : error_set(err, "%s: no files", folder);
}

/* *names are relative to the folder; *paths begin with it. */
static int list_folder(OptionTexts *names, OptionTexts *paths, const char *folder, Arena *arena, Error *err) {
    ListBuilder list = {0};
    if (walk_folder(&list, folder, arena, err) < 0)
        return -1;
    const int n = list.list.n;
    *names = (OptionTexts){.values = ARENA_NEW(arena, const char *, n), .n = n};
    *paths = (OptionTexts){.values = ARENA_NEW(arena, const char *, n), .n = n};
    for (int i = 0; i < n && !arena_failed(arena); i++) {
        names->values[i] = list.list.items[i].path;
        paths->values[i] = path_join(arena, folder, list.list.items[i].path);
    }
    return arena_failed(arena) ? error_memory(err) : 0;
}

/* The texts as one JSON list would be long; a line each is what they came as. */
static char *join_lines(OptionTexts lines, Arena *arena) {
    size_t size = 1;
    for (int i = 0; i < lines.n; i++)
        size += strlen(lines.values[i]) + 1;
    char *text = ARENA_NEW(arena, char, size), *at = text;
    for (int i = 0; text && i < lines.n; i++) {
        at = stpcpy(at, lines.values[i]);
        if (i + 1 < lines.n)
            *at++ = '\n';
    }
    return text;
}

static int write_features(const char *path, const float *features, const int *tokens, OptionTexts items,
                          const Clip *clip, Arena *arena, Error *err) {
    const TensorOut tensors[] = {{.name = "features",
                                  .dtype = DTYPE_F32,
                                  .n_dims = 2,
                                  .shape = {items.n, clip->embed_dim},
                                  .data = features},
                                 {.name = "tokens",
                                  .dtype = DTYPE_I32,
                                  .n_dims = 2,
                                  .shape = {items.n, clip->text.n_positions},
                                  .data = tokens}};
    char *lines = join_lines(items, arena);
    if (!lines)
        return error_memory(err);
    const MetadataOut metadata[] = {{"items", lines}, {"backbone", clip->name}};
    return safetensors_write(path, tensors, tokens ? 2 : 1, metadata, 2, err);
}

static void print_cuts(TextCuts cuts, const char *path, int n_positions) {
    if (cuts.n == 1)
        print_line(stderr, "%s: line %d: cut to %d tokens", path, cuts.first + 1, n_positions);
    if (cuts.n > 1)
        print_line(stderr, "%s: line %d: cut to %d tokens, the first of %d texts that are too long", path,
                   cuts.first + 1, n_positions, cuts.n);
}

/* A row for each line, so that row and line keep together. */
static int encode_text_file(const Request *request, int n_threads, Arena *arena, Error *err) {
    OptionTexts texts;
    TextCuts cuts;
    int bad;
    if (read_lines(&texts, true, request->texts, arena, err) < 0)
        return -1;
    LoadedModel model;
    int result = -1;
    const LoadedModelOptions options = {.towers = CLIP_TEXT,
                                        .vocab = request->vocab,
                                        .activation = request->activation,
                                        .heads = request->heads,
                                        .precision = request->precision,
                                        .n_threads = n_threads};
    if (cli_model_open(&model, request->weights, options, err) < 0)
        goto out;
    const Clip *clip = model.clip;
    float *features = arena_floats(arena, (size_t)texts.n, (size_t)clip->embed_dim);
    int *tokens = ARENA_NEW(arena, int, (size_t)texts.n *(size_t)clip->text.n_positions);
    if (arena_failed(arena)) {
        error_memory(err);
        goto out;
    }
    if (encode_texts(features, tokens, &cuts, clip, model.tokenizer, model.pool, texts.values, texts.n, &bad,
                     err) == 0)
        result = write_features(request->out, features, tokens, texts, clip, arena, err);
    else if (bad >= 0)
        error_prefix(err, "%s: line %d", request->texts, bad + 1);
    if (result == 0)
        cli_model_print_note(&model, request->quiet);
    if (result == 0 && !request->quiet)
        print_cuts(cuts, request->texts, clip->text.n_positions);
out:
    loaded_model_close(&model);
    return result;
}

static int encode_image_files(const Request *request, int n_threads, Arena *arena, Error *err) {
    OptionTexts names, paths;
    if (folder_exists(request->images)) {
        if (list_folder(&names, &paths, request->images, arena, err) < 0)
            return -1;
    } else {
        if (read_lines(&paths, false, request->images, arena, err) < 0)
            return -1;
        names = paths;
    }
    LoadedModel model;
    int result = -1;
    const LoadedModelOptions options = {.towers = CLIP_IMAGE,
                                        .activation = request->activation,
                                        .heads = request->heads,
                                        .precision = request->precision,
                                        .n_threads = n_threads};
    if (cli_model_open(&model, request->weights, options, err) < 0)
        goto out;
    model.upright = request->upright;
    float *features = arena_floats(arena, (size_t)paths.n, (size_t)model.clip->embed_dim);
    if (!features) {
        error_memory(err);
        goto out;
    }
    if (cli_model_encode(&model, features, NULL, paths.values, paths.n, false, request->quiet, err) == 0)
        result = write_features(request->out, features, NULL, names, model.clip, arena, err);
    if (result == 0)
        cli_model_print_note(&model, request->quiet);
out:
    loaded_model_close(&model);
    return result;
}

/* All lists of a dataset, for another program. */
static int encode_dataset(const Request *request, int n_threads, Arena *arena, Error *err) {
    LoadedModel model;
    const LoadedModelOptions options = {.towers = CLIP_IMAGE,
                                        .activation = request->activation,
                                        .heads = request->heads,
                                        .precision = request->precision,
                                        .n_threads = n_threads};
    int result = cli_model_open(&model, request->weights, options, err);
    if (result == 0) {
        model.upright = request->upright;
        result =
            lpclip_write(request->out, request->dataset, request->root, &model, request->quiet, arena, err);
    }
    if (result == 0)
        cli_model_print_note(&model, request->quiet);
    loaded_model_close(&model);
    return result;
}

/* What is encoded is one of three; a dataset alone has a format of another program. */
static int check_request(const Request *request, const char *format, Error *err) {
    const int n = (request->texts != NULL) + (request->images != NULL) + (request->dataset != NULL);
    if (!request->weights || !request->out || n != 1)
        return error_usage(err, "--model, --out and one of --texts, --images and --dataset are needed: %s",
                           command_encode.usage);
    if (!request->dataset != !format || !request->dataset != !request->root)
        return error_usage(err, "--dataset, --root and --format lpclip go together");
    if (format && strcmp(format, "lpclip") != 0)
        return error_usage(err, "--format %s: lpclip is needed", format);
    return 0;
}

static int run(CommandLine *line, Error *err) {
    Arena *arena = line->arena;
    Request request = {0};
    const char *activation = NULL, *precision = NULL, *exif = NULL, *format = NULL;
    const Option options[] = {{"model", OPTION_TEXT, &request.weights, 0, 0, "FILE|NAME",
                               "the checkpoint: a file, its folder, or a name (coop models)"},
                              OPTION_VOCAB(&request.vocab),
                              OPTION_ACTIVATION(&activation),
                              OPTION_HEADS(&request.heads),
                              OPTION_PRECISION(&precision),
                              {"texts", OPTION_TEXT, &request.texts, 0, 0, "FILE", "a text per line"},
                              {"images", OPTION_TEXT, &request.images, 0, 0, "LIST_OR_DIR",
                               "a path per line, or a folder of images or of class folders"},
                              OPTION_EXIF(&exif),
                              {"dataset", OPTION_TEXT, &request.dataset, 0, 0, "NAME",
                               "all lists of a known dataset (coop datasets)"},
                              {"root", OPTION_TEXT, &request.root, 0, 0, "DIR", "the folder of all datasets"},
                              {"format", OPTION_TEXT, &format, 0, 0, "FORMAT",
                               "of a dataset: lpclip, the .npz files of CoOp's lpclip/feat_extractor.py"},
                              {"out", OPTION_TEXT, &request.out, 0, 0, "FILE",
                               "the safetensors file to write; of a dataset the folder"}};
    int status = command_parse(line, &command_encode, options, 12, err);
    if (status != 0)
        return status < 0 ? -1 : 0;
    if (check_request(&request, format, err) < 0)
        return -1;
    if (cli_activation(&request.activation, activation, err) < 0 ||
        cli_precision(&request.precision, precision, err) < 0 || cli_exif(&request.upright, exif, err) < 0)
        return -1;
    request.quiet = line->common.quiet;
    if (request.dataset)
        return encode_dataset(&request, line->common.threads, arena, err);
    if (request.texts)
        return encode_text_file(&request, line->common.threads, arena, err);
    return encode_image_files(&request, line->common.threads, arena, err);
}

const Command command_encode = {
    .name = "encode",
    .usage = "coop encode --model FILE (--texts FILE | --images LIST_OR_DIR) "
             "--out FILE.safetensors [--vocab FILE]\n"
             "       coop encode --model FILE --dataset NAME --root DIR --format lpclip --out DIR\n"
             "            [--activation NAME] [--heads N] [--precision NAME] [--exif USE]",
    .summary = "write the features of texts or images",
    .help = "features [N, E] F32 as the towers give them (not of unit length); "
            "for texts also tokens [N, T] I32. The\n"
            "metadata `items` holds the lines, or the paths within the folder, "
            "one per line. Each line of\n"
            "texts is a row, also an empty one; a text that is too long is cut, "
            "as OpenCLIP does.\n",
    .example = "coop encode --model experiments/demo/clip_demo.safetensors "
               "--texts prompts.txt --out features.safetensors",
    .min_words = 0,
    .max_words = 0,
    .run = run};
