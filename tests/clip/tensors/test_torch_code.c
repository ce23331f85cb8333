/* test_torch_code.c: clip/tensors/torch_code.c */
#include "clip/tensors/torch_code.h"

#include "tests/support/support.h"
#include "tests/support/torch_support.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void check(const char *path, const char *const *texts, int n, const bool *want) {
    Error err = {0};
    bool found[8];
    TensorFile *file = open_good(path);
    if (torch_code_find(file, texts, n, found, &err) < 0)
        fail_msg("%s", err.text);
    for (int i = 0; i < n; i++)
        if (found[i] != want[i])
            fail_msg("%s: %s", path, texts[i]);
    tensors_close(file);
}

/* Code that torch.jit.save has deflated; a state dict has none. */
static void test_deflated(void **state) {
    (void)state;
    check(FIXTURES "torch/script.pt", (const char *[]){"class ", "def forward", "torch.gelu"}, 3,
          (bool[]){true, true, false});
    check(FIXTURES "torch/state_dict.pt", (const char *[]){"class ", "("}, 2, (bool[]){false, false});
}

/* Only what is in the folder and ends in .py is code. */
static void test_members(void **state) {
    Path path = in_scratch(state, "script.pt");
    Bytes pickle = pickle_build(PROTO "<__torch__ M>)x81}(" TWO_BY_THREE "ub.");
    const float data[6] = {0, 1, 2, 3, 4, 5};
    const ZipPiece pieces[] = {{"a/data.pkl", pickle.data, pickle.size},
                               {"a/data/0", data, sizeof data},
                               {"a/version", "3\n", 2},
                               {"a/code/m.py", "torch.add(x)", 12},
                               {"a/code/n/o.py", "torch.mul(x)", 12},
                               {"a/code/m.py.debug_pkl", "torch.sub(x)", 12},
                               {"a/extra/code/m.py", "torch.div(x)", 12},
                               {"code/m.py", "torch.pow(x)", 12},
                               {"a/code/.py", "", 0}};
    ZipBuilt zip = zip_build(pieces, 9);
    zip_save(path.text, &zip);
    bytes_free(&pickle);
    check(path.text, (const char *[]){"torch.add", "torch.mul", "torch.sub", "torch.div", "torch.pow"}, 5,
          (bool[]){true, true, false, false, false});
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_deflated),
        IN_SCRATCH(test_members),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
