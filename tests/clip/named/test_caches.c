/* Where the environment says that caches are. */
#include "clip/named/caches.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const char *const variables[] = {"HOME", "XDG_CACHE_HOME", "HF_HOME", "HF_HUB_CACHE",
                                        "HUGGINGFACE_HUB_CACHE"};

typedef struct {
    const char *values[5]; /* of these; NULL: not set */
    const char *openai, *coop, *home, *hub;
} Case;

static void same(const char *got, const char *want) {
    assert_int_equal(!got, !want);
    if (want)
        assert_string_equal(got, want);
}

static void test_variables(void **state) {
    (void)state;
    static const Case cases[] = {
        {{"/h"}, "/h/.cache/clip", "/h/.cache/coop", "/h/.cache/huggingface", "/h/.cache/huggingface/hub"},
        /* openai/CLIP and OpenCLIP do not look at XDG_CACHE_HOME */
        {{"/h", "/x"}, "/h/.cache/clip", "/x/coop", "/x/huggingface", "/x/huggingface/hub"},
        {{"/h", "/x", "/hf"}, "/h/.cache/clip", "/x/coop", "/hf", "/hf/hub"},
        {{"/h", NULL, "~/hf"}, "/h/.cache/clip", "/h/.cache/coop", "/h/hf", "/h/hf/hub"},
        {{"/h", NULL, "/hf", "/cache", "/old"}, "/h/.cache/clip", "/h/.cache/coop", "/hf", "/cache"},
        {{"/h", NULL, NULL, NULL, "/old"},
         "/h/.cache/clip",
         "/h/.cache/coop",
         "/h/.cache/huggingface",
         "/old"},
        {{"/h", "", "", "", ""},
         "/h/.cache/clip",
         "/h/.cache/coop",
         "/h/.cache/huggingface",
         "/h/.cache/huggingface/hub"},
        {{NULL}, NULL, NULL, NULL, NULL},
    };
    Arena *arena = arena_create();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        for (int k = 0; k < 5; k++)
            cases[i].values[k] ? setenv(variables[k], cases[i].values[k], 1) : unsetenv(variables[k]);
        same(cache_openai(arena), cases[i].openai);
        same(cache_coop(arena), cases[i].coop);
        same(cache_hub_home(arena), cases[i].home);
        same(cache_hub(arena), cases[i].hub);
    }
    setenv("HF_HUB_CACHE", "/c", 1);
    same(cache_hub_folder("openai/clip-vit-base-patch32", arena), "/c/models--openai--clip-vit-base-patch32");
    arena_free(arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_variables)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
