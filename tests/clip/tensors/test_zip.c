/* test_zip.c: clip/tensors/zip.c */
#include "clip/tensors/zip.h"

#include "tests/support/torch_support.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

static const ZipPiece three[] = {{"b/data.pkl", "hello", 5}, {"b/data/0", "0123456789", 10}, {"a", "", 0}};

static ZipArchive open_zip(const Bytes *bytes, Arena *arena) {
    Error err = {0};
    ZipArchive zip;
    if (zip_open(&zip, "F", bytes->data, bytes->size, arena, &err) < 0)
        fail_msg("%s", err.text);
    return zip;
}

/* The archive, of which this frees the bytes, must be refused, in little time. Each byte is in its place:
 * what is read outside of them, a sanitizer sees. */
static void check_bad(const char *label, ZipBuilt *zip, const char *reason) {
    Error err = {0};
    ZipArchive archive;
    Arena *arena = arena_create();
    unsigned char *exact = malloc(zip->bytes.size + (zip->bytes.size == 0));
    char want[500];
    memcpy(exact, zip->bytes.data, zip->bytes.size);
    clock_t start = clock();
    int result = zip_open(&archive, "F", exact, zip->bytes.size, arena, &err);
    double seconds = (double)(clock() - start) / CLOCKS_PER_SEC;
    free(exact);
    arena_free(arena);
    bytes_free(&zip->bytes);
    snprintf(want, sizeof want, "F: %s", reason);
    if (result == 0 || strcmp(err.text, want) != 0)
        fail_msg("%s: the error is\n%s\nand not\n%s", label, err.text, want);
    assert_int_equal(err.kind, ERROR_INPUT);
    assert_true(seconds < 1 || scratch_instrumented());
}

/* --- what is read --- */

static void check_three(const Bytes *bytes) {
    Arena *arena = arena_create();
    ZipArchive zip = open_zip(bytes, arena);
    assert_int_equal(zip.n_members, 3);
    for (int i = 0; i < 3; i++) {
        ZipMember *member = zip_find(&zip, three[i].name);
        assert_non_null(member);
        assert_int_equal(member->size, three[i].size);
        const unsigned char *data = zip_bytes(&zip, member, NULL);
        assert_non_null(data);
        assert_true(data >= bytes->data && data + member->size <= bytes->data + bytes->size);
        assert_memory_equal(data, three[i].data, three[i].size);
    }
    assert_null(zip_find(&zip, "b"));
    assert_null(zip_find(&zip, "b/data/00"));
    assert_null(zip_find(&zip, ""));
    arena_free(arena);
}

static void test_read(void **state) {
    (void)state;
    ZipBuilt zip = zip_build(three, 3);
    check_three(&zip.bytes);
    bytes_set(&zip.bytes, zip.end + 20, 2, 26); /* a comment that holds the mark of an end record */
    bytes_text(&zip.bytes, "PK\5\6abcdefghijklmnopqrstuv");
    check_three(&zip.bytes);
    bytes_free(&zip.bytes);
    zip = zip_build(three, 0);
    Arena *arena = arena_create();
    ZipArchive empty = open_zip(&zip.bytes, arena);
    assert_int_equal(empty.n_members, 0);
    assert_null(zip_find(&empty, "a"));
    arena_free(arena);
    bytes_free(&zip.bytes);
}

/* Local headers that say nothing of CRC and sizes, extra fields, and data descriptors, as PyTorch writes
 * them. */
static void test_streamed(void **state) {
    (void)state;
    ZipBuilt zip = zip_build(three, 3);
    for (int i = 0; i < 3; i++) {
        bytes_set(&zip.bytes, zip.locals[i] + 6, 2, 0x808);
        bytes_set(&zip.bytes, zip.locals[i] + 14, 12, 0);
        bytes_set(&zip.bytes, zip.entries[i] + 8, 2, 0x808);
    }
    check_three(&zip.bytes);
    bytes_free(&zip.bytes);
}

