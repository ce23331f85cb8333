/* test_torch_file.c: clip/tensors/torch_file.c */
#include "clip/base/files.h"
#include "clip/tensors/tensors.h"
#include "clip/tensors/tensors_open.h"
#include "tests/support/torch_support.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#define TORCH "tests/fixtures/torch/"
#define GOLDEN "../shared/golden/"

/* --- what PyTorch has written --- */

static void check_fixture(const char *name, const char *format, const char *expected) {
    TensorFile *file = open_good(name), *want = open_good(expected);
    assert_string_equal(tensors_format(file), format);
    assert_string_equal(tensors_format(want), "safetensors");
    assert_true(tensors_count(file) > 0);
    check_same_tensors(file, want);
    tensors_close(file);
    tensors_close(want);
}

static void test_fixtures(void **state) {
    (void)state;
    check_fixture(TORCH "state_dict.pt", "torch state dict", TORCH "state_dict.safetensors");
    check_fixture(TORCH "script.pt", "torch script", TORCH "script.safetensors");
    check_fixture(TORCH "model.pth.tar-50", "torch checkpoint", TORCH "model.safetensors");
}

static void test_views(void **state) {
    (void)state;
    TensorFile *file = open_good(TORCH "state_dict.pt");
    assert_int_equal(tensor_distance(file, "shared", "row"),
                     3 * 20 * 4); /* views of one storage, not copied */
    assert_int_equal(tensors_find(file, "scalar")->n_dims, 0);
    assert_int_equal(tensors_find(file, "scalar")->count, 1);
    assert_int_equal(tensors_find(file, "empty")->count, 0);
    assert_int_equal(tensors_find(file, "empty")->shape[1], 7);
    assert_null(tensors_find(file, "_extra_state"));
    assert_int_equal(tensors_metadata_count(file), 0);
    const unsigned char *shared = tensors_find(file, "shared")->data;
    const unsigned char *sliced = tensors_find(file, "sliced")->data; /* base[1:4, ::2, 1:3] */
    for (int i = 0; i < 3; i++)
        for (int j = 0; j < 3; j++)
            assert_memory_equal(sliced + 4 * 2 * (3 * i + j), shared + 4 * (20 * (i + 1) + 4 * 2 * j + 1), 8);
    tensors_close(file);
}

static void test_epoch(void **state) {
    (void)state;
    TensorFile *file = open_good(TORCH "model.pth.tar-50");
    assert_int_equal(tensors_metadata_count(file), 1);
    assert_string_equal(tensors_metadata(file, "epoch"), "50");
    assert_non_null(tensors_find(file, "ctx")); /* "module." is gone */
    tensors_close(file);
}

/* Protocol 4, and an archive whose writer was told to leave out the CRCs. */
static void test_variants(void **state) {
    (void)state;
    TensorFile *all = open_good(TORCH "state_dict.pt");
    const char *names[] = {TORCH "small.pt", TORCH "no_crc.pt"};
    const int counts[] = {3, 1};
    for (int i = 0; i < 2; i++) {
        TensorFile *file = open_good(names[i]);
        assert_int_equal(tensors_count(file), counts[i]);
        for (int j = 0; j < counts[i]; j++) {
            const Tensor *tensor = tensors_at(file, j), *want = tensors_find(all, tensor->name);
            assert_non_null(want);
            assert_int_equal(tensor->size, want->size);
            assert_memory_equal(tensor->data, want->data, want->size);
        }
        tensors_close(file);
    }
    tensors_close(all);
}

