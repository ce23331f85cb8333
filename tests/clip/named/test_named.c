/* What a text means: a path, a name, or nothing that is known. */
#include "clip/named/named.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void test_paths(void **state) {
    (void)state;
    static const char *const paths[] = {
        "/a/RN50",    "./RN50", "../x/y", "~/RN50", "RN50.pt",  "x/y.safetensors", "a/b.pth",
        "merges.txt", "",       "a/b/",   "a//b",   "clip.bin", "a/b.json",        ".hidden"};
    static const char *const names[] = {"RN50",
                                        "ViT-B/32",
                                        "ViT-L/14@336px",
                                        "laion/CLIP-ViT-B-32-DataComp.XL-s13B-b90K",
                                        "timm/resnet50_clip.openai",
                                        "pt",
                                        "ViT-B-32:openai",
                                        "hf-hub:a/b"};
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++)
        assert_true(named_is_path(paths[i]));
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        assert_false(named_is_path(names[i]));
}

static void test_meanings(void **state) {
    (void)state;
    static const struct {
        const char *text, *name, *repo, *file, *digest;
        NamedKind kind;
        bool known, quick_gelu, half_pixels, squash;
    } cases[] = {
        {"ViT-B/32", "ViT-B/32", NULL, "ViT-B-32.pt", "40d36571", NAMED_OPENAI, true, true, false, false},
        {"ViT-L/14@336px", "ViT-L/14@336px", NULL, "ViT-L-14-336px.pt", "3035c92b", NAMED_OPENAI, true, true,
         false, false},
        {"ViT-B-32:laion2b_s34b_b79k", "ViT-B-32:laion2b_s34b_b79k", "laion/CLIP-ViT-B-32-laion2B-s34B-b79K",
         NULL, NULL, NAMED_OPENCLIP, true, false, false, false},
        /* as OpenCLIP reads them: '/' for '-' in the model, any case and '-' for '_' in the tag */
        {"ViT-B/32:LAION2B-s34b-b79k", "ViT-B-32:laion2b_s34b_b79k", "laion/CLIP-ViT-B-32-laion2B-s34B-b79K",
         NULL, NULL, NAMED_OPENCLIP, true, false, false, false},
        /* the weights' own activation, whichever of its two models is named */
        {"ViT-B-32:openai", "ViT-B-32:openai", "timm/vit_base_patch32_clip_224.openai", "ViT-B-32.pt",
         "40d36571", NAMED_OPENCLIP, true, true, false, false},
        {"ViT-B-32-quickgelu:laion400m_e32", "ViT-B-32:laion400m_e32",
         "timm/vit_base_patch32_clip_224.laion400m_e32", "vit_b_32-quickgelu-laion400m_e32-46683a32.pt",
         "46683a32", NAMED_OPENCLIP, true, true, false, false},
        {"ViT-B-16:laion400m_e32", "ViT-B-16:laion400m_e32", "timm/vit_base_patch16_clip_224.laion400m_e32",
         "vit_b_16-laion400m_e32-55e67d44.pt", "55e67d44", NAMED_OPENCLIP, true, false, false, false},
        {"ViT-L-14:laion2b_s32b_b82k", "ViT-L-14:laion2b_s32b_b82k", "laion/CLIP-ViT-L-14-laion2B-s32B-b82K",
         NULL, NULL, NAMED_OPENCLIP, true, false, true, false},
        {"ViT-H-14-378-quickgelu:dfn5b", "ViT-H-14-378:dfn5b", "apple/DFN5B-CLIP-ViT-H-14-378", NULL, NULL,
         NAMED_OPENCLIP, true, true, false, true},
        /* OpenCLIP's table names the repository of another epoch */
        {"ViT-B-16-plus-240:laion400m_e32", "ViT-B-16-plus-240:laion400m_e32", NULL,
         "vit_b_16_plus_240-laion400m_e32-699c4b84.pt", "699c4b84", NAMED_OPENCLIP, true, false, false,
         false},
        {"openai/clip-vit-base-patch32", "openai/clip-vit-base-patch32", "openai/clip-vit-base-patch32", NULL,
         NULL, NAMED_HUB, true, true, false, false},
        {"hf-hub:laion/CLIP-ViT-L-14-laion2B-s32B-b82K", "laion/CLIP-ViT-L-14-laion2B-s32B-b82K",
         "laion/CLIP-ViT-L-14-laion2B-s32B-b82K", NULL, NULL, NAMED_HUB, true, false, true, false},
        {"hf-hub:someone/my-clip_1.0", "someone/my-clip_1.0", "someone/my-clip_1.0", NULL, NULL, NAMED_HUB,
         false, false, false, false},
        {"hf-hub:ViT-B/33", "ViT-B/33", "ViT-B/33", NULL, NULL, NAMED_HUB, false, false, false, false},
    };
    Arena *arena = arena_create();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        Named p;
        Error err = {0};
        if (named_parse(&p, cases[i].text, arena, &err) < 0)
            fail_msg("%s", err.text);
        assert_string_equal(p.name, cases[i].name);
        assert_int_equal(p.kind, cases[i].kind);
        const char *const texts[][2] = {{p.repo, cases[i].repo}, {p.file, cases[i].file}};
        for (int k = 0; k < 2; k++) {
            assert_int_equal(!texts[k][0], !texts[k][1]);
            if (texts[k][0])
                assert_string_equal(texts[k][0], texts[k][1]);
        }
        assert_int_equal(!p.digest, !cases[i].digest);
        if (p.digest)
            assert_memory_equal(p.digest, cases[i].digest, 8);
        assert_int_equal(p.known, cases[i].known);
        assert_int_equal(p.quick_gelu, cases[i].quick_gelu);
        assert_int_equal(p.half_pixels, cases[i].half_pixels);
        assert_int_equal(p.squash, cases[i].squash);
    }
    arena_free(arena);
}