/* The same archive with the end records of ZIP64, and one member's numbers in its extra field. */
static ZipBuilt build_zip64(void) {
    ZipBuilt zip = zip_build(three, 3);
    Bytes *bytes = &zip.bytes;
    Bytes end = {0};
    bytes_add(&end, bytes->data + zip.end, 22);
    size_t last = zip.entries[2]; /* of "a", at the end of the directory */
    uint64_t size = bytes->data[last + 24], start = bytes->data[last + 42];
    bytes->size = zip.end;
    bytes_set(bytes, last + 20, 8, UINT64_MAX); /* both sizes */
    bytes_set(bytes, last + 30, 2, 6 + 28);     /* length of the extra fields */
    bytes_set(bytes, last + 42, 4, UINT32_MAX);
    bytes_add(bytes, "FB\2\0ZZ", 6);
    bytes_add(bytes, "\1\0\30\0", 4);
    bytes_number(bytes, 8, size);
    bytes_number(bytes, 8, size);
    bytes_number(bytes, 8, start);
    zip.end = bytes->size;
    bytes_text(bytes, "PK\6\6");
    bytes_number(bytes, 8, 44);
    bytes_number(bytes, 4, 45 << 16 | 45);
    bytes_number(bytes, 8, 0);
    bytes_number(bytes, 8, 3);
    bytes_number(bytes, 8, 3);
    bytes_number(bytes, 8, zip.end - zip.directory);
    bytes_number(bytes, 8, zip.directory);
    bytes_text(bytes, "PK\6\7");
    bytes_number(bytes, 4, 0);
    bytes_number(bytes, 8, zip.end);
    bytes_number(bytes, 4, 1);
    bytes_set(&end, 8, 4, UINT32_MAX);
    bytes_set(&end, 12, 8, UINT64_MAX);
    bytes_add(bytes, end.data, end.size);
    bytes_free(&end);
    return zip;
}

static void test_zip64(void **state) {
    (void)state;
    ZipBuilt zip = build_zip64();
    check_three(&zip.bytes);
    bytes_free(&zip.bytes);
}

/* --- what is refused --- */

static void test_no_end(void **state) {
    (void)state;
    const char *reason = "zip directory: no end record: the file is cut short";
    ZipBuilt zip = zip_build(three, 3);
    size_t size = zip.bytes.size;
    for (size_t cut = 0; cut < size; cut++) {
        ZipBuilt copy = {0};
        bytes_add(&copy.bytes, zip.bytes.data, cut);
        bytes_number(&copy.bytes, 1, 0); /* so that there is memory */
        copy.bytes.size = cut;
        check_bad("cut", &copy, reason);
    }
    bytes_number(&zip.bytes, 1, 0);
    check_bad("one byte too many", &zip, reason);
    zip = zip_build(three, 3);
    bytes_set(&zip.bytes, zip.end + 20, 2, 1);
    check_bad("comment past the end", &zip, reason);
    zip = (ZipBuilt){0};
    for (int i = 0; i < 300000; i++)
        bytes_text(&zip.bytes, "PK\5\6");
    check_bad("a million bytes of marks", &zip, reason);
}

/* Changes n bytes at a place. */
static void check_change(const char *label, bool is_zip64, size_t (*place)(const ZipBuilt *), size_t at,
                         int n, uint64_t value, const char *reason) {
    ZipBuilt zip = is_zip64 ? build_zip64() : zip_build(three, 3);
    bytes_set(&zip.bytes, place(&zip) + at, n, value);
    check_bad(label, &zip, reason);
}

static size_t end_of(const ZipBuilt *zip) {
    return zip->end;
}

static size_t first_entry(const ZipBuilt *zip) {
    return zip->entries[0];
}

static size_t last_entry(const ZipBuilt *zip) {
    return zip->entries[2];
}

static size_t second_local(const ZipBuilt *zip) {
    return zip->locals[1];
}

