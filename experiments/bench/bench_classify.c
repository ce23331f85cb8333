/* bench_classify.c: how long a user of `coop classify` waits, from its start to the first label.
 *
 * Each pass starts the program on a checkpoint of random weights, a prompt and a photo, all written
 * beforehand. Beside it stands what it cannot avoid: running the tower on one image, and reading the file.
 */
#include "clip/base/files.h"
#include "clip/checkpoint/model_config.h"
#include "coop/prompt_file.h"
#include "experiments/bench/bench_checkpoint.h"
#include "experiments/bench/bench_child.h"
#include "experiments/bench/bench_folder.h"
#include "experiments/bench/bench_loops.h"
#include "experiments/bench/bench_photo.h"
#include "experiments/bench/bench_towers.h"
#include "experiments/terminal/interrupt.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define ROOM 2e9 /* bytes on disk, ample */

enum { CLASSES = 100, CONTEXTS = 16 };

/* The first is measured with all other loops, the rest when they are named. */
typedef struct {
    const char *loop, *architecture;
    DType dtype;
    bool from_disk; /* nothing of the checkpoint is in memory */
} Case;

static const Case CASES[] = {
    {"classify, start to first label, ViT-B/32, F16", "ViT-B/32", DTYPE_F16, false},
    {"classify, start to first label, ViT-B/32, F16, from disk", "ViT-B/32", DTYPE_F16, true},
    {"classify, start to first label, ViT-B/32, F32", "ViT-B/32", DTYPE_F32, false},
    {"classify, start to first label, ViT-B/32, F32, from disk", "ViT-B/32", DTYPE_F32, true},
    {"classify, start to first label, RN50, F16", "RN50", DTYPE_F16, false},
    {"classify, start to first label, RN50, F16, from disk", "RN50", DTYPE_F16, true},
    {"classify, start to first label, RN50, F32", "RN50", DTYPE_F32, false},
    {"classify, start to first label, RN50, F32, from disk", "RN50", DTYPE_F32, true},
};

typedef struct {
    const Case *what;
    const char *checkpoint, *prompt, *photo; /* paths */
    Pool *pool;
    BenchChild child; /* of the last pass, which has said its label */
    double memory;    /* bytes, the most of a process */
} Classify;

/* --- what it finds on disk --- */

/* As a run here leaves it: with the stamp of the checkpoint, of which `classify` then needs no digest. */
static int write_prompt(const Classify *files, const char *digest, Arena *arena, Error *err) {
    const Architecture *a = architecture_find(files->what->architecture);
    const size_t E = (size_t)a->embed_dim, n_ctx = CONTEXTS * (size_t)a->text_width;
    float *ctx = arena_floats(arena, n_ctx, 1), *text = arena_floats(arena, CLASSES, E);
    const char **names = ARENA_NEW(arena, const char *, CLASSES);
    if (arena_failed(arena))
        return error_memory(err);
    char stamp[FILE_STAMP];
    file_stamp(stamp, files->checkpoint);
    bench_fill(ctx, n_ctx, 0.02);
    for (size_t k = 0; k < CLASSES; k++) {
        text[k * E + k] = 1;
        names[k] = arena_printf(arena, "class %d", (int)k);
    }
    if (arena_failed(arena))
        return error_memory(err);
    const Prompt prompt = {.n_classes = CLASSES,
                           .n_ctx = CONTEXTS,
                           .width = a->text_width,
                           .embed_dim = a->embed_dim,
                           .class_names = names,
                           .ctx = ctx,
                           .text_features = text,
                           .logit_scale = 4.6f,
                           .backbone = a->name,
                           .backbone_digest = digest,
                           .vocab_digest = digest,
                           .dataset = "bench",
                           .checkpoint = files->checkpoint,
                           .checkpoint_stamp = stamp,
                           .image_size = a->image_size,
                           .mean = CLIP_MEAN,
                           .std = CLIP_STD};
    return prompt_write(files->prompt, &prompt, err);
}

