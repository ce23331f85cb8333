/* test_digest_map.c: digests as bytes, and the map through its growth. */
#include "datasets/features/digest_map.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static void digests_are_sha256(void **state) {
    (void)state;
    Digest digest = digest_of("abc", 3); /* FIPS 180-2, appendix B.1 */
    assert_memory_equal(digest.bytes,
                        "\xba\x78\x16\xbf\x8f\x01\xcf\xea\x41\x41\x40\xde\x5d\xae\x22\x23\xb0\x03\x61\xa3"
                        "\x96\x17\x7a\x9c\xb4\x10\xff\x61\xf2\x00\x15\xad",
                        32);
    Digest other = digest;
    assert_true(digest_equal(&digest, &other));
    other.bytes[31] ^= 1;
    assert_false(digest_equal(&digest, &other));
}

static void what_is_put_is_found(void **state) {
    (void)state;
    Arena *arena = arena_create();
    DigestMap map = {.arena = arena};
    Digest missing = digest_of("missing", 7);
    assert_null(digest_map_find(&map, &missing));
    for (int round = 0; round < 2; round++) { /* the second replaces */
        for (size_t i = 0; i < 5000; i++) {
            Digest key = digest_of(&i, sizeof i);
            assert_int_equal(digest_map_put(&map, &key, (DigestValue){.number = i + (size_t)round}), 0);
        }
        assert_int_equal(map.count, 5000);
        for (size_t i = 0; i < 5000; i++) {
            Digest key = digest_of(&i, sizeof i);
            const DigestValue *value = digest_map_find(&map, &key);
            assert_non_null(value);
            assert_int_equal(value->number, i + (size_t)round);
        }
        assert_null(digest_map_find(&map, &missing));
    }
    arena_free(arena);
}

/* Keys that all hash alike. */
static void collisions_are_told_apart(void **state) {
    (void)state;
    Arena *arena = arena_create();
    DigestMap map = {.arena = arena};
    for (size_t i = 0; i < 200; i++) {
        Digest key = {{0}};
        memset(key.bytes, 0xff, 8);
        key.bytes[20] = (unsigned char)i;
        assert_null(digest_map_find(&map, &key));
        assert_int_equal(digest_map_put(&map, &key, (DigestValue){.number = i}), 0);
        assert_int_equal(digest_map_find(&map, &key)->number, i);
    }
    arena_free(arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(digests_are_sha256),
        cmocka_unit_test(what_is_put_is_found),
        cmocka_unit_test(collisions_are_told_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
