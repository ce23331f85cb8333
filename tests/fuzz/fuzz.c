/* fuzz.c: see fuzz.h. The file is one in memory (memfd_create), which readers open by its name under /proc.
 */
#define _GNU_SOURCE /* memfd_create, nftw, mkdtemp */
#include "tests/fuzz/fuzz.h"

#include "clip/base/files.h"
#include "clip/tensors/tensors.h"
#include "clip/tensors/tensors_open.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define MORE_MEMORY ((size_t)64 << 20)

static void stop(const char *what, const char *text) {
    fprintf(stderr, "%s: '%s'\n", what, text);
    abort();
}

void fuzz_open(FuzzFile *file, const uint8_t *data, size_t size) {
    *file = (FuzzFile){.fd = memfd_create("fuzz", MFD_CLOEXEC), .size = size, .arena = arena_create()};
    if (file->fd < 0 || !file->arena || (size > 0 && write(file->fd, data, size) != (ssize_t)size))
        stop("no file in memory", "");
    snprintf(file->path, sizeof file->path, "/proc/self/fd/%d", file->fd);
}

char *fuzz_write(FuzzFile *file, const char *name, const void *data, size_t size) {
    if (!file->folder[0]) {
        snprintf(file->folder, sizeof file->folder, "/dev/shm/coop-fuzz-XXXXXX");
        if (!mkdtemp(file->folder))
            stop("no folder", file->folder);
    }
    char *path = path_join(file->arena, file->folder, name);
    FILE *out = path ? fopen(path, "wb") : NULL;
    if (!out || (size > 0 && fwrite(data, 1, size, out) != size) || fclose(out) != 0)
        stop("cannot write", name);
    return path;
}

static int remove_entry(const char *path, const struct stat *info, int kind, struct FTW *where) {
    (void)info, (void)kind, (void)where;
    return remove(path);
}

int fuzz_close(FuzzFile *file, bool was_read, const char *start) {
    const char *text = file->err.text;
    size_t n = strlen(start ? start : file->path);
    if (was_read && file->err.kind != ERROR_NONE)
        stop("read, but with an error", text);
    if (!was_read && file->err.kind != ERROR_INPUT && file->err.kind != ERROR_USAGE)
        stop("refused without an error of the input", text);
    if (!was_read && strncmp(text, start ? start : file->path, n) != 0)
        stop("the error does not begin with the file", text);
    if (!was_read && !start && strncmp(text + n, ": ", 2) != 0)
        stop("no place or reason behind the file", text);
    for (const char *c = text; *c; c++)
        if ((unsigned char)*c < ' ' || *c == 127)
            stop("a control character in the error", text);
    if (!was_read && arena_used(file->arena) > file->size + MORE_MEMORY)
        stop("too much memory for a file that is refused", text);
    arena_free(file->arena);
    close(file->fd);
    if (file->folder[0])
        nftw(file->folder, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
    return was_read;
}

/* Reads all that an accepted file offers; a value that is not finite is an error like those of the file. */
static bool read_tensors(FuzzFile *input, TensorFile *file) {
    char shape[160];
    for (int i = 0; i < tensors_metadata_count(file); i++) {
        const char *key, *value;
        tensors_metadata_at(file, i, &key, &value);
        if (tensors_metadata(file, key) != value)
            stop("metadata that is not found", key);
    }
    for (int i = 0; i < tensors_count(file); i++) {
        const Tensor *tensor = tensors_at(file, i);
        if (tensors_find(file, tensor->name) != tensor || !tensor_shape_text(tensor, shape, sizeof shape)[0])
            stop("a tensor that is not found", tensor->name);
        if (!tensors_need(file, tensor->name, tensor->n_dims, tensor->shape, &input->err))
            return false;
        size_t mark = arena_mark(input->arena);
        float *values = arena_floats(input->arena, tensor->count, 1);
        if (!values || tensor_to_float(file, tensor, values, &input->err) < 0)
            return false;
        arena_reset(input->arena, mark);
    }
    return strlen(tensors_digest(file)) == 64;
}

int fuzz_tensors_at(FuzzFile *input, const char *path) {
    char start[64];
    snprintf(start, sizeof start, "%s", path);
    TensorFile *file = tensors_open(path, &input->err);
    bool was_read = file && read_tensors(input, file);
    tensors_close(file);
    return fuzz_close(input, was_read, start);
}

int fuzz_tensors(const uint8_t *data, size_t size) {
    FuzzFile input;
    fuzz_open(&input, data, size);
    return fuzz_tensors_at(&input, input.path);
}

#ifdef LIBFUZZER

/* The announced length of the header, as far as the file reaches. */
static size_t header_size(const uint8_t *data, size_t size) {
    uint64_t length = 0;
    for (int i = 0; i < 8; i++)
        length |= (uint64_t)data[i] << 8 * i;
    return length < size - 8 ? (size_t)length : size - 8;
}

size_t fuzz_mutate_safetensors(uint8_t *data, size_t size, size_t max_size, unsigned seed) {
    if (size < 8 || seed % 8 == 0)
        return LLVMFuzzerMutate(data, size, max_size);
    size_t n_header = header_size(data, size), n_data = size - 8 - n_header;
    if (seed % 8 == 1)
        return 8 + n_header + LLVMFuzzerMutate(data + 8 + n_header, n_data, max_size - 8 - n_header);
    uint8_t *tail = malloc(n_data + 1);
    if (!tail)
        return size;
    memcpy(tail, data + 8 + n_header, n_data);
    n_header = LLVMFuzzerMutate(data + 8, n_header, max_size - 8 - n_data);
    memcpy(data + 8 + n_header, tail, n_data);
    free(tail);
    for (int i = 0; i < 8; i++)
        data[i] = (uint8_t)((uint64_t)n_header >> 8 * i);
    return 8 + n_header + n_data;
}

#else

void fuzz_finish(void) {
    fuzz_commands_finish();
    fuzz_names_finish();
    fuzz_state_finish();
}

const FuzzTarget *fuzz_targets(int *n) {
    static const FuzzTarget targets[] = {
        {"answers", fuzz_answers},
        {"captions", fuzz_captions},
        {"class_names", fuzz_class_names},
        {"classifier", fuzz_classifier},
        {"commands", fuzz_commands},
        {"config", fuzz_config},
        {"csv", fuzz_csv},
        {"feature_store", fuzz_feature_store},
        {"hub", fuzz_hub},
        {"image", fuzz_image},
        {"library", fuzz_library},
        {"matches", fuzz_matches},
        {"merges", fuzz_merges},
        {"model", fuzz_model},
        {"names", fuzz_names},
        {"original_lists", fuzz_original_lists},
        {"pair_shard", fuzz_pair_shard},
        {"pair_table", fuzz_pair_table},
        {"photo_index", fuzz_photo_index},
        {"pickle", fuzz_pickle},
        {"prompt", fuzz_prompt},
        {"questions", fuzz_questions},
        {"results", fuzz_results},
        {"safetensors", fuzz_safetensors},
        {"shards", fuzz_shards},
        {"split_json", fuzz_split_json},
        {"state", fuzz_state},
        {"torch", fuzz_torch},
        {"tuned", fuzz_tuned},
        {"yaml", fuzz_yaml},
    };
    *n = sizeof targets / sizeof *targets;
    return targets;
}

#endif
