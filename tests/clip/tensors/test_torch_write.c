/* test_torch_write.c: clip/tensors/torch_write.c and zip_write.c */
#include "clip/base/files.h"
#include "clip/tensors/safetensors_write.h"
#include "clip/tensors/torch_write.h"
#include "clip/tensors/zip.h"
#include "clip/tensors/zip_write.h"
#include "tests/support/torch_support.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const float floats[6] = {0.5f, 1, 2, 3, 4, 5};
static const double doubles[2] = {1, 2};
static const uint16_t halves[3] = {0x3c00, 0x4000, 0x4200};
static const int64_t longs[2] = {-1, INT64_MAX};
static const unsigned char bytes[3] = {7, 8, 9};

static const TensorOut all[] = {{"ctx", DTYPE_F32, 2, {2, 3}, floats},
                                {"a.b", DTYPE_F64, 1, {2}, doubles},
                                {"half", DTYPE_F16, 3, {1, 3, 1}, halves},
                                {"bf", DTYPE_BF16, 1, {3}, halves},
                                {"i64", DTYPE_I64, 1, {2}, longs},
                                {"i32", DTYPE_I32, 1, {3}, floats},
                                {"i16", DTYPE_I16, 1, {3}, halves},
                                {"i8", DTYPE_I8, 1, {3}, bytes},
                                {"u8", DTYPE_U8, 1, {3}, bytes},
                                {"bool", DTYPE_BOOL, 1, {1}, "\1"},
                                {"scalar", DTYPE_F32, 0, {0}, floats},
                                {"none", DTYPE_F32, 2, {0, 70000}, NULL},
                                {"none of many", DTYPE_F32, 3, {INT64_MAX, 0, INT64_MAX}, NULL},
                                {"caf\xc3\xa9\n\"", DTYPE_F32, 8, {1, 1, 1, 1, 2, 1, 3, 1}, floats}};
#define N_ALL ((int)(sizeof all / sizeof all[0]))

static void write_good(const char *path, const TensorOut *tensors, int n, int64_t epoch) {
    Error err = {0};
    if (torch_checkpoint_write(path, tensors, n, epoch, NULL, &err) < 0)
        fail_msg("%s", err.text);
}

static void test_round_trip(void **state) {
    Path path = in_scratch(state, "model.pth.tar-50"), plain = in_scratch(state, "a.safetensors");
    const int64_t epochs[] = {50, 0, -1, 300, 70000, INT64_MAX, INT64_MIN};
    assert_int_equal(safetensors_write(plain.text, all, N_ALL, NULL, 0, NULL), 0);
    TensorFile *want = open_good(plain.text);
    for (size_t i = 0; i < sizeof epochs / sizeof epochs[0]; i++) {
        char text[30];
        write_good(path.text, all, N_ALL, epochs[i]);
        TensorFile *file = open_good(path.text);
        assert_string_equal(tensors_format(file), "torch checkpoint");
        snprintf(text, sizeof text, "%lld", (long long)epochs[i]);
        assert_string_equal(tensors_metadata(file, "epoch"), text);
        check_same_tensors(file, want);
        tensors_close(file);
    }
    tensors_close(want);
    assert_int_equal(scratch_count(state), 2);
}

/* A file of no tensors is written all the same; there is nothing to read in it. */
static void test_empty(void **state) {
    Path path = in_scratch(state, "a.pt");
    write_good(path.text, NULL, 0, 1);
    check_refused(state, path.text, "no tensors",
                  "data.pkl: no tensors: neither a state dict nor a checkpoint with a \"state_dict\"");
}

/* The archive is as PyTorch wants it, and the pickle is, byte for byte, what its loader was seen to read. */
static void test_layout(void **state) {
    static const char want[] = PROTO "}('state_dict'" ORDERED_DICT
                                     "('ctx'<torch._utils _rebuild_tensor_v2>(('storage'<torch FloatStorage>"
                                     "'0''cpu'Kx06tQKx00(Kx02Kx03t(Kx03Kx01t x89" ORDERED_DICT
                                     "tRu'epoch'Kx32'optimizer'N'scheduler'N'val_result'Nu.";
    Path path = in_scratch(state, "a.pt");
    write_good(path.text, all, 1, 50);
    FileMap map;
    ZipArchive zip;
    Arena *arena = arena_create();
    assert_int_equal(file_map(&map, path.text, NULL), 0);
    assert_int_equal(zip_open(&zip, "F", map.data, map.size, arena, NULL), 0);
    assert_int_equal(zip.n_members, 4);
    assert_true(zip.has_crc);
    assert_memory_equal(map.data, "PK\3\4", 4);
    Bytes pickle = pickle_build(want);
    const struct {
        const char *name;
        const void *data;
        size_t size;
    } members[] = {{"archive/data.pkl", pickle.data, pickle.size},
                   {"archive/byteorder", "little", 6},
                   {"archive/data/0", floats, sizeof floats},
                   {"archive/version", "3\n", 2}};
    for (int i = 0; i < 4; i++) {
        ZipMember *member = zip_find(&zip, members[i].name);
        assert_non_null(member);
        const unsigned char *data = zip_bytes(&zip, member, NULL);
        assert_non_null(data);
        assert_int_equal(member->size, members[i].size);
        assert_memory_equal(data, members[i].data, members[i].size);
        assert_int_equal((data - map.data) % 64, 0);
        /* The local header says CRC and sizes too. */
        const unsigned char *local = map.data + member->start;
        assert_memory_equal(local + 14, &member->crc, 4);
        assert_int_equal(local[18] | local[19] << 8, member->size);
        assert_int_equal(local[22] | local[23] << 8, member->size);
    }
    bytes_free(&pickle);
    arena_free(arena);
    file_unmap(&map);
}

