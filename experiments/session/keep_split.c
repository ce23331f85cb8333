/* keep_split.c: see keep_split.h */
#include "experiments/session/keep_split.h"

#include "clip/base/files.h"
#include "datasets/lists/split_file_write.h"
#include "experiments/config/names.h"
#include "experiments/terminal/printable.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define EARLIER_SPLITS "earlier_splits"
#define MAX_SPLIT_FILE ((size_t)1 << 32)

/* What the file holds goes to a folder named by its content, so that it keeps the name by which results are
 * found; *copy is where, or NULL if it holds this text, or nothing. */
static int keep_earlier(const char **copy, bool *same, const Buffer *text, const char *path,
                        const char *output, Arena *arena, Error *err) {
    size_t size;
    char digest[65];
    *copy = NULL;
    *same = false;
    if (!file_exists(path))
        return 0;
    const char *old = file_read(path, MAX_SPLIT_FILE, arena, &size, err);
    if (!old)
        return -1;
    *same = size == text->size && memcmp(old, text->bytes, size) == 0;
    if (*same)
        return 0;
    digest_bytes(digest, old, size);
    const char *folder = arena_printf(arena, "%s/" EARLIER_SPLITS "/%.8s", output, digest);
    *copy = folder ? path_join(arena, folder, strrchr(path, '/') + 1) : NULL;
    if (!*copy)
        return error_memory(err);
    return make_folders(folder, err) < 0 ? -1 : file_write(*copy, old, size, err);
}

/* Does nothing to a file that holds the same parts. */
static int keep_text(const char **earlier, const Buffer *text, const char *path, const char *output,
                     Arena *arena, Error *err) {
    bool same;
    if (keep_earlier(earlier, &same, text, path, output, arena, err) < 0)
        return -1;
    return same ? 0 : file_write(path, text->bytes, text->size, err);
}

static void print_drawn(const Dataset *drawn, bool is_turned, const char *images, const char *path,
                        const char *earlier) {
    print_line(stderr, "drawn: %d images for training, %d for validation, %d for testing; to use them again:",
               drawn->train.n, drawn->val.n, drawn->test.n);
    print_line(stderr, "  dataset: {format: split, images: %s, split: %s%s}", images, path,
               is_turned ? ", exif: rotate" : "");
    if (earlier)
        print_line(
            stderr,
            "note: other parts than before, for images, classes or shares have changed; those are kept "
            "in %s",
            earlier);
}

/* The name leads back to the dataset's, so that its results are found from the split file too. */
int keep_split(const Session *session, Error *err) {
    const Dataset *drawn = session->dataset.whole ? session->dataset.whole : &session->dataset;
    const char *images, *earlier = NULL, *output = session->experiment->output;
    Buffer text = {0};
    Arena *arena = session->arena;
    if (!drawn->drawn)
        return 0;
    char *name = safe_name(drawn->name, arena);
    char *path = arena_printf(arena, "%s/split_zhou_%s.json", output, name);
    if (arena_failed(arena))
        return error_memory(err);
    int result = split_file_text(&text, drawn, &images, arena, err);
    if (result == 0)
        result = keep_text(&earlier, &text, path, output, arena, err);
    buffer_free(&text);
    if (result < 0)
        return -1;
    if (!session->quiet)
        print_drawn(drawn, session->experiment->dataset.exif == EXIF_ROTATE, images, path, earlier);
    return 0;
}
