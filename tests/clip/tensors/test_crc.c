/* test_crc.c: the checksum against zlib's, whatever the length and the place. */
#include "clip/tensors/crc.h"

#include "tests/support/support.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <zlib.h>

#include <cmocka.h>

enum { SIZE = 3000 };

static void test_known(void **state) {
    (void)state;
    assert_int_equal(crc_bytes("", 0), 0);
    assert_int_equal(crc_bytes("123456789", 9), 0xcbf43926); /* the check value of the catalogues */
    unsigned char zeros[256] = {0};
    assert_int_equal(crc_bytes(zeros, sizeof zeros), 0x0d968558);
}

static void test_zlib(void **state) {
    (void)state;
    float noise[SIZE / 4];
    unsigned char bytes[SIZE];
    fill_normal(noise, SIZE / 4, 1, 1);
    memcpy(bytes, noise, SIZE);
    for (size_t size = 0; size < 700; size++)
        for (size_t at = 0; at < 17; at += 4 - size % 3)
            assert_int_equal(crc_bytes(bytes + at, size), crc32_z(0, bytes + at, size));
    uint32_t whole = crc_bytes(bytes, SIZE);
    assert_int_equal(whole, crc32_z(0, bytes, SIZE));
    for (size_t at = 0; at < SIZE; at++) { /* any damage shows */
        bytes[at] ^= 0x10;
        assert_int_not_equal(crc_bytes(bytes, SIZE), whole);
        bytes[at] ^= 0x10;
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_known), cmocka_unit_test(test_zlib)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