static void test_golden(void **state) {
    (void)state;
    const char *towers[] = {"vit", "rn"}, *kinds[] = {"jit", "statedict"};
    if (access(GOLDEN "clip_vit_jit.pt", R_OK) != 0) {
        print_message("[  SKIPPED ] test_golden: no %s\n", GOLDEN);
        skip();
    }
    for (int i = 0; i < 4; i++) {
        char name[100];
        snprintf(name, sizeof name, GOLDEN "clip_%s_%s.pt", towers[i / 2], kinds[i % 2]);
        TensorFile *file = open_good(name);
        assert_string_equal(tensors_format(file), i % 2 == 0 ? "torch script" : "torch state dict");
        snprintf(name, sizeof name, GOLDEN "clip_%s.safetensors", towers[i / 2]);
        TensorFile *want = open_good(name);
        int n_counters = 0; /* of batch norms: not in the safetensors file */
        for (int j = 0; j < tensors_count(file); j++)
            n_counters += strstr(tensors_at(file, j)->name, "num_batches_tracked") != NULL;
        assert_int_equal(tensors_count(file), tensors_count(want) + n_counters);
        assert_int_equal(n_counters, i / 2 == 0 ? 0 : 22);
        check_has_tensors(file, want);
        tensors_close(file);
        tensors_close(want);
    }
}

/* --- what is refused --- */

#define MODULE(name, entries) "<__torch__. " name ">)x81}(" entries "ub"

static const RefusedPickle cases[] = {
    {"a pickled model", PROTO "<clip.model CLIP>)x81}(" TWO_BY_THREE "ub.",
     "data.pkl: a pickled clip.model.CLIP: save the model's state_dict() instead"},
    {"a call as root", PROTO "<os system>'rm -rf /'x85R.",
     "data.pkl: a pickled os.system: save the model's state_dict() instead"},
    {"a number as root", PROTO "#5.", "data.pkl: neither a dict of tensors nor a TorchScript module"},
    {"a tensor as root", PROTO TENSOR("FloatStorage", "0", "#6", "#0", "#6", "#1") ".",
     "data.pkl: a pickled torch._utils._rebuild_tensor_v2: save the model's state_dict() instead"},
    {"an empty dict", PROTO "}.",
     "data.pkl: no tensors: neither a state dict nor a checkpoint with a \"state_dict\""},
    /* names and nesting */
    {"a tensor twice", DICT(TWO_BY_THREE TWO_BY_THREE), "tensor w: is there twice"},
    {"a tensor twice without module.",
     PROTO "}'state_dict'}(" TWO_BY_THREE
           "'module.w'" TENSOR("FloatStorage", "0", "#6", "#0", "#6", "#1") "us.",
     "tensor w: is there twice"},
    {"a number as name", DICT("#1" TENSOR("FloatStorage", "0", "#6", "#0", "#6", "#1")),
     "data.pkl: a tensor or module whose name is no text"},
    {"a name with NUL", DICT("Xx03x00x00x00ax00b" TENSOR("FloatStorage", "0", "#6", "#0", "#6", "#1")),
     "data.pkl: a name with a NUL, or that is not UTF-8"},
    {"a name that is not UTF-8", DICT("Xx01x00x00x00xff" TENSOR("FloatStorage", "0", "#6", "#0", "#6", "#1")),
     "data.pkl: a name with a NUL, or that is not UTF-8"},
    {"a dict that holds itself", PROTO "}q\1(" TWO_BY_THREE "'self'h\1u.",
     "data.pkl: a dict that holds itself"},
    {"a state dict that holds itself", PROTO "}q\1'state_dict'h\1s.", "data.pkl: a dict that holds itself"},
    {"a module that holds itself", PROTO "<__torch__. M>)x81q\1}(" TWO_BY_THREE "'a'h\1'b'h\1ub.",
     "data.pkl: modules nested over 64 deep, or in a circle"},
};

static void test_refused(void **state) {
    check_refused_pickles(state, cases, sizeof cases / sizeof cases[0]);
}