static void test_end_record(void **state) {
    (void)state;
    check_change("disk", false, end_of, 4, 2, 1, "zip directory: an archive in several parts");
    check_change("fewer here than in all", false, end_of, 8, 2, 2,
                 "zip directory: an archive in several parts");
    check_change("more members", false, end_of, 8, 4, 4 << 16 | 4,
                 "zip directory: 4 members announced in 157 bytes");
    check_change("fewer members", false, end_of, 8, 4, 2 << 16 | 2,
                 "zip directory: more members than announced");
    check_change("65,535 members", false, end_of, 8, 4, UINT32_MAX,
                 "zip directory: 65535 members announced in 157 bytes");
    check_change("directory before its place", false, end_of, 16, 4, 1,
                 "zip directory: 157 bytes at 1, which do not end at 281");
    check_change("directory past the end", false, end_of, 16, 4, 100000,
                 "zip directory: 157 bytes at 100000, which do not end at 281");
    check_change("directory too long", false, end_of, 12, 4, UINT32_MAX,
                 "zip directory: 4294967295 bytes at 124, which do not end at 281");
    check_change("empty directory", false, end_of, 12, 4, 0,
                 "zip directory: 0 bytes at 124, which do not end at 281");
}

static void test_zip64_records(void **state) {
    (void)state;
    const char *lost = "zip directory: the ZIP64 end record is not where its locator says";
    const size_t locator = 56;
    check_change("loop: the locator names itself", true, end_of, locator + 8, 8, 315 + 56, lost);
    check_change("loop: the locator names the end", true, end_of, locator + 8, 8, 315 + 76, lost);
    check_change("the locator names the file's end", true, end_of, locator + 8, 8, 315 + 98, lost);
    check_change("the locator names 2^64 - 1", true, end_of, locator + 8, 8, UINT64_MAX, lost);
    check_change("the locator names the start", true, end_of, locator + 8, 8, 0, lost);
    check_change("record of another length", true, end_of, 4, 8, 43, lost);
    check_change("record of 2^64 - 1", true, end_of, 4, 8, UINT64_MAX, lost);
    check_change("record without its mark", true, end_of, 0, 1, 0, lost);
    check_change("disk", true, end_of, 16, 4, 1, "zip directory: an archive in several parts");
    check_change("2^64 - 1 members", true, end_of, 24, 16, UINT64_MAX,
                 "zip directory: 18446744073709551615 members announced in 191 bytes");
    check_change("directory at 2^64 - 1", true, end_of, 48, 8, UINT64_MAX,
                 "zip directory: 191 bytes at 18446744073709551615, which do not end at 315");
    check_change("directory of 2^64 - 1", true, end_of, 40, 8, UINT64_MAX,
                 "zip directory: 18446744073709551615 bytes at 124, which do not end at 315");
    check_change("field too short", true, last_entry, 55, 2, 16, "member a: its ZIP64 field is too short");
    check_change("no field", true, last_entry, 53, 2, 2, "member a: its ZIP64 field is too short");
    check_change("packed size of 2^64 - 1", true, last_entry, 65, 8, UINT64_MAX,
                 "member a: ends past the end");
    check_change("begins at 2^64 - 1", true, last_entry, 73, 8, UINT64_MAX, "member a: begins past the end");
}

