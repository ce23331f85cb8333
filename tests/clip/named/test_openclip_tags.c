/* The table of OpenCLIP's tags holds together. */
#include "clip/named/openclip_tags.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void test_rows(void **state) {
    (void)state;
    for (int i = 0; i < openclip_tag_count(); i++) {
        const OpenclipTag *tag = openclip_tag_at(i);
        assert_ptr_equal(openclip_tag_find(tag->model, tag->tag), tag);
        assert_null(openclip_model_other(tag->model));
        assert_true(tag->repo || tag->file);
        if (tag->repo) /* two tags of one repository would be the same weights */
            assert_ptr_equal(openclip_tag_of_repo(tag->repo), tag);
        if (tag->file && strstr(tag->file, "quickgelu"))
            assert_true(tag->flags & QUICK_GELU);
    }
    assert_null(openclip_tag_at(openclip_tag_count()));
    assert_null(openclip_tag_find("ViT-B-32", "none"));
    assert_null(openclip_tag_of_repo("nobody/nothing"));
}

static void test_others(void **state) {
    (void)state;
    static const char *const others[] = {"ViT-SO400M-14-SigLIP2",
                                         "coca_ViT-L-14",
                                         "ViT-H-14-CLIPA-336",
                                         "EVA02-B-16",
                                         "xlm-roberta-base-ViT-B-32",
                                         "PE-Core-B-16",
                                         "MobileCLIP-S1",
                                         "ViT-H-14-worldwide",
                                         "ViTamin-B",
                                         "nllb-clip-base"};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        assert_non_null(openclip_model_other(others[i]));
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_rows), cmocka_unit_test(test_others)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
