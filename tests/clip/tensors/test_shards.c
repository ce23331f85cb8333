/* test_shards.c: clip/tensors/shards.c, and how clip/tensors/tensors_open.c opens what it lists */
#include "clip/base/files.h"
#include "clip/tensors/safetensors_write.h"
#include "clip/tensors/shards.h"
#include "clip/tensors/tensors_open.h"
#include "clip/tensors/torch_write.h"
#include "tests/support/torch_support.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

static const float floats[6] = {0, 1, 2, 3, 4, 5};

static const TensorOut first[] = {{"b", DTYPE_F32, 1, {2}, floats}, {"a", DTYPE_F32, 1, {1}, floats + 2}};
static const TensorOut second[] = {{"c", DTYPE_F32, 1, {3}, floats + 3},
                                   {"extra", DTYPE_F32, 1, {1}, floats}};

/* one.safetensors (b, a) and two.safetensors (c, extra) in the folder of the test. */
static void write_shards(void **state) {
    Path one = in_scratch(state, "one.safetensors"), two = in_scratch(state, "two.safetensors");
    assert_int_equal(safetensors_write(one.text, first, 2, NULL, 0, NULL), 0);
    assert_int_equal(safetensors_write(two.text, second, 2, NULL, 0, NULL), 0);
}

/* An index with this text, in which single quotes stand for double ones. */
static Path write_index(void **state, const char *name, const char *text) {
    Path path = in_scratch(state, name);
    char *copy = strdup(text);
    for (char *at = copy; *at != '\0'; at++)
        *at = *at == '\'' ? '"' : *at;
    scratch_file(path.text, copy, strlen(copy));
    free(copy);
    return path;
}

#define INDEX                                                                                                \
    "{'metadata': {'total_size': 24}, 'weight_map': {'c': 'two.safetensors', 'b': 'one.safetensors', "       \
    "'a': 'one.safetensors'}}"

/* The list alone: no shard needs to be there. */
static void test_list(void **state) {
    Path path = write_index(state, "model.safetensors.index.json", INDEX);
    Arena *arena = arena_create();
    Error err = {0};
    FileMap map;
    ShardIndex index;
    assert_int_equal(file_map(&map, path.text, &err), 0);
    assert_true(shards_is_index(path.text, &map));
    assert_true(shards_is_index("any name", &map));
    assert_int_equal(shards_read(&index, path.text, &map, arena, &err), 0);
    file_unmap(&map);
    assert_int_equal(index.n_files, 2);
    assert_string_equal(index.files[0], "one.safetensors");
    assert_string_equal(index.files[1], "two.safetensors");
    const char *names[] = {"c", "b", "a"};
    const int files[] = {1, 0, 0};
    assert_int_equal(index.n_entries, 3);
    for (int i = 0; i < 3; i++) {
        assert_string_equal(index.entries[i].tensor, names[i]);
        assert_int_equal(index.entries[i].file, files[i]);
    }
    arena_free(arena);
}

static void check_good(const char *path) {
    TensorFile *file = open_good(path);
    const char *names[] = {"b", "a", "c"}; /* one, then two, and in each by offset */
    const float *data[] = {floats, floats + 2, floats + 3};
    const size_t counts[] = {2, 1, 3};
    assert_string_equal(tensors_format(file), "sharded safetensors");
    assert_int_equal(tensors_count(file), 3);
    assert_int_equal(tensors_metadata_count(file), 0);
    for (int i = 0; i < 3; i++) {
        const Tensor *tensor = tensors_at(file, i);
        float out[3];
        assert_string_equal(tensor->name, names[i]);
        assert_int_equal(tensor->count, counts[i]);
        assert_string_equal(tensors_find(file, names[i])->name, names[i]);
        assert_int_equal(tensor_to_float(file, tensor, out, NULL), 0);
        assert_memory_equal(out, data[i], 4 * counts[i]);
    }
    assert_null(tensors_find(file, "extra"));
    tensors_close(file);
}

static void test_read(void **state) {
    write_shards(state);
    Path path = write_index(state, "model.safetensors.index.json", INDEX);
    check_good(path.text);
    path = write_index(state, "weights", "\n\t " INDEX "\n"); /* told apart by content */
    check_good(path.text);
}

