/* test_tar_members.c: headers of all kinds, and what is wrong with some. */
#include "datasets/pairs/tar_members.h"

#include "tests/support/tar_support.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* "NAME:SIZE@OFFSET" for files, "NAME/" for others, and the error or the end in the last line. */
static void expect(Buffer *tar, const char *expected) {
    const FileMap map = {.data = (unsigned char *)tar->bytes, .size = tar->size};
    TarReader reader = {.map = &map, .path = "x.tar", .arena = arena_create()};
    TarMember member;
    Error err = {0};
    Buffer got = {0};
    int result;
    while ((result = tar_next(&reader, &member, &err)) > 0) {
        buffer_puts(&got, member.name);
        if (member.is_file)
            buffer_printf(&got, ":%zu@%zu\n", member.size, member.offset);
        else
            buffer_puts(&got, "!\n");
    }
    if (result < 0)
        buffer_puts(&got, err.text);
    else
        buffer_printf(&got, "end %zu", reader.at);
    assert_string_equal(buffer_text(&got), expected);
    buffer_free(&got);
    arena_free(reader.arena);
    buffer_free(tar);
}

/* Writes into the last header, which has no data behind it, and mends its checksum. */
static void patch(Buffer *tar, size_t at, const void *data, size_t size) {
    char *header = tar->bytes + tar->size - 512;
    unsigned sum = 0;
    memcpy(header + at, data, size);
    memset(header + 148, ' ', 8);
    for (int i = 0; i < 512; i++)
        sum += (unsigned char)header[i];
    snprintf(header + 148, 8, "%06o", sum);
}

static void members_come_one_by_one(void **state) {
    (void)state;
    Buffer tar = {0};
    tar_put(&tar, "a/", '5', "", 0);
    tar_text(&tar, "a/b", "bytes");
    tar_put(&tar, "link", '2', "", 0);
    tar_text(&tar, "folder of old/", "");
    tar_text(&tar, "c", "");
    patch(&tar, 345, "long/prefix", 11);
    tar_end(&tar);
    expect(&tar, "a/!\na/b:5@1024\nlink!\nfolder of old/!\nlong/prefix/c:0@3072\nend 3072");
}

static void extensions_hold_for_the_next(void **state) {
    (void)state;
    Buffer tar = {0};
    const char records[] = "20 mtime=1234.56789\n17 path=gr\xc3\xbcn/x\n9 size=5\n";
    tar_put(&tar, "pax", 'x', records, strlen(records));
    tar_text(&tar, "gr_n", "image");
    tar_put(&tar, "global", 'g', "19 comment=a commit\n", 20);
    tar_put(&tar, "././@LongLink", 'L', "a name of GNU\0", 14);
    tar_text(&tar, "a n", "12");
    tar_text(&tar, "short", "3");
    tar_end(&tar);
    /* the record of 17 bytes has 16 */
    expect(&tar, "x.tar: byte 0: damaged: a record of a pax header");
    tar_put(&tar, "pax", 'x', "20 mtime=1234.56789\n16 path=gr\xc3\xbcn/x\n9 size=5\n", 45);
    tar_text(&tar, "gr_n", "image");
    tar_put(&tar, "global", 'g', "19 comment=a commit\n", 20);
    tar_put(&tar, "././@LongLink", 'L', "a name of GNU\0", 14);
    tar_text(&tar, "a n", "12");
    tar_text(&tar, "short", "3");
    tar_end(&tar);
    expect(&tar, "gr\xc3\xbcn/x:5@1536\na name of GNU:2@4608\nshort:1@5632\nend 6144");
}

static void numbers_may_be_binary(void **state) {
    (void)state;
    Buffer tar = {0};
    tar_text(&tar, "a", "");
    patch(&tar, 124, "\x80\0\0\0\0\0\0\0\0\0\0\5", 12);
    buffer_append(&tar, "bytes", 5);
    buffer_append(&tar, (char[507]){0}, 507);
    tar_end(&tar);
    expect(&tar, "a:5@512\nend 1024");
    tar_text(&tar, "a", "");
    patch(&tar, 124, "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\5", 12);
    tar_end(&tar);
    expect(&tar, "x.tar: byte 0: damaged: the size of a member");
    tar_text(&tar, "a", "");
    patch(&tar, 124, "0000000x000", 12);
    tar_end(&tar);
    expect(&tar, "x.tar: byte 0: damaged: the size of a member");
    tar_text(&tar, "a", "");
    patch(&tar, 124, "77777777777", 12);
    tar_end(&tar);
    expect(&tar, "x.tar: cut short in a (byte 1536)");
}

static void sparse_files_are_refused(void **state) {
    (void)state;
    Buffer tar = {0};
    tar_put(&tar, "a", 'S', "", 0);
    tar_end(&tar);
    expect(&tar, "x.tar: a: a sparse file, which is not read");
    tar_put(&tar, "pax", 'x', "22 GNU.sparse.major=1\n", 22);
    tar_text(&tar, "b", "x");
    tar_end(&tar);
    expect(&tar, "x.tar: b: a sparse file, which is not read");
}

static void ends_are_looked_for(void **state) {
    (void)state;
    Buffer tar = {0};
    tar_text(&tar, "a", "x");
    expect(&tar, "a:1@512\nx.tar: cut short behind a (byte 1024)");
    tar_put(&tar, "pax", 'x', "10 path=b\n", 10);
    expect(&tar, "x.tar: cut short (byte 1024)");
    tar_text(&tar, "a", "x");
    tar_text(&tar, "b", "x");
    tar.bytes[1024 + 1] ^= 1;
    expect(&tar, "a:1@512\nx.tar: byte 1024: damaged: the checksum of a header");
    tar_end(&tar);
    expect(&tar, "end 0");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(members_come_one_by_one), cmocka_unit_test(extensions_hold_for_the_next),
        cmocka_unit_test(numbers_may_be_binary),   cmocka_unit_test(sparse_files_are_refused),
        cmocka_unit_test(ends_are_looked_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
