/* torch_code.c: see torch_code.h */
#define _GNU_SOURCE /* memmem */
#include "clip/tensors/torch_code.h"

#include "clip/tensors/tensor_file.h"
#include "clip/tensors/zip.h"

#include <string.h>

/* "ANY/code/ANY.py" */
static bool is_code(const ZipMember *member) {
    const char *folder = memchr(member->name, '/', member->n_name), *mark = "/code/";
    const size_t rest = folder ? member->n_name - (size_t)(folder - member->name) : 0, n = strlen(mark);
    return rest > n + 3 && memcmp(folder, mark, n) == 0 && memcmp(folder + rest - 3, ".py", 3) == 0;
}

int torch_code_find(const TensorFile *file, const char *const *texts, int n, bool *found, Error *err) {
    memset(found, 0, (size_t)n * sizeof *found);
    if (strcmp(file->format, "torch script") != 0)
        return 0;
    Arena *arena = arena_create();
    ZipArchive zip;
    int result =
        arena ? zip_open(&zip, file->path, file->map.data, file->map.size, arena, err) : error_memory(err);
    const size_t mark = arena ? arena_mark(arena) : 0;
    for (size_t m = 0; result == 0 && m < zip.n_members; m++) {
        if (!is_code(&zip.members[m]))
            continue;
        const unsigned char *code = zip_unpack(&zip, &zip.members[m], arena, err);
        result = code ? 0 : -1;
        for (int i = 0; i < n && code; i++)
            found[i] = found[i] || memmem(code, zip.members[m].size, texts[i], strlen(texts[i]));
        arena_reset(arena, mark);
    }
    arena_free(arena);
    return result;
}