static void test_refusals(void **state) {
    (void)state;
    static const char *const cases[][2] = {
        {"RN51", "RN51: neither a file or folder, nor the name of a checkpoint (near: RN50, RN101"},
        {"vit-b/32",
         "vit-b/32: neither a file or folder, nor the name of a checkpoint (near: ViT-B/32, ViT-B/16"},
        {"ViT-B/33", "(near: ViT-B/32, ViT-B/16"},
        {"ViT-B-32:laion2b_s34b_b79",
         "nor a tag of OpenCLIP's that is known (near: ViT-B-32:laion2b_s34b_b79k"},
        {"ViT-B-32-quickgelu:laion2b_s34b_b79k", "have no QuickGELU: ViT-B-32:laion2b_s34b_b79k"},
        {"ViT-B-16-SigLIP:webli", "no CLIP that is read here: it is trained with a sigmoid"},
        {"coca_ViT-B-32:laion2b_s13b_b90k", "a CoCa"},
        {"convnext_base:laion400m_s13b_b51k", "its image tower is not CLIP's"},
        {"hf-hub:one", "hf-hub:one: behind hf-hub: OWNER/NAME is needed"},
        {"hf-hub:a/b/c", "behind hf-hub:"},
        {"hf-hub:../b", "behind hf-hub:"},
        {"hf-hub:a--b/c", "behind hf-hub:"},
        {"a b/c", "nor the name of a checkpoint"},
        {"zzzzzzzzzzzzzzzzzzzzzzzz", "nor the name of a checkpoint"},
    };
    Arena *arena = arena_create();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        Named p;
        Error err = {0};
        assert_int_equal(named_parse(&p, cases[i][0], arena, &err), -1);
        if (!strstr(err.text, cases[i][1]))
            fail_msg("got %s\nwant %s", err.text, cases[i][1]);
    }
    assert_string_equal(named_near("zzzzzzzzzzzzzzzzzzzzzzzz", arena), "");
    arena_free(arena);
}

/* Each name means itself; none twice. */
static void test_list(void **state) {
    (void)state;
    Arena *arena = arena_create();
    Named p, again;
    int n = 0;
    for (; named_at(n, &p, arena); n++) {
        Error err = {0};
        assert_int_equal(named_parse(&again, p.name, arena, &err), 0);
        assert_string_equal(again.name, p.name);
        assert_int_equal(again.kind, p.kind);
        assert_true(p.known);
        assert_true(p.repo || p.digest);
        for (int i = 0; i < n; i++) {
            assert_true(named_at(i, &again, arena));
            assert_string_not_equal(again.name, p.name);
        }
    }
    assert_int_equal(n, 9 + 70 + 4);
    assert_false(named_at(n + 1, &p, arena));
    arena_free(arena);
}

static void test_files(void **state) {
    (void)state;
    Named p;
    assert_true(named_of_file("ViT-L-14-336px.pt", &p));
    assert_string_equal(p.name, "ViT-L/14@336px");
    assert_false(named_of_file("ViT-L-14-336.pt", &p));
    assert_string_equal(named_of_digest(p.digest), "ViT-L/14@336px");
    assert_string_equal(named_of_digest(NAMED_VOCABULARY_DIGEST), "vocabulary");
    assert_null(named_of_digest(""));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_paths), cmocka_unit_test(test_meanings), cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_list),  cmocka_unit_test(test_files),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
