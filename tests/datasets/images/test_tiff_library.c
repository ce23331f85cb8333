/* test_tiff_library.c: libtiff is loaded once, whichever thread asks first, and not before. */
#include "clip/base/parallel.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#ifdef HAVE_TIFF
#include "datasets/images/tiff_library.h"

#include <dlfcn.h>

enum { ASKS = 16 };

static void ask(void *context, int tile, int worker) {
    const TiffLibrary **got = context;
    Error err = {0};
    (void)worker;
    got[tile] = tiff_library("photo.tif", &err);
}

static void loaded_once(void **state) {
    (void)state;
    const TiffLibrary *got[ASKS];
    Pool *pool = pool_create(4);
    assert_null(dlopen("libtiff.so.6", RTLD_NOW | RTLD_NOLOAD));
    pool_run(pool, ASKS, ask, got);
    for (int i = 0; i < ASKS; i++)
        assert_true(got[i] && got[i] == got[0]);
    assert_non_null(got[0]->library);
    assert_true(got[0]->IsCODECConfigured(COMPRESSION_NONE));
    pool_free(pool);
}
#else
static void loaded_once(void **state) {
    (void)state;
    print_message("skipped: built without libtiff\n");
    skip();
}
#endif

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(loaded_once)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
