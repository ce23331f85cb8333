/* test_shard_index.c: samples and where their members lie. */
#include "datasets/pairs/shard_index.h"

#include "tests/support/scratch.h"
#include "tests/support/tar_support.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

typedef struct {
    const FileMap *map;
    Buffer seen;
    int left; /* samples until it is enough; -1: never */
} Watch;

static void see_member(Watch *watch, const ShardMember *member) {
    if (member->name)
        buffer_printf(&watch->seen, " %s=%.*s", member->name, (int)member->size,
                      (const char *)watch->map->data + member->offset);
}

static int see(void *context, const ShardSample *sample, Error *err) {
    Watch *watch = context;
    if (watch->left-- == 0)
        return error_set(err, "enough");
    buffer_printf(&watch->seen, "%s:", sample->stem);
    see_member(watch, &sample->image);
    see_member(watch, &sample->caption);
    buffer_puts(&watch->seen, "\n");
    return 0;
}

static int walk(void **state, Buffer *tar, Watch *watch, size_t *end, Error *err) {
    char path[4200];
    FileMap map;
    tar_save(tar, scratch_path(state, "x.tar", path, sizeof path));
    assert_int_equal(file_map(&map, path, err), 0);
    watch->map = &map;
    int result = shard_walk(&map, "x.tar", see, watch, end, err);
    file_unmap(&map);
    return result;
}

static Buffer make_tar(void) {
    Buffer tar = {0};
    tar_put(&tar, "a/", '5', "", 0);
    tar_text(&tar, "a/1.x.JPG", "no image");
    tar_text(&tar, "a/1.webp", "webp");
    tar_text(&tar, "a/1.JPEG", "jpeg");
    tar_text(&tar, "a/1.txt", "text");
    tar_text(&tar, "1.png", "png");
    tar_text(&tar, "nodot", "x");
    tar_text(&tar, "a.b/nodot", "x");
    tar_text(&tar, ".txt", "x");
    tar_text(&tar, "1.txt", "text 2");
    tar_text(&tar, "1.txt", "text 3");
    tar_end(&tar);
    return tar;
}

static void members_go_by_stem(void **state) {
    Error err = {0};
    size_t end;
    Watch watch = {.left = -1};
    Buffer tar = make_tar();
    const size_t size = tar.size;
    assert_int_equal(walk(state, &tar, &watch, &end, &err), 0);
    assert_string_equal(buffer_text(&watch.seen), "a/1: a/1.JPEG=jpeg a/1.txt=text\n"
                                                  "1: 1.png=png 1.txt=text 2\n"
                                                  "1: 1.txt=text 3\n");
    assert_int_equal(end, size - 1024);
    buffer_free(&watch.seen);
}

static void a_walk_may_be_ended(void **state) {
    for (int left = 0; left < 3; left++) {
        Error err = {0};
        size_t end;
        Watch watch = {.left = left};
        Buffer tar = make_tar();
        assert_int_equal(walk(state, &tar, &watch, &end, &err), -1);
        assert_string_equal(err.text, "enough");
        buffer_free(&watch.seen);
    }
}

#define SCRATCH_TEST(name) cmocka_unit_test_setup_teardown(name, scratch_setup, scratch_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {SCRATCH_TEST(members_go_by_stem), SCRATCH_TEST(a_walk_may_be_ended)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