static void test_members(void **state) {
    (void)state;
    check_change("no mark", false, first_entry, 0, 1, 0, "zip directory: fewer members than announced");
    check_change("name past the directory", false, last_entry, 28, 2, 2,
                 "zip directory: a member reaches beyond its end");
    check_change("comment past the directory", false, last_entry, 32, 2, 1,
                 "zip directory: a member reaches beyond its end");
    check_change("offset past the end", false, first_entry, 42, 4, 100000,
                 "member b/data.pkl: begins past the end");
    check_change("offset in the directory", false, first_entry, 42, 4, 124,
                 "member b/data.pkl: begins past the end");
    check_change("offset of all ones", false, first_entry, 42, 4, UINT32_MAX,
                 "member b/data.pkl: its ZIP64 field is too short");
    check_change("offset elsewhere", false, first_entry, 42, 4, 1,
                 "member b/data.pkl: no local header where the directory says");
    check_change("offset of another", false, first_entry, 42, 4, 45,
                 "member b/data.pkl: has another name in its local header");
    check_change("data past the end", false, last_entry, 20, 4, 1, "member a: ends past the end");
    check_change("other name", false, second_local, 30, 1, 'c',
                 "member b/data/0: has another name in its local header");
    check_change("shorter name", false, second_local, 26, 2, 7,
                 "member b/data/0: has another name in its local header");
    check_change("long extra field", false, second_local, 28, 2, 100, "member b/data/0: ends past the end");
    check_change("into the next", false, first_entry, 20, 4, 6, "member b/data/0: begins inside another");
    const ZipPiece twice[] = {{"x", "1", 1}, {"y", "2", 1}, {"x", "3", 1}};
    ZipBuilt zip = zip_build(twice, 3);
    check_bad("one name twice", &zip, "member x: is there twice");
    char name[514];
    memset(name, 'n', 513);
    name[513] = '\0';
    zip = zip_build(&(ZipPiece){name, "1", 1}, 1);
    check_bad("a long name", &zip, "zip directory: a name of over 512 bytes");
}

/* Two entries for one member: its CRC must not be computed again for each of a hundred thousand. */
static void test_overlap(void **state) {
    (void)state;
    const ZipPiece two[] = {{"x", "1234", 4}, {"x", "1234", 4}};
    ZipBuilt zip = zip_build(two, 2);
    bytes_set(&zip.bytes, zip.entries[1] + 42, 4, zip.locals[0]);
    check_bad("the same place", &zip, "member x: begins inside another");
}

static void check_unusable(const char *label, size_t at, int n, uint64_t value, const char *reason) {
    Error err = {0};
    Arena *arena = arena_create();
    ZipBuilt zip = zip_build(three, 3);
    bytes_set(&zip.bytes, zip.entries[1] + at, n, value);
    ZipArchive archive = open_zip(&zip.bytes, arena); /* it is listed all the same */
    assert_int_equal(archive.n_members, 3);
    if (zip_bytes(&archive, zip_find(&archive, "b/data/0"), &err) || strcmp(err.text, reason) != 0)
        fail_msg("%s: the error is\n%s\nand not\n%s", label, err.text, reason);
    assert_non_null(zip_bytes(&archive, zip_find(&archive, "b/data.pkl"), &err));
    arena_free(arena);
    bytes_free(&zip.bytes);
}

static void test_unusable(void **state) {
    (void)state;
    check_unusable("deflated", 10, 2, 8, "F: member b/data/0: is compressed, where it must be stored");
    check_unusable("encrypted", 8, 2, 0x809, "F: member b/data/0: is encrypted, where it must be stored");
    check_unusable("two sizes", 24, 4, 11, "F: member b/data/0: stored, but of two sizes, 11 and 10");
    check_unusable("CRC", 16, 4, 1,
                   "F: member b/data/0: its CRC-32 is a684c7c6, not 00000001: the file is damaged");
}