/* A call of os.system is a value like any other: not made, and left out. */
static void test_inert(void **state) {
    Path path = in_scratch(state, "inert.pt"), proof = in_scratch(state, "proof");
    char pickle[9000];
    snprintf(pickle, sizeof pickle,
             PROTO "}('optimizer'<os system>'touch %s'x85R'args'<builtins exec>)R}'a'#1sb"
                   "'call of a call'<a b>)R)R'state_dict'" ORDERED_DICT "(" TWO_BY_THREE
                   "'evil'<os system>'touch %s'x85Ru'epoch'#7u.",
             proof.text, proof.text);
    ZipBuilt zip = torch_build(pickle);
    zip_save(path.text, &zip);
    TensorFile *file = open_good(path.text);
    assert_string_equal(tensors_format(file), "torch checkpoint");
    assert_string_equal(tensors_metadata(file, "epoch"), "7");
    assert_int_equal(tensors_count(file), 1);
    assert_memory_equal(tensors_at(file, 0)->data + 4, "\0\0\x80\x3f", 4);
    tensors_close(file);
    assert_int_equal(scratch_count(state), 1);
}

/* --- the archive --- */

#define GOOD DICT(TWO_BY_THREE)

static void test_members(void **state) {
    static const struct {
        const char *label, *names[4], *texts[4], *reason;
    } archives[] = {
        {"another zip", {"a.txt"}, {"x"}, "data.pkl: missing: a zip archive, but not a torch file"},
        {"data.pkl at the top",
         {"data.pkl"},
         {"x"},
         "data.pkl: missing: a zip archive, but not a torch file"},
        {"data.pkl too deep",
         {"a/b/data.pkl"},
         {"x"},
         "data.pkl: missing: a zip archive, but not a torch file"},
        {"two data.pkl", {"a/data.pkl", "b/data.pkl"}, {"x", "x"}, "data.pkl: is there twice, in a/ and b/"},
        {"no version", {"a/data.pkl", "a/data/0"}, {"x", "x"}, "version: missing"},
        {"version 0", {"a/data.pkl", "a/version"}, {"x", "0\n"}, "version: \"0?\" is not one from 1 to 10"},
        {"version 11", {"a/data.pkl", "a/version"}, {"x", "11"}, "version: \"11\" is not one from 1 to 10"},
        {"version x", {"a/data.pkl", "a/version"}, {"x", "3x"}, "version: \"3x\" is not one from 1 to 10"},
        {"no digits", {"a/data.pkl", "a/version"}, {"x", ""}, "version: \"\" is not one from 1 to 10"},
        {"long version",
         {"a/data.pkl", "a/version"},
         {"x", "0000000000000000000000003"},
         "version: \"00000000000000000000\" is not one from 1 to 10"},
        {"big endian",
         {"a/data.pkl", "a/version", "a/byteorder"},
         {"x", "3\n", "big"},
         "byteorder: \"big\" where \"little\" is needed"},
        {"empty pickle",
         {"a/data.pkl", "a/.data/version"},
         {"", "10"},
         "data.pkl, byte 0: does not begin as a pickle of protocol 2 or later"},
        {"no pickle",
         {"a/data.pkl", "a/version", "a/byteorder"},
         {"x", "1", "little"},
         "data.pkl, byte 0: does not begin as a pickle of protocol 2 or later"},
        {"no STOP",
         {"a/data.pkl", "a/version"},
         {"\x80\x02}", "3\n"},
         "data.pkl, byte 3: the pickle ends without STOP"},
    };
    Path path = in_scratch(state, "hostile.pt");
    for (size_t i = 0; i < sizeof archives / sizeof archives[0]; i++) {
        ZipPiece pieces[4];
        int n = 0;
        for (; n < 4 && archives[i].names[n]; n++)
            pieces[n] = (ZipPiece){archives[i].names[n], archives[i].texts[n], strlen(archives[i].texts[n])};
        ZipBuilt zip = zip_build(pieces, n);
        zip_save(path.text, &zip);
        check_refused(state, path.text, archives[i].label, archives[i].reason);
    }
    scratch_file(path.text,
                 "\x80\x02\x8a\nl\xfc\x9c"
                 "F\xf9 j\xa8P\x19.",
                 15);
    check_refused(state, path.text, "pre-1.6", "header: pre-1.6 torch format; re-save it with torch >= 1.6");
    scratch_file(path.text, "PK\3\4", 4);
    check_refused(state, path.text, "four bytes", "zip directory: no end record: the file is cut short");
}

