/* test_index_format.c: parts there and back, and sizes that overflow. */
#include "datasets/index/index_format.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void parts_come_back(void **state) {
    (void)state;
    unsigned char part[INDEX_PART], record[INDEX_RECORD];
    const IndexHeader header = {INDEX_BFLOAT16, INDEX_VERSION, 768, 60, 0xfedcba98u, 128};
    const IndexHead head = {1ull << 40, 3, 2, 99, 1ull << 41};
    const IndexFoot foot = {1ull << 42, 1ull << 43, 7, 1, 1, 2, 3};
    IndexHeader h;
    IndexHead a;
    IndexFoot f;
    IndexRecord r, wanted = {.size = 1ull << 45,
                             .changed_ns = -5,
                             .name_at = 1ull << 33,
                             .name_size = 4,
                             .orientation = 6,
                             .feature_sum = 77};
    index_header_write(part, &header);
    assert_true(index_header_read(&h, part) && h.E == 768 && h.size == 128 && h.text_sum == header.text_sum);
    index_head_write(part, &head);
    assert_true(index_head_read(&a, part) && memcmp(&a, &head, sizeof a) == 0);
    assert_false(index_foot_read(&f, part));
    index_foot_write(part, &foot);
    assert_true(index_foot_read(&f, part) && f.start == foot.start && f.records_sum == 3);
    part[30] ^= 1;
    assert_false(index_foot_read(&f, part));
    index_record_write(record, &wanted, "abc");
    index_record_read(&r, record);
    assert_true(r.size == wanted.size && r.changed_ns == -5 && r.name_at == wanted.name_at &&
                r.orientation == 6);
    assert_int_equal(r.sum, index_record_sum(record, "abc", 4));
    assert_int_not_equal(r.sum, index_record_sum(record, "abd", 4));
}

static void sizes_that_overflow(void **state) {
    (void)state;
    IndexPlaces places;
    assert_true(index_places(&places, 1000000000, 5, 1ull << 36, 2048));
    assert_int_equal(places.features % INDEX_ALIGN + places.dead % INDEX_ALIGN +
                         places.records % INDEX_ALIGN + places.foot % INDEX_ALIGN,
                     0);
    assert_false(index_places(&places, UINT64_MAX / 1000, 0, 0, 2048));
    assert_false(index_places(&places, 1, UINT64_MAX / 8, 0, 2048));
    assert_false(index_places(&places, 1, 0, UINT64_MAX - 3, 2048));
    assert_false(index_places(&places, 1ull << 52, 0, 0, 2048));
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(parts_come_back),
                                       cmocka_unit_test(sizes_that_overflow)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