static void test_digest(void **state) {
    write_shards(state);
    Path path = write_index(state, "model.safetensors.index.json", INDEX);
    char text[129], want[65];
    const char *names[] = {"one.safetensors", "two.safetensors"};
    for (int i = 0; i < 2; i++) {
        TensorFile *shard = open_good(in_scratch(state, names[i]).text);
        memcpy(text + 64 * i, tensors_digest(shard), 64);
        tensors_close(shard);
    }
    digest_bytes(want, text, 128);
    TensorFile *file = open_good(path.text);
    assert_string_equal(tensors_digest(file), want);
    assert_string_equal(tensors_digest(file), want);
    tensors_close(file);
}

/* Shards may be of torch, and in a folder below. */
static void test_torch(void **state) {
    Path folder = in_scratch(state, "parts"), one = in_scratch(state, "parts/..1.bin"),
         two = in_scratch(state, "two.bin");
    assert_int_equal(mkdir(folder.text, 0777), 0);
    assert_int_equal(torch_checkpoint_write(one.text, first, 2, 1, NULL, NULL), 0);
    assert_int_equal(torch_checkpoint_write(two.text, second, 2, 1, NULL, NULL), 0);
    Path path = write_index(state, "pytorch_model.bin.index.json",
                            "{'weight_map': {'a': 'parts/..1.bin', 'c': './two.bin'}}");
    TensorFile *file = open_good(path.text);
    assert_string_equal(tensors_format(file), "sharded torch checkpoint");
    assert_int_equal(tensors_count(file), 2);
    assert_memory_equal(tensors_find(file, "c")->data, floats + 3, 12);
    tensors_close(file);
}

static void test_refused(void **state) {
    static const struct {
        const char *label, *text, *reason;
    } cases[] = {
        {"a config", "{'hidden_act': 'gelu'}", "weight_map: missing: JSON text, but not a list of shards"},
        {"an empty map", "{'weight_map': {}}", "weight_map: missing: JSON text, but not a list of shards"},
        {"a list", "{'weight_map': ['a']}", "weight_map: missing: JSON text, but not a list of shards"},
        {"above", "{'weight_map': {'a': '../one.safetensors'}}",
         "tensor a: its file is not named inside this folder"},
        {"above, later", "{'weight_map': {'a': 'x/../../one.safetensors'}}",
         "tensor a: its file is not named inside this folder"},
        {"above at the end", "{'weight_map': {'a': 'x/..'}}",
         "tensor a: its file is not named inside this folder"},
        {"absolute", "{'weight_map': {'a': '/etc/passwd'}}",
         "tensor a: its file is not named inside this folder"},
        {"no name", "{'weight_map': {'a': ''}}", "tensor a: its file is not named inside this folder"},
        {"a number", "{'weight_map': {'a': 1}}", "tensor a: its file is not named inside this folder"},
        {"not in its shard", "{'weight_map': {'c': 'one.safetensors'}}",
         "tensor c: missing in shard one.safetensors"},
    };
    write_shards(state);
    Path path;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        path = write_index(state, "model.safetensors.index.json", cases[i].text);
        check_refused(state, path.text, cases[i].label, cases[i].reason);
    }
}

/* What jansson says of text that is no JSON differs from version to version. */
static void check_no_json(const char *path, const char *label) {
    Error err = {0};
    char want[5000];
    assert_null(tensors_open(path, &err));
    snprintf(want, sizeof want, "%s: line 1, column ", path);
    if (strncmp(err.text, want, strlen(want)) != 0)
        fail_msg("%s: the error is %s", label, err.text);
    assert_int_equal(err.kind, ERROR_INPUT);
}

static void test_no_json(void **state) {
    const char *texts[] = {"{",
                           "{}{}",
                           "{'weight_map': {'a': 'one.safetensors'}} x",
                           "{'weight_map': {'a': 'one\\u0000'}}",
                           "{'weight_map': {'a': '\xff'}}",
                           "{'weight_map': {'a': 'one.safetensors', 'a': 'two.safetensors'}}"};
    write_shards(state);
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        check_no_json(write_index(state, "model.safetensors.index.json", texts[i]).text, texts[i]);
}