/* "aaaaaaaaaa" as a stored block of DEFLATE, and as one that is damaged or of another size. */
static void test_unpack(void **state) {
    (void)state;
    static const unsigned char packed[] = {1,   10,  0,   0xf5, 0xff, 'a', 'a', 'a',
                                           'a', 'a', 'a', 'a',  'a',  'a', 'a'};
    const ZipPiece pieces[] = {{"b/x", packed, sizeof packed}, {"b/y", "stored", 6}};
    static const struct {
        size_t at;
        uint64_t value;
        const char *reason;
    } changes[] = {{24, 10, NULL},
                   {24, 11, "F: member b/x: cannot be unpacked: the file is damaged"},
                   {24, 9, "F: member b/x: cannot be unpacked: the file is damaged"},
                   {24, 17 << 20, "F: member b/x: over 16 MiB unpacked"},
                   {16, 1, "F: member b/x: its CRC-32 is 4c11cdf0, not 00000001: the file is damaged"}};
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
        Error err = {0};
        Arena *arena = arena_create();
        ZipBuilt zip = zip_build(pieces, 2);
        bytes_set(&zip.bytes, zip.entries[0] + 10, 2, 8);
        bytes_set(&zip.bytes, zip.entries[0] + 16, 4, 0x4c11cdf0);
        bytes_set(&zip.bytes, zip.entries[0] + 24, 4, 10);
        bytes_set(&zip.bytes, zip.entries[0] + changes[i].at, 4, changes[i].value);
        ZipArchive archive = open_zip(&zip.bytes, arena);
        const unsigned char *data = zip_unpack(&archive, zip_find(&archive, "b/x"), arena, &err);
        if (!changes[i].reason)
            assert_memory_equal(data, "aaaaaaaaaa", 10);
        else if (data || strcmp(err.text, changes[i].reason) != 0)
            fail_msg("the error is\n%s\nand not\n%s", err.text, changes[i].reason);
        assert_memory_equal(zip_unpack(&archive, zip_find(&archive, "b/y"), arena, &err), "stored", 6);
        arena_free(arena);
        bytes_free(&zip.bytes);
    }
}

/* --- every byte, and many members --- */

static void test_flipped(void **state) {
    (void)state;
    for (int kind = 0; kind < 2; kind++) {
        ZipBuilt zip = kind == 0 ? zip_build(three, 3) : build_zip64();
        for (size_t i = 0; i < zip.bytes.size * 9; i++) {
            unsigned char flip = (unsigned char)(i % 9 == 8 ? 255 : 1 << i % 9);
            Arena *arena = arena_create();
            Error err = {0};
            ZipArchive archive;
            zip.bytes.data[i / 9] ^= flip;
            int result = zip_open(&archive, "F", zip.bytes.data, zip.bytes.size, arena, &err);
            assert_int_equal(err.kind, result == 0 ? ERROR_NONE : ERROR_INPUT);
            for (size_t j = 0; result == 0 && j < archive.n_members; j++)
                zip_bytes(&archive, &archive.members[j], NULL);
            zip.bytes.data[i / 9] ^= flip;
            arena_free(arena);
        }
        bytes_free(&zip.bytes);
    }
}

static void test_many(void **state) {
    (void)state;
    enum { N = 65000 };
    ZipPiece *pieces = calloc(N, sizeof *pieces);
    char(*names)[24] = calloc(N, sizeof *names);
    for (int i = 0; i < N; i++) {
        snprintf(names[i], sizeof names[i], "a/data/%d", i);
        pieces[i] = (ZipPiece){names[i], "x", 1};
    }
    ZipBuilt zip = zip_build(pieces, N);
    Arena *arena = arena_create();
    clock_t start = clock();
    ZipArchive archive = open_zip(&zip.bytes, arena);
    double seconds = (double)(clock() - start) / CLOCKS_PER_SEC;
    assert_true(seconds < 1 || scratch_instrumented());
    assert_int_equal(archive.n_members, N);
    assert_memory_equal(zip_bytes(&archive, zip_find(&archive, "a/data/64999"), NULL), "x", 1);
    arena_free(arena);
    bytes_free(&zip.bytes);
    free(names);
    free(pieces);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_read),       cmocka_unit_test(test_streamed),
        cmocka_unit_test(test_zip64),      cmocka_unit_test(test_no_end),
        cmocka_unit_test(test_end_record), cmocka_unit_test(test_zip64_records),
        cmocka_unit_test(test_members),    cmocka_unit_test(test_overlap),
        cmocka_unit_test(test_unpack),     cmocka_unit_test(test_unusable),
        cmocka_unit_test(test_flipped),    cmocka_unit_test(test_many),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
