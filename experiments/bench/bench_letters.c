/* bench_letters.c: see bench_letters.h */
#include "experiments/bench/bench_letters.h"

#include "clip/base/files.h"
#include "experiments/bench/bench_folder.h"

#include <string.h>

Tokenizer *bench_letters(Arena *arena, Error *err) {
    static const char merges[] = "#version: 0.2\nq q\n";
    char folder[BENCH_PATH];
    if (bench_folder_make(folder, err) < 0)
        return NULL;
    const char *path = path_join(arena, folder, "merges.txt");
    Tokenizer *tokenizer = NULL;
    if (!path)
        error_memory(err);
    else if (file_write(path, merges, strlen(merges), err) == 0)
        tokenizer = tokenizer_open(path, -1, err);
    bench_folder_remove(folder);
    return tokenizer;
}
