/* keep_split.c: see keep_split.h */
#include "experiments/session/keep_split.h"

#include "clip/base/files.h"
#include "datasets/lists/split_file_write.h"
#include "experiments/config/names.h"
#include "experiments/terminal/printable.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define EARLIER_SPLITS "earlier_splits"
#define MAX_SPLIT_FILE ((size_t)1 << 32)

/* A copy of the split file that is about to be replaced, in a folder named by its content, so that the file
 * keeps the name by which results are found. *copy is NULL when there is none to keep. */
static int keep_earlier(const char **copy, char digest[65], const char *path, const char *output,
                        Arena *arena, Error *err) {
    size_t size;
    *copy = NULL;
    if (!file_exists(path))
        return 0;
    const char *text = file_read(path, MAX_SPLIT_FILE, arena, &size, err);
    if (!text)
        return -1;
    digest_bytes(digest, text, size);
    const char *folder = arena_printf(arena, "%s/" EARLIER_SPLITS "/%.8s", output, digest);
    *copy = folder ? path_join(arena, folder, strrchr(path, '/') + 1) : NULL;
    if (!*copy)
        return error_memory(err);
    return make_folders(folder, err) < 0 || file_write(*copy, text, size, err) < 0 ? -1 : 0;
}

/* The copy goes again where nothing has changed, with its folders if nothing else is in them. */
static int drop_same(const char **copy, const char *digest, const char *path, const char *output,
                     Arena *arena, Error *err) {
    FileMap map;
    char now[65];
    if (!*copy)
        return 0;
    if (file_map(&map, path, err) < 0)
        return -1;
    digest_bytes(now, map.data, map.size);
    file_unmap(&map);
    if (strcmp(now, digest) != 0)
        return 0;
    const char *folder = path_folder(arena, *copy), *above = path_join(arena, output, EARLIER_SPLITS);
    if (!folder || !above)
        return error_memory(err);
    unlink(*copy);
    rmdir(folder);
    rmdir(above);
    *copy = NULL;
    return 0;
}

static void print_drawn(const Dataset *drawn, const char *images, const char *path, const char *earlier) {
    print_line(stderr, "drawn: %d images for training, %d for validation, %d for testing; to use them again:",
               drawn->train.n, drawn->val.n, drawn->test.n);
    print_line(stderr, "  dataset: {format: split, images: %s, split: %s}", images, path);
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
    const char *images, *earlier, *output = session->experiment->output;
    char digest[65];
    Arena *arena = session->arena;
    if (!drawn->drawn)
        return 0;
    char *name = safe_name(drawn->name, arena);
    char *path = arena_printf(arena, "%s/split_zhou_%s.json", output, name);
    if (arena_failed(arena))
        return error_memory(err);
    if (keep_earlier(&earlier, digest, path, output, arena, err) < 0 ||
        split_file_write(path, drawn, &images, arena, err) < 0 ||
        drop_same(&earlier, digest, path, output, arena, err) < 0)
        return -1;
    if (!session->quiet)
        print_drawn(drawn, images, path, earlier);
    return 0;
}
