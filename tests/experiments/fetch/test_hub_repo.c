/* What a hub says of a repository, and which of its files are taken. */
#include "experiments/fetch/hub_repo.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define SHA1 "0123456789abcdef0123456789abcdef01234567"
#define SHA256 "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define SMALL(name) "{\"rfilename\": \"" name "\", \"size\": 5, \"blobId\": \"" SHA1 "\"}"
#define LARGE(name)                                                                                          \
    "{\"rfilename\": \"" name "\", \"size\": 9, \"blobId\": \"" SHA1 "\", \"lfs\": {\"sha256\": \"" SHA256   \
    "\", \"size\": 900, \"pointerSize\": 135}}"
#define REPO(files) "{\"sha\": \"" SHA1 "\", \"siblings\": [" files "]}"

static int read_repo(HubRepo *repo, const char *text, bool only_openclip, Arena *arena, Error *err) {
    *err = (Error){0};
    return hub_repo_read(repo, text, strlen(text), "URL", arena, err) < 0
               ? -1
               : hub_repo_choose(repo, only_openclip, "URL", err);
}

/* Names of the chosen files in the order of the list. */
static const char *chosen(const HubRepo *repo, Arena *arena) {
    const char *names = "";
    for (int i = 0; i < repo->n; i++)
        if (repo->files[i].chosen)
            names = arena_printf(arena, "%s %s", names, repo->files[i].name);
    return names;
}

static void test_choice(void **state) {
    (void)state;
    static const struct {
        const char *text;
        bool only_openclip;
        const char *weights, *chosen;
    } cases[] = {
        {REPO(LARGE("pytorch_model.bin") "," LARGE("model.safetensors") "," SMALL("config.json") "," SMALL(
             "README.md") "," SMALL("merges.txt") "," SMALL("vocab.json") "," LARGE("tf_model.h5")),
         false, "model.safetensors", " model.safetensors config.json merges.txt vocab.json"},
        {REPO(LARGE("model.safetensors") "," LARGE("open_clip_model.safetensors") "," SMALL(
             "open_clip_config.json")),
         true, "open_clip_model.safetensors", " open_clip_model.safetensors open_clip_config.json"},
        {REPO(LARGE("model.safetensors") "," LARGE("open_clip_pytorch_model.bin")), true,
         "open_clip_pytorch_model.bin", " open_clip_pytorch_model.bin"},
        {REPO(LARGE("model-00001-of-00002.safetensors") "," LARGE(
             "model-00002-of-00002.safetensors") "," SMALL("model.safetensors.index.json") "," LARGE("other."
                                                                                                     "safeten"
                                                                                                     "sors")),
         false, "model.safetensors.index.json",
         " model-00001-of-00002.safetensors model-00002-of-00002.safetensors model.safetensors.index.json"},
        {REPO(LARGE("mine.pt") "," SMALL("config.json")), false, "mine.pt", " mine.pt config.json"},
    };
    Arena *arena = arena_create();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        HubRepo repo;
        Error err;
        if (read_repo(&repo, cases[i].text, cases[i].only_openclip, arena, &err) < 0)
            fail_msg("%s", err.text);
        assert_string_equal(repo.commit, SHA1);
        assert_string_equal(repo.weights, cases[i].weights);
        assert_string_equal(chosen(&repo, arena), cases[i].chosen);
        assert_int_equal(repo.has_vocabulary, i == 0);
    }
    HubRepo repo;
    Error err;
    assert_int_equal(read_repo(&repo, cases[0].text, false, arena, &err), 0);
    assert_int_equal(repo.files[1].kind, DIGEST_SHA256);
    assert_string_equal(repo.files[1].digest, SHA256);
    assert_int_equal(repo.files[1].size, 900);
    assert_int_equal(repo.files[2].kind, DIGEST_GIT);
    assert_string_equal(repo.files[2].digest, SHA1);
    assert_int_equal(repo.files[2].size, 5);
    arena_free(arena);
}

/* What would be a path elsewhere, or cannot be verified, is not there. */
static void test_left_out(void **state) {
    (void)state;
    static const char text[] = REPO(SMALL("../model.safetensors") "," SMALL("a/model.safetensors") "," SMALL(
        "/etc/x.pt") "," SMALL(".hidden.pt") ", {\"rfilename\": \"b.pt\", \"size\": 5}, {\"rfilename\": "
                                             "\"c.pt\", \"size\": -1, \"blobId\": \"" SHA1 "\"},"
                                             "{\"rfilename\": \"d.pt\", \"size\": 5, \"blobId\": \"xyz\"}, "
                                             "{\"rfilename\": 3}, 7,"
                                             "{\"rfilename\": \"e.pt\", \"size\": 1, \"blobId\": \"" SHA1
                                             "\", \"lfs\": {\"size\": 1}}");
    Arena *arena = arena_create();
    HubRepo repo;
    Error err;
    assert_int_equal(read_repo(&repo, text, false, arena, &err), -1);
    assert_int_equal(repo.n, 0);
    assert_string_equal(err.text, "URL: no checkpoint among its 0 files");
    arena_free(arena);
}

static void test_refusals(void **state) {
    (void)state;
    static const char *const texts[] = {"",
                                        "<html>",
                                        "[]",
                                        "{}",
                                        "{\"sha\": \"main\", \"siblings\": []}",
                                        "{\"sha\": \"" SHA1 "\", \"siblings\": {}}",
                                        "{\"sha\": 3}"};
    Arena *arena = arena_create();
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        HubRepo repo;
        Error err;
        assert_int_equal(read_repo(&repo, texts[i], false, arena, &err), -1);
        assert_non_null(strstr(err.text, "URL: not what a hub answers: "));
    }
    arena_free(arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_choice), cmocka_unit_test(test_left_out),
                                       cmocka_unit_test(test_refusals)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