/* Changes n bytes of the storage's entry in the directory. */
static void check_storage(void **state, const char *label, size_t at, int n, uint64_t value,
                          const char *reason) {
    Path path = in_scratch(state, "hostile.pt");
    ZipBuilt zip = torch_build(GOOD);
    bytes_set(&zip.bytes, zip.entries[1] + at, n, value);
    zip_save(path.text, &zip);
    check_refused(state, path.text, label, reason);
}

static void test_storage_members(void **state) {
    check_storage(state, "deflated", 10, 2, 8, "member a/data/0: is compressed, where it must be stored");
    check_storage(state, "encrypted", 8, 2, 1, "member a/data/0: is encrypted, where it must be stored");
    check_storage(state, "CRC", 16, 4, 0x12345678,
                  "member a/data/0: its CRC-32 is 91e79017, not 12345678: the file is damaged");
    check_storage(state, "CRC of 0 where others have one", 16, 4, 0,
                  "member a/data/0: its CRC-32 is 91e79017, not 00000000: the file is damaged");
    check_storage(state, "size", 24, 4, 28, "tensor w: 6 items of F32 in a storage of 28 bytes");
    check_storage(state, "packed size", 20, 4, 23, "member a/data/0: stored, but of two sizes, 24 and 23");
    check_storage(state, "another name", 46, 1, 'b', "member b/data/0: has another name in its local header");
    Path path = in_scratch(state, "hostile.pt");
    ZipBuilt zip = torch_build(GOOD);
    zip.bytes.data[zip.locals[2] - 1] ^= 1; /* the last byte of the data */
    zip_save(path.text, &zip);
    Error err = {0};
    assert_null(tensors_open(path.text, &err));
    assert_non_null(strstr(err.text, "member a/data/0: its CRC-32 is "));
}

/* --- every byte --- */

/* Opens the file with each byte changed by each of the flips, then cut to each length. It is changed in
 * place: to write it anew ten thousand times would take a disk minutes. */
static void cut_and_flip(const char *path, const unsigned char *bytes, size_t size, const char *flips) {
    scratch_file(path, bytes, size);
    int fd = open(path, O_WRONLY);
    assert_true(fd >= 0);
    for (size_t i = 0; i < size; i++) {
        for (const char *flip = flips; *flip != '\0'; flip++) {
            unsigned char byte = bytes[i] ^ (unsigned char)*flip;
            assert_int_equal(pwrite(fd, &byte, 1, (off_t)i), 1);
            Error err = {0};
            TensorFile *file = tensors_open(path, &err);
            assert_true((file == NULL) == (err.kind == ERROR_INPUT));
            tensors_close(file);
        }
        assert_int_equal(pwrite(fd, bytes + i, 1, (off_t)i), 1);
    }
    for (size_t cut = size; cut-- > 0;) {
        Error err = {0};
        assert_int_equal(ftruncate(fd, (off_t)cut), 0);
        assert_null(tensors_open(path, &err));
        assert_int_equal(err.kind, ERROR_INPUT);
    }
    close(fd);
}

static void test_cut_and_flipped(void **state) {
    const char *names[] = {TORCH "small.pt", TORCH "script.pt", TORCH "model.pth.tar-50"};
    Path path = in_scratch(state, "a.pt");
    ZipBuilt zip = torch_build(GOOD);
    cut_and_flip(path.text, zip.bytes.data, zip.bytes.size, "\xff\1\2\4\10\20\40\100\200");
    bytes_free(&zip.bytes);
    for (int i = 0; i < 3; i++) {
        FileMap map;
        assert_int_equal(file_map(&map, names[i], NULL), 0);
        cut_and_flip(path.text, map.data, map.size, "\xff");
        file_unmap(&map);
    }
}

