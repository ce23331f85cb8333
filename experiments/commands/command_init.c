/* command_init.c: coop init: an experiment file for a folder of photos. */
#define _GNU_SOURCE /* program_invocation_name: the line can be pasted as it is */
#include "clip/base/buffer.h"
#include "clip/base/files.h"
#include "clip/checkpoint/locate.h"
#include "datasets/lists/dataset_open.h"
#include "datasets/lists/list_check.h"
#include "experiments/commands/commands.h"
#include "experiments/config/yaml_tree.h"
#include "experiments/session/print_faults.h"
#include "experiments/terminal/printable.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum { N_SHOWN = 6 };

typedef struct {
    const char *photos, *weights, *vocab, *out;
    DatasetSpec spec;
    Dataset dataset;
    int n_images, smallest, largest; /* of all classes: images in all lists */
    int max_shots;                   /* 1, 2, ... 16: at least half of the classes have so many to train on */
} Draft;

/* Finds train and test in the folder, or classes; reads the lists. */
static int read_photos(Draft *draft, Arena *arena, Error *err) {
    const char *photos = path_expand(arena, draft->photos);
    const char *train = photos ? path_join(arena, draft->photos, "train") : NULL;
    const char *val = path_join(arena, draft->photos, "val");
    const char *test = path_join(arena, draft->photos, "test");
    if (arena_failed(arena))
        return error_memory(err);
    draft->spec = (DatasetSpec){.format = "folder"};
    if (folder_exists(path_join(arena, photos, "train")) && folder_exists(path_join(arena, photos, "test"))) {
        draft->spec.train = train;
        draft->spec.val = folder_exists(path_join(arena, photos, "val")) ? val : NULL;
        draft->spec.test = test;
    } else {
        draft->spec.images = draft->photos;
        draft->spec.split_seed = 1;
    }
    if (dataset_open(&draft->dataset, &draft->spec, arena, err) < 0)
        return -1;
    if (draft->dataset.n_classes == 1)
        return error_set(err, "%s: '%s' is the only class: nothing to tell it from", draft->photos,
                         draft->dataset.class_names[0]);
    if (draft->dataset.test.n == 0)
        return error_set(err, "%s: one image per class: none is left to test on", draft->photos);
    return 0;
}

/* A run would find an image that it cannot read only when its turn comes. */
static int check_images(const Dataset *dataset, int n_threads, Error *err) {
    ImageFaults faults;
    Pool *pool = pool_create(n_threads);
    if (!pool)
        return error_run(err, "cannot start threads: out of memory, or too many of them");
    int result = dataset_check_content(dataset, pool, &faults, err);
    pool_free(pool);
    return result < 0 ? print_faults(&faults, err) : 0;
}

static int count_classes(Draft *draft, Arena *arena, Error *err) {
    const Dataset *dataset = &draft->dataset;
    const ItemList *lists[] = {&dataset->train, &dataset->val, &dataset->test};
    int *counts = ARENA_NEW(arena, int, dataset->n_classes),
        *train = ARENA_NEW(arena, int, dataset->n_classes);
    if (arena_failed(arena))
        return error_memory(err);
    for (int part = 0; part < 3; part++)
        for (int i = 0; i < lists[part]->n; i++) {
            counts[lists[part]->items[i].label]++;
            train[lists[part]->items[i].label] += part == 0;
        }
    draft->smallest = counts[0];
    for (int k = 0; k < dataset->n_classes; k++) {
        draft->n_images += counts[k];
        draft->smallest = counts[k] < draft->smallest ? counts[k] : draft->smallest;
        draft->largest = counts[k] > draft->largest ? counts[k] : draft->largest;
    }
    draft->max_shots = 1;
    for (int shots = 2; shots <= 16; shots *= 2) {
        int n_rich = 0;
        for (int k = 0; k < dataset->n_classes; k++)
            n_rich += train[k] >= shots;
        if (2 * n_rich >= dataset->n_classes)
            draft->max_shots = shots;
    }
    return 0;
}

static void write_key(Buffer *out, const char *key, const char *text) {
    buffer_printf(out, "  %s: ", key);
    yaml_write_text(out, text);
    buffer_printf(out, "\n");
}

static void write_dataset(Buffer *out, const Draft *draft) {
    const DatasetSpec *spec = &draft->spec;
    buffer_printf(out, "dataset:\n  format: folder\n");
    if (spec->images) {
        write_key(out, "images", spec->images);
        buffer_printf(out, "  p_trn: 0.5      # of each class, drawn at random: to train on,\n"
                           "  p_val: 0.2      # for validation; the rest is for testing\n"
                           "  split_seed: 1   # another number is another draw\n");
    } else {
        write_key(out, "train", spec->train);
        if (spec->val)
            write_key(out, "val", spec->val);
        write_key(out, "test", spec->test);
    }
    buffer_printf(out, "  exif: rotate    # photos are turned as their camera noted\n");
    buffer_printf(
        out, "  template: \"a photo of a {}.\"  # better: \"a photo of a {}, a type of flower.\"\n"
             "  # class_names: names.txt      # a line per folder: its name, a tab, the name for prompts\n");
}

