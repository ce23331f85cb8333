/* test_torch_tensor.c: clip/tensors/torch_tensor.c */
#include "clip/tensors/tensors.h"
#include "tests/support/torch_support.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* --- what is refused --- */

#define FLOATS(offset, sizes, strides) "'w'" TENSOR("FloatStorage", "0", "#6", offset, sizes, strides)

static const RefusedPickle cases[] = {
    /* views */
    {"negative offset", DICT(FLOATS("#-1", "#2 #3", "#3 #1")),
     "tensor w: an offset, size or stride is not a whole number, 0 or more"},
    {"negative stride", DICT(FLOATS("#0", "#2 #3", "#-3 #1")),
     "tensor w: an offset, size or stride is not a whole number, 0 or more"},
    {"negative size", DICT(FLOATS("#0", "#-2 #3", "#3 #1")),
     "tensor w: an offset, size or stride is not a whole number, 0 or more"},
    {"a size that is None", DICT(FLOATS("#0", "#2 N", "#3 #1")),
     "tensor w: an offset, size or stride is not a whole number, 0 or more"},
    {"an offset that is text", DICT(FLOATS("'0'", "#2 #3", "#3 #1")),
     "tensor w: not storage, offset, sizes and strides"},
    {"fewer strides than sizes", DICT(FLOATS("#0", "#2 #3", "#3")),
     "tensor w: not storage, offset, sizes and strides"},
    {"one past the storage", DICT(FLOATS("#1", "#2 #3", "#3 #1")),
     "tensor w: reaches beyond the 6 items of its storage"},
    {"stride past the storage", DICT(FLOATS("#0", "#2 #3", "#4 #1")),
     "tensor w: reaches beyond the 6 items of its storage"},
    {"offset of 2^62", DICT(FLOATS("#4611686018427387904", "#1", "#1")),
     "tensor w: reaches beyond the 6 items of its storage"},
    {"stride that overflows", DICT(FLOATS("#0", "#3", "#9223372036854775807")),
     "tensor w: reaches beyond the 6 items of its storage"},
    {"offset that overflows", DICT(FLOATS("#9223372036854775807", "#3", "#1")),
     "tensor w: reaches beyond the 6 items of its storage"},
    {"sizes that overflow", DICT(FLOATS("#0", "#4294967296 #4294967296", "#0 #0")),
     "tensor w: shape [4294967296, 4294967296] is too large"},
    {"expanded to a terabyte", DICT(FLOATS("#0", "#1048576 #262144", "#0 #0")),
     "tensor w: strided tensors of over 33554921 bytes"},
    {"nine dimensions", DICT(FLOATS("#0", "#1 #1 #1 #1 #1 #1 #1 #1 #1", "#1 #1 #1 #1 #1 #1 #1 #1 #1")),
     "tensor w: over 8 dimensions"},
    {"signs to be turned",
     DICT("'w'<torch._utils _rebuild_tensor_v2>(" STORAGE("FloatStorage", "0",
                                                          "#6") "#0(#6t(#1tx89" ORDERED_DICT "}'neg'x88stR"),
     "tensor w: not storage, offset, sizes and strides"},
    /* storages */
    {"missing storage", DICT("'w'" TENSOR("FloatStorage", "1", "#6", "#0", "#6", "#1")),
     "tensor w: its storage \"1\" is missing"},
    {"storage above its folder", DICT("'w'" TENSOR("FloatStorage", "../version", "#6", "#0", "#6", "#1")),
     "tensor w: its storage \"../version\" is missing"},
    {"too few items", DICT("'w'" TENSOR("FloatStorage", "0", "#5", "#0", "#5", "#1")),
     "tensor w: 5 items of F32 in a storage of 24 bytes"},
    {"too many items", DICT("'w'" TENSOR("FloatStorage", "0", "#7", "#0", "#6", "#1")),
     "tensor w: 7 items of F32 in a storage of 24 bytes"},
    {"negative number of items", DICT("'w'" TENSOR("FloatStorage", "0", "#-6", "#0", "#6", "#1")),
     "tensor w: -6 items of F32 in a storage of 24 bytes"},
    {"items that overflow", DICT("'w'" TENSOR("FloatStorage", "0", "#4611686018427387910", "#0", "#6", "#1")),
     "tensor w: 4611686018427387910 items of F32 in a storage of 24 bytes"},
    {"one key, two dtypes", DICT(TWO_BY_THREE "'v'" TENSOR("IntStorage", "0", "#6", "#0", "#6", "#1")),
     "tensor v: its storage \"0\" is of I32 here and of F32 elsewhere"},
    {"unknown type", DICT("'w'" TENSOR("ComplexFloatStorage", "0", "#3", "#0", "#3", "#1")),
     "tensor w: its storage type ComplexFloatStorage is not read here"},
    {"a storage of another module",
     DICT("'w'<torch._utils _rebuild_tensor_v2>(('storage'<os "
          "FloatStorage>'0''cpu'#6tQ#0(#6t(#1tx89" ORDERED_DICT "tR"),
     "tensor w: its storage type FloatStorage is not read here"},
    {"an id that is no tuple",
     DICT("'w'<torch._utils _rebuild_tensor_v2>('0'Q#0(#6t(#1tx89" ORDERED_DICT "tR"),
     "tensor w: its storage is not ('storage', type, key, location, number)"},
    {"an id of three",
     DICT("'w'<torch._utils _rebuild_tensor_v2>(('storage'<torch FloatStorage>'0'tQ#0(#6t(#1tx89" ORDERED_DICT
          "tR"),
     "tensor w: its storage is not ('storage', type, key, location, number)"},
    {"no storage at all", DICT("'w'<torch._utils _rebuild_tensor_v2>(N#0(#6t(#1tx89" ORDERED_DICT "tR"),
     "tensor w: its storage is not ('storage', type, key, location, number)"},
    /* calls */
    {"too few arguments", DICT("'w'<torch._utils _rebuild_tensor_v2>)R"),
     "tensor w: built by _rebuild_tensor_v2, which is not read here"},
    {"a sparse tensor", DICT("'w'<torch._utils _rebuild_sparse_tensor>)R"),
     "tensor w: built by _rebuild_sparse_tensor, which is not read here"},
    {"a parameter of nothing", DICT("'w'<torch._utils _rebuild_parameter>(Nx88" ORDERED_DICT "tR"),
     "tensor w: a parameter without a tensor"},
    {"a parameter of itself",
     DICT("'w'<torch._utils _rebuild_parameter>(<torch._utils _rebuild_parameter>(<torch._utils "
          "_rebuild_parameter>(<torch._utils _rebuild_parameter>(<torch._utils _rebuild_parameter>("
          "<torch._utils _rebuild_parameter>(<torch._utils _rebuild_parameter>(<torch._utils "
          "_rebuild_parameter>(Nx88NtRx88NtRx88NtRx88NtRx88NtRx88NtRx88NtRx88NtR"),
     "tensor w: a parameter without a tensor"},
};

