/* test_confusion.c: what is in cmat.pt: rows of shares, of the classes that occur. */
#include "experiments/original/confusion.h"

#include "clip/base/files.h"
#include "clip/tensors/pickle.h"
#include "clip/tensors/zip.h"
#include "tests/support/scratch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void test_matrix(void **state) {
    static const int labels[] = {0, 0, 2, 2}, predicted[] = {0, 2, 2, 4};
    static const double expected[] = {0.5, 0.5, 0, 0, 0.5, 0.5, 0, 0, 0};
    char path[600];
    Error err = {0};
    FileMap map;
    ZipArchive zip;
    PickleValue value;
    Arena *arena = arena_create();
    scratch_path(state, "cmat.pt", path, sizeof path);
    assert_int_equal(confusion_write(path, labels, predicted, 4, 5, arena, &err), 0);
    assert_int_equal(file_map(&map, path, &err), 0);
    assert_int_equal(zip_open(&zip, path, map.data, map.size, arena, &err), 0);
    ZipMember *member = zip_find(&zip, "archive/data.pkl");
    const unsigned char *bytes = zip_bytes(&zip, member, &err);
    if (pickle_read(&value, path, bytes, member->size, arena, &err) < 0)
        fail_msg("%s", err.text);
    assert_int_equal(value.type, PICKLE_OBJECT);
    assert_true(pickle_is_global(&value.object->callable, "numpy.core.multiarray", "_reconstruct"));
    const PickleItems *parts = value.object->state.items;
    assert_int_equal(parts->n, 5);
    assert_int_equal(parts->at[1].items->at[0].integer, 3);
    assert_int_equal(parts->at[1].items->at[1].integer, 3);
    assert_int_equal(parts->at[4].size, sizeof expected);
    assert_memory_equal(parts->at[4].text, expected, sizeof expected);
    file_unmap(&map);
    arena_free(arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_matrix, scratch_setup, scratch_teardown)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