static int write_files(Classify *files, const char *folder, Arena *arena, Error *err) {
    const unsigned char *jpeg;
    size_t size;
    char digest[65];
    files->checkpoint = path_join(arena, folder, "model.safetensors");
    files->prompt = path_join(arena, folder, PROMPT_FILE);
    files->photo = path_join(arena, folder, "photo.jpg");
    if (arena_failed(arena))
        return error_memory(err);
    if (bench_checkpoint_write(files->checkpoint, digest, architecture_find(files->what->architecture),
                               files->what->dtype, err) < 0 ||
        write_prompt(files, digest, arena, err) < 0 || photo_draw(&jpeg, &size, 0, arena, err) < 0)
        return -1;
    return file_write(files->photo, jpeg, size, err);
}

/* --- what is measured --- */

static int classify_loop(void *context, Error *err) {
    Classify *files = context;
    char threads[16];
    snprintf(threads, sizeof threads, "%d", pool_threads(files->pool));
    return bench_child_speak(
        &files->child,
        (const char *const[]){"classify", "--quiet", "--threads", threads, files->prompt, files->photo, NULL},
        err);
}

static int read_loop(void *context, Error *err) {
    const Classify *files = context;
    char buffer[1 << 16];
    int file = open(files->checkpoint, O_RDONLY);
    ssize_t n = file < 0 ? -1 : 1;
    while (n > 0)
        n = read(file, buffer, sizeof buffer);
    if (n < 0)
        error_run(err, "%s: cannot read: %s", files->checkpoint, strerror(errno));
    if (file >= 0)
        close(file);
    return n < 0 ? -1 : 0;
}

static int end_last(void *context, Error *err) {
    Classify *files = context;
    return bench_child_end(&files->child, &files->memory, err);
}

/* Takes the checkpoint out of the kernel's memory. What was just written must be on the disk for that. */
static int forget(void *context, Error *err) {
    const Classify *files = context;
    const int file = open(files->checkpoint, O_RDONLY);
    const bool failed = file < 0 || fsync(file) != 0 || posix_fadvise(file, 0, 0, POSIX_FADV_DONTNEED) != 0;
    if (file >= 0)
        close(file);
    return failed ? error_run(err, "%s: cannot be read from the disk anew", files->checkpoint) : 0;
}

static int end_and_forget(void *context, Error *err) {
    return end_last(context, err) < 0 ? -1 : forget(context, err);
}

static int measure_classify(const Bench *bench, void *context, Pool *pool, Sample *sample, Error *err) {
    Classify *files = context;
    const bool from_disk = files->what->from_disk;
    double reading;
    Sample tower;
    files->pool = pool;
    files->memory = 0;
    const int result = bench_median_after(&sample->seconds, from_disk ? end_and_forget : end_last,
                                          classify_loop, files, err);
    if (end_last(files, result < 0 ? NULL : err) < 0 || result < 0 ||
        bench_median_after(&reading, from_disk ? forget : NULL, read_loop, files, err) < 0 ||
        bench_tower(bench, files->what->architecture, 1, pool, &tower, err) < 0)
        return -1;
    sample->memory = files->memory;
    snprintf(sample->note, sizeof sample->note, "tower %.3f s, plain reading %.3f s: %.2f times both",
             tower.seconds, reading, sample->seconds / (tower.seconds + reading));
    return 0;
}

static int bench_case(Bench *bench, const Case *what, Error *err) {
    char folder[BENCH_PATH];
    Classify files = {.what = what};
    Arena *arena = arena_create();
    int result = arena ? bench_folder_make(folder, err) : error_memory(err);
    if (result == 0) {
        result = write_files(&files, folder, arena, err);
        if (result == 0)
            result =
                interrupt_check(err) < 0 ? -1 : bench_row(bench, what->loop, measure_classify, &files, err);
        bench_folder_remove(folder);
    }
    arena_free(arena);
    return result;
}

int bench_classify(Bench *bench, Error *err) {
    int result = 0;
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES && result == 0; i++) {
        const bool asked = bench_asked(bench, CASES[i].loop);
        if (!bench->linear && bench_wanted(bench, CASES[i].loop) &&
            (asked || (i == 0 && bench_folder_room(ROOM))))
            result = bench_case(bench, &CASES[i], err);
    }
    return result;
}
