/* test_names.c: experiments/config/names.c: texts and paths as names of folders. */
#include "experiments/config/names.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void test_names(void **state) {
    (void)state;
    Arena *arena = arena_create();
    assert_string_equal(path_stem("~/models/ViT-B.16.safetensors", arena), "ViT-B.16");
    assert_string_equal(path_stem("model.tar.gz", arena), "model");
    assert_string_equal(path_stem("a/.hidden", arena), ".hidden");
    assert_string_equal(safe_name("..a//b  c\xc3\xa9", arena), "a_b_c");
    assert_int_equal(
        strlen(safe_name("0123456789012345678901234567890123456789012345678901234567890", arena)), 48);
    assert_string_equal(safe_name("", arena), "unnamed");
    const char *name = NULL, *output = NULL;
    fill_in_names(&name, &output, "a/my pets.yaml", arena);
    assert_string_equal(name, "my pets");
    assert_string_equal(output, "runs/my_pets");
    fill_in_names(&name, &output, "b.yaml", arena);
    assert_string_equal(name, "my pets");
    assert_string_equal(output, "runs/my_pets");
    arena_free(arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_names)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