/* What is wrong with a shard is said with both names. */
static void test_bad_shards(void **state) {
    static const struct {
        const char *label, *name, *text, *reason;
    } cases[] = {
        {"missing", NULL, NULL, "cannot open: No such file or directory"},
        {"empty", "three", "", "the file is empty"},
        {"an index", "three", "{\"weight_map\": {\"a\": \"three\"}}",
         "a list of shards, where a shard is needed"},
        {"junk", "three", "0123456", "header: the file has 7 bytes, fewer than the 8 of a length"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        Path shard = in_scratch(state, "three");
        char reason[9000];
        if (cases[i].name)
            scratch_file(shard.text, cases[i].text, strlen(cases[i].text));
        Path path = write_index(state, "a.index.json", "{'weight_map': {'a': 'three'}}");
        snprintf(reason, sizeof reason, "shard three: %s: %s", shard.text, cases[i].reason);
        check_refused(state, path.text, cases[i].label, reason);
    }
    Path one = in_scratch(state, "one"), two = in_scratch(state, "two");
    assert_int_equal(torch_checkpoint_write(one.text, first, 2, 1, NULL, NULL), 0);
    assert_int_equal(safetensors_write(two.text, second, 2, NULL, 0, NULL), 0);
    Path path = write_index(state, "a.index.json", "{'weight_map': {'a': 'one', 'c': 'two'}}");
    check_refused(state, path.text, "two kinds",
                  "shard two: is a safetensors, where others are torch checkpoint");
}

static void test_large(void **state) {
    Path path = in_scratch(state, "a.index.json");
    Bytes text = {0};
    bytes_text(&text, "{\"weight_map\": [");
    while (text.size < (1 << 20) - 10)
        bytes_text(&text, "[],");
    bytes_text(&text, "0]}");
    scratch_file(path.text, text.data, text.size);
    check_refused(state, path.text, "a huge tree",
                  "weight_map: missing: JSON text, but not a list of shards");
    check_memory(path.text);
    bytes_text(&text, "                ");
    scratch_file(path.text, text.data, text.size);
    check_refused(state, path.text, "over 1 MiB", "a list of shards of over 1 MiB");
    text.size = 0;
    bytes_text(&text, "{\"weight_map\": ");
    for (int i = 0; i < 100000; i++)
        bytes_text(&text, "[");
    scratch_file(path.text, text.data, text.size);
    check_no_json(path.text, "100,000 deep");
    text.size = 0;
    bytes_text(&text, "{\"weight_map\": {\"x\": \"y\"");
    for (int i = 0; i < 1000; i++) {
        char entry[40];
        snprintf(entry, sizeof entry, ", \"%d\": \"%d\"", i, i);
        bytes_text(&text, entry);
    }
    bytes_text(&text, "}}");
    scratch_file(path.text, text.data, text.size);
    check_refused(state, path.text, "1,001 shards", "weight_map: over 1000 files");
    bytes_free(&text);
}

/* Every cut and every changed byte of an index. */
static void test_cut_and_flipped(void **state) {
    write_shards(state);
    Path path = write_index(state, "a.index.json", INDEX);
    size_t size = strlen(INDEX);
    char *text = strdup(INDEX);
    for (size_t i = 0; i < size; i++)
        text[i] = text[i] == '\'' ? '"' : text[i];
    for (size_t i = 0; i < 2 * size; i++) {
        Error err = {0};
        text[i % size] ^= i < size ? 1 : 0;
        scratch_file(path.text, text, i < size ? size : i - size);
        text[i % size] ^= i < size ? 1 : 0;
        TensorFile *file = tensors_open(path.text, &err);
        assert_true((file == NULL) == (err.kind == ERROR_INPUT));
        assert_true(i < size || file == NULL);
        tensors_close(file);
    }
    free(text);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        IN_SCRATCH(test_list),       IN_SCRATCH(test_read),    IN_SCRATCH(test_digest),
        IN_SCRATCH(test_torch),      IN_SCRATCH(test_refused), IN_SCRATCH(test_no_json),
        IN_SCRATCH(test_bad_shards), IN_SCRATCH(test_large),   IN_SCRATCH(test_cut_and_flipped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