/* The same tensors give the same bytes. */
static void test_same_bytes(void **state) {
    Path first = in_scratch(state, "a.pt"), second = in_scratch(state, "b.pt");
    FileMap a, b;
    write_good(first.text, all, N_ALL, 3);
    write_good(second.text, all, N_ALL, 3);
    assert_int_equal(file_map(&a, first.text, NULL), 0);
    assert_int_equal(file_map(&b, second.text, NULL), 0);
    assert_int_equal(a.size, b.size);
    assert_memory_equal(a.data, b.data, a.size);
    file_unmap(&a);
    file_unmap(&b);
}

static void check_not_written(void **state, const TensorOut *tensors, int n, const char *reason) {
    Path path = in_scratch(state, "a.pt");
    char want[5000];
    Error err = {0};
    snprintf(want, sizeof want, "%s: %s", path.text, reason);
    assert_int_equal(torch_checkpoint_write(path.text, tensors, n, 0, NULL, &err), -1);
    assert_string_equal(err.text, want);
    assert_int_equal(scratch_count(state), 0);
}

static void test_refused(void **state) {
    TensorOut twice[] = {
        {"b", DTYPE_U8, 0, {0}, "x"}, {"a", DTYPE_U8, 0, {0}, "x"}, {"b", DTYPE_U8, 0, {0}, "y"}};
    TensorOut bad = {"\xff", DTYPE_U8, 0, {0}, "x"}, huge = {"a", DTYPE_U8, 2, {INT64_MAX, 4}, "x"};
    char name[514];
    memset(name, 'n', 513);
    name[513] = '\0';
    TensorOut lengthy = {name, DTYPE_U8, 0, {0}, "x"};
    check_not_written(state, twice, 3, "tensor b: is there twice");
    check_not_written(state, &bad, 1, "tensor ?: the name is not UTF-8, or over 512 bytes");
    check_not_written(state, &huge, 1, "tensor a: the shape is too large");
    char reason[200];
    snprintf(reason, sizeof reason, "tensor %.100s: the name is not UTF-8, or over 512 bytes", name);
    check_not_written(state, &lengthy, 1, reason);
    Error err = {0};
    assert_int_equal(torch_checkpoint_write("/nowhere/a.pt", all, 1, 0, NULL, &err), -1);
    assert_int_equal(err.kind, ERROR_RUN);
    assert_string_equal(err.text, "/nowhere/a.pt: cannot write: No such file or directory");
}

/* An archive that is given up leaves nothing behind, and over 65,535 members need the records of ZIP64. */
static void test_zip_writer(void **state) {
    Path path = in_scratch(state, "a.zip");
    Error err = {0};
    ZipWriter *zip = zip_create(path.text, &err);
    assert_non_null(zip);
    assert_int_equal(zip_add(zip, "a", &(ZipPart){"x", 1}, 1), 0);
    zip_discard(zip);
    zip_discard(NULL);
    assert_int_equal(scratch_count(state), 0);

    zip = zip_create(path.text, &err);
    for (int i = 0; i < 65536; i++) {
        char name[24];
        snprintf(name, sizeof name, "%d", i);
        assert_int_equal(zip_add(zip, name, (ZipPart[]){{NULL, 0}, {&i, sizeof i}}, i == 0 ? 0 : 2), 0);
    }
    assert_int_equal(zip_commit(zip, &err), 0);
    FileMap map;
    ZipArchive archive;
    Arena *arena = arena_create();
    assert_int_equal(file_map(&map, path.text, NULL), 0);
    assert_int_equal(zip_open(&archive, "F", map.data, map.size, arena, &err), 0);
    assert_int_equal(archive.n_members, 65536);
    assert_int_equal(zip_find(&archive, "0")->size, 0);
    const unsigned char *data = zip_bytes(&archive, zip_find(&archive, "65535"), &err);
    assert_memory_equal(data, &(int){65535}, sizeof(int));
    arena_free(arena);
    file_unmap(&map);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        IN_SCRATCH(test_round_trip), IN_SCRATCH(test_empty),   IN_SCRATCH(test_layout),
        IN_SCRATCH(test_same_bytes), IN_SCRATCH(test_refused), IN_SCRATCH(test_zip_writer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
