/* test_checksum.c: known values, parts, files. */
#include "clip/base/checksum.h"

#include "tests/support/scratch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void test_values(void **state) {
    (void)state;
    char text[CHECKSUM_TEXT];
    assert_int_equal(checksum(0, "123456789", 9), 0xcbf43926); /* the check value of CRC-32 */
    assert_int_equal(checksum(checksum(0, "1234", 4), "56789", 5), 0xcbf43926);
    assert_int_equal(checksum(0xcbf43926, NULL, 0), 0xcbf43926);
    checksum_text(text, 0xf43926);
    assert_string_equal(text, "00f43926");
}

/* Whatever the length, and wherever it is cut. */
static void test_lengths(void **state) {
    (void)state;
    enum { SIZE = 3000 };
    unsigned char data[SIZE];
    uint32_t want = 0x12345678;
    for (int i = 0; i < SIZE; i++)
        data[i] = (unsigned char)(i * i >> 3);
    for (size_t i = 0; i < SIZE; i++) {
        assert_int_equal(checksum(0x12345678, data, i), want);
        assert_int_equal(checksum(checksum(0x12345678, data, i / 3), data + i / 3, i - i / 3), want);
        want = checksum(want, data + i, 1);
    }
}

/* More pieces than threads, and a last one that is cut. */
static void test_shared(void **state) {
    (void)state;
    const size_t size = ((size_t)40 << 20) + 5;
    unsigned char *data = malloc(size);
    assert_non_null(data);
    for (size_t i = 0; i < size; i++)
        data[i] = (unsigned char)(i * i >> 7);
    const uint32_t want = checksum(7, data, size);
    for (int n_threads = 0; n_threads <= 3; n_threads++) {
        Pool *pool = n_threads > 0 ? pool_create(n_threads) : NULL;
        assert_int_equal(checksum_shared(pool, 7, data, size), want);
        assert_int_equal(checksum_shared(pool, 7, data, 9), checksum(7, data, 9));
        assert_int_equal(checksum_shared(pool, 7, NULL, 0), 7);
        pool_free(pool);
    }
    free(data);
}

static void test_file(void **state) {
    char path[4096], text[CHECKSUM_TEXT];
    Error err = {0};
    scratch_file(scratch_path(state, "a", path, sizeof path), "123456789", 9);
    assert_int_equal(checksum_file(text, path, &err), 0);
    assert_string_equal(text, "cbf43926");
    scratch_file(path, "", 0);
    assert_int_equal(checksum_file(text, path, &err), 0);
    assert_string_equal(text, "00000000");
    assert_int_equal(checksum_file(text, scratch_path(state, "b", path, sizeof path), &err), -1);
    assert_non_null(strstr(err.text, "cannot open"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_lengths),
        cmocka_unit_test(test_shared),
        cmocka_unit_test_setup_teardown(test_file, scratch_setup, scratch_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