/* --- large ones --- */

/* head, n times piece, middle, n times tail, end; a % in a piece stands for its number in 8 digits. */
static char *repeat(const char *head, const char *piece, const char *middle, const char *tail, size_t n,
                    const char *end) {
    Bytes text = {0};
    bytes_text(&text, head);
    for (size_t i = 0; i < 2 * n; i++) {
        char number[24];
        const char *at = i < n ? piece : tail, *place = strchr(at, '%');
        snprintf(number, sizeof number, "%08zu", i % n);
        bytes_add(&text, at, place != NULL ? (size_t)(place - at) : strlen(at));
        bytes_text(&text, place != NULL ? number : "");
        bytes_text(&text, place != NULL ? place + 1 : "");
        if (i + 1 == n)
            bytes_text(&text, middle);
    }
    bytes_text(&text, end);
    bytes_number(&text, 1, 0);
    return (char *)text.data;
}

static void check_large(void **state, const char *label, char *pickle, const char *reason) {
    Path path = in_scratch(state, "large.pt");
    ZipBuilt zip = torch_build(pickle);
    free(pickle);
    zip_save(path.text, &zip);
    check_refused(state, path.text, label, reason);
    check_memory(path.text);
}

static void test_large(void **state) {
    const char *open = "<__torch__. M>)x81}('a'", *close = "q\1'b'h\1ub";
    check_large(state, "2^60 ways to a tensor",
                repeat(PROTO, open, MODULE("L", TWO_BY_THREE), close, 60, "."), "data.pkl: too many tensors");
    check_large(state, "2^60 ways to nothing", repeat(PROTO, open, MODULE("L", ""), close, 60, "."),
                "data.pkl: too many modules");
    check_large(state, "nested 65 deep", repeat(PROTO, open, MODULE("L", TWO_BY_THREE), "ub", 64, "."),
                "data.pkl: modules nested over 64 deep, or in a circle");
    check_large(state, "a long name",
                repeat(PROTO "}('", "1234567890", "'", "", 52,
                       TENSOR("FloatStorage", "0", "#6", "#0", "#6", "#1") "u."),
                "data.pkl: a name of over 512 bytes");
}

static void test_many_tensors(void **state) {
    Path path = in_scratch(state, "many.pt");
    char *pickle = repeat(PROTO "}('first'" TENSOR("FloatStorage", "0", "#6", "#0", "#6", "#1") "q\1",
                          "'%'h\1", "u.", "", 49999, "");
    ZipBuilt zip = torch_build(pickle);
    free(pickle);
    zip_save(path.text, &zip);
    clock_t start = clock();
    TensorFile *file = open_good(path.text);
    double seconds = (double)(clock() - start) / CLOCKS_PER_SEC;
    assert_int_equal(tensors_count(file), 50000);
    assert_int_equal(tensors_find(file, "00049998")->count, 6);
    tensors_close(file);
    assert_true(seconds < 1 || scratch_instrumented());
    check_memory(path.text);
    check_large(state, "50,001 tensors",
                repeat(PROTO "}('first'" TENSOR("FloatStorage", "0", "#6", "#0", "#6", "#1") "q\1", "'%'h\1",
                       "u.", "", 50000, ""),
                "data.pkl: too many tensors");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fixtures),  cmocka_unit_test(test_views),  cmocka_unit_test(test_epoch),
        cmocka_unit_test(test_variants),  cmocka_unit_test(test_golden), IN_SCRATCH(test_refused),
        IN_SCRATCH(test_inert),           IN_SCRATCH(test_members),      IN_SCRATCH(test_storage_members),
        IN_SCRATCH(test_cut_and_flipped), IN_SCRATCH(test_large),        IN_SCRATCH(test_many_tensors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
