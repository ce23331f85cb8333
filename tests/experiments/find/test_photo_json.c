/* test_photo_json.c: photos with names of all kinds. */
#include "experiments/find/photo_json.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

static void check(const FoundPhoto *photo, const char *expected) {
    Arena *arena = arena_create();
    json_begin();
    json_t *object = photo_json(photo, arena);
    char *text = object ? json_write(object, JSON_COMPACT | JSON_SORT_KEYS) : NULL;
    assert_non_null(text);
    assert_string_equal(text, expected);
    free(text);
    json_decref(object);
    arena_free(arena);
}

static void names(void **state) {
    (void)state;
    FoundPhoto photo = {.entry = {.path = "/a/\u00e9.jpg"}, .score = 0.5, .n_alike = 2, .state = PHOTO_GONE};
    check(&photo, "{\"alike\":2,\"path\":\"/a/\u00e9.jpg\",\"score\":0.5,\"state\":\"gone\"}");
    photo.entry = (IndexEntry){.path = "/a/b.tar", .member = "\xff.jpg"};
    photo.state = PHOTO_THERE;
    check(&photo, "{\"alike\":2,\"member\":\"\\\\xFF.jpg\",\"path\":\"/a/b.tar\",\"score\":0.5,\"state\":"
                  "\"there\"}");
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(names)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