static void write_draft(Buffer *out, const Draft *draft, Arena *arena) {
    const Dataset *dataset = &draft->dataset;
    buffer_printf(out, "# %d images in %d classes", draft->n_images, dataset->n_classes);
    for (int k = 0; k < dataset->n_classes && k < N_SHOWN; k++)
        buffer_printf(out, "%s%s", k ? ", " : ": ", printable(dataset->class_names[k], arena));
    buffer_printf(out, "%s\n# %d", dataset->n_classes > N_SHOWN ? ", ..." : "", draft->smallest);
    if (draft->largest != draft->smallest)
        buffer_printf(out, " to %d", draft->largest);
    buffer_printf(out, " image%s each. `coop run FILE` runs it; `coop run --help` lists all keys.\n",
                  draft->largest == 1 ? "" : "s");
    buffer_printf(out, "model:\n");
    write_key(out, "weights", draft->weights);
    if (draft->vocab)
        write_key(out, "vocab", draft->vocab);
    write_dataset(out, draft);
    buffer_printf(out, "grid:\n  num_shots: [1");
    for (int shots = 2; shots <= draft->max_shots; shots *= 2)
        buffer_printf(out, ", %d", shots);
    buffer_printf(
        out, "]  # training images per class; a class with fewer gives all that it has\n"
             "  seed: [1, 2, 3]\n"
             "methods:\n"
             "  - zeroshot: {templates: default}    # the template above\n"
             "  - zeroshot: {templates: ensemble}   # seven templates together\n"
             "  - linear_probe: {}\n"
             "  - coop: {n_ctx: 16}                 # 16 learned vectors in front of the name\n"
             "  # - coop: {n_ctx: 4, csc: true}     # 4 for each class, of its own: with 4 or more shots\n");
}

/* What the run would look for before anything else. */
static int check_model(const Draft *draft, Arena *arena, Error *err) {
    const char *weights = path_expand(arena, draft->weights);
    const char *vocab = path_expand(arena, draft->vocab ? draft->vocab : draft->weights);
    if (!weights || !vocab)
        return error_memory(err);
    const char *file = locate_weights(weights, arena, err);
    FileMap map;
    if (!file || file_map(&map, file, err) < 0)
        return -1;
    file_unmap(&map);
    if (draft->vocab && !folder_exists(vocab))
        return file_exists(vocab) ? 0 : error_set(err, "%s: no such file", vocab);
    return locate_vocabulary(vocab, arena, err) ? 0 : -1;
}

/* A text that the reader of experiment files would refuse. */
static int check_text(const char *text, Arena *arena, Error *err) {
    if (!text || printable(text, arena) == text)
        return 0;
    return error_set(err, "%s: the name holds bytes that an experiment file cannot", printable(text, arena));
}

static int make_draft(Draft *draft, int n_threads, Arena *arena, Error *err) {
    if (check_text(draft->photos, arena, err) < 0 || check_text(draft->weights, arena, err) < 0 ||
        check_text(draft->vocab, arena, err) < 0)
        return -1;
    if (read_photos(draft, arena, err) < 0 || check_images(&draft->dataset, n_threads, err) < 0 ||
        count_classes(draft, arena, err) < 0)
        return -1;
    return check_model(draft, arena, err);
}

/* The draft into its file, or to standard output. */
static int write_out(const Draft *draft, Arena *arena, Error *err) {
    Buffer out = {0};
    if (draft->out && (file_exists(draft->out) || folder_exists(draft->out)))
        return error_set(err, "%s: is there already, and stays as it is", draft->out);
    write_draft(&out, draft, arena);
    const char *text = arena_failed(arena) ? NULL : buffer_text(&out);
    int result = 0;
    if (!text)
        result = error_memory(err);
    else if (draft->out)
        result = file_write(draft->out, text, out.size, err);
    else
        fwrite(text, 1, out.size, stdout);
    buffer_free(&out);
    return result;
}

static int run(CommandLine *line, Error *err) {
    Arena *arena = line->arena;
    Draft draft = {0};
    const Option options[] = {
        {"model", OPTION_TEXT, &draft.weights, 0, 0, "FILE|NAME",
         "the checkpoint: a file, its folder, or a name (coop models)"},
        OPTION_VOCAB(&draft.vocab),
        {"out", OPTION_TEXT, &draft.out, 0, 0, "FILE", "write to a new file instead of standard output"}};
    int status = command_parse(line, &command_init, options, 3, err);
    if (status != 0)
        return status < 0 ? -1 : 0;
    if (!draft.weights)
        return error_usage(err, "--model is needed: %s", command_init.usage);
    draft.photos = line->words.values[0];
    if (make_draft(&draft, line->common.threads, arena, err) < 0)
        return -1;
    const Remarks *remarks = &draft.dataset.remarks;
    for (int i = 0; i < remarks->n && !line->common.quiet; i++)
        print_line(stderr, "%s", remarks->lines[i]);
    if (write_out(&draft, arena, err) < 0)
        return -1;
    if (draft.out && !line->common.quiet)
        print_line(stderr, "run it: %s run %s", program_invocation_name, draft.out);
    return 0;
}

const Command command_init = {
    .name = "init",
    .usage = "coop init PHOTOS --model FILE [--vocab FILE] [--out FILE.yaml]",
    .summary = "an experiment file for a folder of photos",
    .help = "PHOTOS has a subfolder per class, or the folders train, test and perhaps val that have them.\n"
            "What is written is a start to be edited; coop run takes it as it is.\n",
    .example = "coop init photos --model ~/models/ViT-B-32.pt --out photos.yaml && coop run photos.yaml",
    .min_words = 1,
    .max_words = 1,
    .run = run};
