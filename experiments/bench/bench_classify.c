/* bench_classify.c: how long a user of `coop classify` waits, from its start to the first label.
 *
 * Each pass starts the program on a checkpoint of random weights, a prompt and a photo, all written
 * beforehand. Beside it stands what it cannot avoid: running the tower on one image, and reading the file.
 */
#include "clip/base/files.h"
#include "clip/checkpoint/model_config.h"
#include "clip/checkpoint/random_clip.h"
#include "clip/image/image_tower.h"
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

#define ROOM 1e9 /* bytes on disk, ample */

enum { CLASSES = 100, CONTEXTS = 16 };

typedef struct {
    const char *checkpoint, *prompt, *photo; /* paths */
    Pool *pool;
    double memory; /* bytes, the most of a process */
} Classify;

/* --- what it finds on disk --- */

/* As a run here leaves it: with the stamp of the checkpoint, of which `classify` then needs no digest. */
static int write_prompt(const Classify *files, const char *digest, Arena *arena, Error *err) {
    const Architecture *a = architecture_find("ViT-B/32");
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
    files->checkpoint = path_join(arena, folder, "ViT-B-32.safetensors");
    files->prompt = path_join(arena, folder, PROMPT_FILE);
    files->photo = path_join(arena, folder, "photo.jpg");
    if (arena_failed(arena))
        return error_memory(err);
    if (bench_checkpoint_write(files->checkpoint, digest, architecture_find("ViT-B/32"), err) < 0 ||
        write_prompt(files, digest, arena, err) < 0 || photo_draw(&jpeg, &size, 0, arena, err) < 0)
        return -1;
    return file_write(files->photo, jpeg, size, err);
}

/* --- what is measured --- */

static int classify_loop(void *context, Error *err) {
    Classify *files = context;
    char threads[16];
    snprintf(threads, sizeof threads, "%d", pool_threads(files->pool));
    return bench_child(
        &files->memory,
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

/* As the command does: the image tower. */
static int open_loop(void *context, Error *err) {
    const Classify *files = context;
    const ClipOptions options = {.towers = CLIP_IMAGE | CLIP_FEW_IMAGES, .pool = files->pool};
    Clip *clip = clip_open_with(files->checkpoint, &options, err);
    clip_free(clip);
    return clip ? 0 : -1;
}

static int measure_classify(const Bench *bench, void *context, Pool *pool, Sample *sample, Error *err) {
    Classify *files = context;
    double opening, reading;
    Sample tower;
    files->pool = pool;
    files->memory = 0;
    if (bench_median(&sample->seconds, classify_loop, files, err) < 0 ||
        bench_median(&opening, open_loop, files, err) < 0 ||
        bench_median(&reading, read_loop, files, err) < 0 ||
        bench_tower(bench, "ViT-B/32", 1, pool, &tower, err) < 0)
        return -1;
    sample->memory = files->memory;
    snprintf(sample->note, sizeof sample->note,
             "tower %.3f s, opening %.3f s, plain reading %.3f s: x %.2f of 1.2 tower + reading",
             tower.seconds, opening, reading, sample->seconds / (1.2 * tower.seconds + reading));
    return 0;
}

int bench_classify(Bench *bench, Error *err) {
    static const char loop[] = "classify, start to first label";
    char folder[BENCH_PATH];
    Classify files = {0};
    if (bench->linear || !bench_wanted(bench, loop) ||
        (!bench_asked(bench, loop) && !bench_folder_room(ROOM)))
        return 0;
    Arena *arena = arena_create();
    int result = arena ? bench_folder_make(folder, err) : error_memory(err);
    if (result == 0) {
        result = write_files(&files, folder, arena, err);
        if (result == 0)
            result = interrupt_check(err) < 0 ? -1 : bench_row(bench, loop, measure_classify, &files, err);
        bench_folder_remove(folder);
    }
    arena_free(arena);
    return result;
}
