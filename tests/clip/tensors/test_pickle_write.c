/* test_pickle_write.c: what is written is what the reader of pickles finds. */
#include "clip/tensors/pickle_write.h"

#include "clip/tensors/pickle.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static const int64_t integers[] = {
    0, 1, 255, 256, 65535, 65536, INT32_MAX, -1, INT32_MIN, (int64_t)INT32_MAX + 1, INT64_MAX, INT64_MIN};
enum { N = sizeof integers / sizeof *integers };

static void test_round_trip(void **state) {
    (void)state;
    Arena *arena = arena_create();
    Buffer out = {0};
    Error err = {0};
    PickleValue value;
    buffer_append(&out, PICKLE_BEGIN, 2);
    pickle_dict_begin(&out);
    pickle_put_text(&out, "na\xc3\xafve");
    pickle_put_integers(&out, integers, N);
    pickle_put_text(&out, "real");
    pickle_put_real(&out, -0.1);
    pickle_put_text(&out, "bool");
    pickle_put_bool(&out, true);
    pickle_put_text(&out, "none");
    pickle_put_none(&out);
    pickle_dict_end(&out);
    buffer_puts(&out, PICKLE_END);
    const char *bytes = buffer_text(&out);
    if (pickle_read(&value, "test", (const unsigned char *)bytes, out.size, arena, &err) < 0)
        fail_msg("%s", err.text);
    const PickleItems *pairs = pickle_pairs(&value);
    assert_int_equal(pairs->n, 8);
    const PickleValue *tuple = pickle_get(pairs, "na\xc3\xafve");
    assert_int_equal(tuple->type, PICKLE_TUPLE);
    assert_int_equal(tuple->items->n, N);
    for (int i = 0; i < N; i++)
        assert_true(tuple->items->at[i].type == PICKLE_INT && tuple->items->at[i].integer == integers[i]);
    assert_true(pickle_get(pairs, "real")->type == PICKLE_FLOAT && pickle_get(pairs, "real")->real == -0.1);
    assert_true(pickle_get(pairs, "bool")->type == PICKLE_BOOL && pickle_get(pairs, "bool")->integer == 1);
    assert_int_equal(pickle_get(pairs, "none")->type, PICKLE_NONE);
    buffer_free(&out);
    arena_free(arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_round_trip)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