static void test_refused(void **state) {
    check_refused_pickles(state, cases, sizeof cases / sizeof cases[0]);
}

/* --- what is read --- */

/* Views whose strides say little: of dimensions of size 1, of none, and of overlapping rows. */
static void test_odd_views(void **state) {
    Path path = in_scratch(state, "views.pt");
    ZipBuilt zip = torch_build(DICT("'one'" TENSOR(
        "FloatStorage", "0", "#6", "#2", "#1 #2 #1",
        "#9223372036854775807 #1 #77") "'none'" TENSOR("FloatStorage", "0", "#6", "#99",
                                                       "#4611686018427387904 #0 #4",
                                                       "#1 #1 #1") "'windows'" TENSOR("FloatStorage", "0",
                                                                                      "#6", "#1", "#1 #3 #2",
                                                                                      "#9223372036854775807 "
                                                                                      "#1 #2") "'scalar"
                                                                                               "'" TENSOR(
                                                                                                   "Fl"
                                                                                                   "oa"
                                                                                                   "tS"
                                                                                                   "to"
                                                                                                   "ra"
                                                                                                   "g"
                                                                                                   "e",
                                                                                                   "0",
                                                                                                   "#"
                                                                                                   "6",
                                                                                                   "#"
                                                                                                   "5",
                                                                                                   "", "")));
    zip_save(path.text, &zip);
    TensorFile *file = open_good(path.text);
    const float one[] = {2, 3}, windows[] = {1, 3, 2, 4, 3, 5}, scalar[] = {5};
    assert_int_equal(tensors_find(file, "one")->size, sizeof one);
    assert_memory_equal(tensors_find(file, "one")->data, one, sizeof one);
    assert_int_equal(tensor_distance(file, "one", "scalar"), 12);
    assert_int_equal(tensors_find(file, "none")->count, 0);
    assert_int_equal(tensors_find(file, "windows")->size, sizeof windows);
    assert_memory_equal(tensors_find(file, "windows")->data, windows, sizeof windows);
    assert_memory_equal(tensors_find(file, "scalar")->data, scalar, sizeof scalar);
    tensors_close(file);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        IN_SCRATCH(test_refused),
        IN_SCRATCH(test_odd_views),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
