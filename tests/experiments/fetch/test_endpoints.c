/* Whom to ask, and with which token, by the environment. */
#include "experiments/fetch/endpoints.h"

#include "tests/support/scratch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static void clear(void) {
    static const char *const names[] = {"HF_ENDPOINT",
                                        "COOP_OPENAI_ENDPOINT",
                                        "COOP_GITHUB_ENDPOINT",
                                        "HF_TOKEN",
                                        "HUGGING_FACE_HUB_TOKEN",
                                        "HF_TOKEN_PATH",
                                        "HF_HOME",
                                        "HF_HUB_OFFLINE",
                                        "TRANSFORMERS_OFFLINE",
                                        "HF_HUB_DOWNLOAD_TIMEOUT",
                                        "HF_HUB_DISABLE_IMPLICIT_TOKEN"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        unsetenv(names[i]);
}

static void test_hosts(void **state) {
    (void)state;
    Arena *arena = arena_create();
    clear();
    assert_string_equal(endpoint_hub(arena), "https://huggingface.co");
    assert_string_equal(endpoint_openai(arena), "https://openaipublic.azureedge.net");
    assert_string_equal(endpoint_github(arena), "https://github.com");
    setenv("HF_ENDPOINT", "http://mirror:8000/hub//", 1);
    setenv("COOP_OPENAI_ENDPOINT", "", 1); /* as if it were not set */
    assert_string_equal(endpoint_hub(arena), "http://mirror:8000/hub");
    assert_string_equal(endpoint_openai(arena), "https://openaipublic.azureedge.net");
    arena_free(arena);
}

static void test_token(void **state) {
    char path[512];
    Arena *arena = arena_create();
    clear();
    setenv("HF_HOME", *state, 1);
    assert_null(endpoint_token(arena));
    scratch_file(scratch_path(state, "token", path, sizeof path), "hf_file\n", 8);
    assert_string_equal(endpoint_token(arena), "hf_file");
    scratch_file(scratch_path(state, "other", path, sizeof path), " \n", 2);
    setenv("HF_TOKEN_PATH", path, 1);
    assert_null(endpoint_token(arena));
    setenv("HUGGING_FACE_HUB_TOKEN", "hf_old", 1);
    assert_string_equal(endpoint_token(arena), "hf_old");
    setenv("HF_TOKEN", "hf_new", 1);
    assert_string_equal(endpoint_token(arena), "hf_new");
    setenv("HF_HUB_DISABLE_IMPLICIT_TOKEN", "1", 1);
    assert_null(endpoint_token(arena));
    arena_free(arena);
}

static void test_switches(void **state) {
    (void)state;
    clear();
    assert_false(endpoint_offline());
    assert_int_equal(endpoint_stall(), 30);
    setenv("TRANSFORMERS_OFFLINE", "yes", 1);
    assert_true(endpoint_offline());
    setenv("HF_HUB_OFFLINE", "0", 1);
    assert_false(endpoint_offline());
    setenv("HF_HUB_DOWNLOAD_TIMEOUT", "5", 1);
    assert_int_equal(endpoint_stall(), 5);
    setenv("HF_HUB_DOWNLOAD_TIMEOUT", "-5", 1);
    assert_int_equal(endpoint_stall(), 30);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hosts),
        cmocka_unit_test_setup_teardown(test_token, scratch_setup, scratch_teardown),
        cmocka_unit_test(test_switches),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
