/* fuzz_hub.c: what a hub answers about a repository; each file that is chosen has a name that leads nowhere
 * else, and a digest. */
#include "tests/fuzz/fuzz.h"

#include "clip/base/files.h"
#include "experiments/fetch/hub_repo.h"

#include <stdlib.h>
#include <string.h>

static void check_file(const HubFile *file) {
    if (strchr(file->name, '/') || file->name[0] == '.' || file->size < 0 ||
        strlen(file->digest) != (file->kind == DIGEST_GIT ? 40 : 64))
        abort();
}

int fuzz_hub(const uint8_t *data, size_t size) {
    FuzzFile input;
    HubRepo repo;
    size_t n;
    fuzz_open(&input, data, size);
    const char *text = file_read(input.path, size, input.arena, &n, &input.err);
    bool was_read = text && hub_repo_read(&repo, text, n, input.path, input.arena, &input.err) == 0;
    for (int i = 0; was_read && i < repo.n; i++)
        check_file(&repo.files[i]);
    was_read = was_read && hub_repo_choose(&repo, size % 2, input.path, &input.err) == 0;
    if (was_read && (!repo.weights || strchr(repo.weights, '/')))
        abort();
    return fuzz_close(&input, was_read, NULL);
}

FUZZ_ENTRY(fuzz_hub)
