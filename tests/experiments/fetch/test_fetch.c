/* Named checkpoints from servers to where other programs look for them. */
#include "experiments/fetch/fetch.h"

#include "clip/base/files.h"
#include "clip/named/named_find.h"
#include "tests/support/scratch.h"
#include "tests/web/hub_support.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define VOCABULARY "../shared/vocab/" NAMED_VOCABULARY
#define HUB ".cache/huggingface/hub/models--me--mine"

static const FetchOptions options = {.quiet = true, .tries = 2, .pause = 0.01, .stall = 10};

typedef struct {
    WebServer server;
    Arena *arena;
    const char *home;
    Error err;
} Fixture;

static Fixture *start(void **state, const char *rules) {
    Arena *arena = arena_create();
    Fixture *f = ARENA_NEW(arena, Fixture, 1);
    f->arena = arena;
    f->home = *state;
    web_start(&f->server, *state, rules, arena);
    hub_environment(&f->server, *state);
    return f;
}

static void stop(Fixture *f) {
    web_stop(&f->server);
    arena_free(f->arena);
}

static const char *at(Fixture *f, const char *name) {
    return arena_printf(f->arena, "%s/%s", f->home, name);
}

static const char *text_of(Fixture *f, const char *name) {
    const char *text = file_read(at(f, name), 1 << 20, f->arena, NULL, NULL);
    return text ? text : "nothing";
}

static int fetch(Fixture *f, const char *name, const char *folder, const char **weights) {
    Named named;
    f->err = (Error){0};
    assert_int_equal(named_parse(&named, name, f->arena, &f->err), 0);
    return fetch_named(weights, &named, folder, &options, f->arena, &f->err);
}

static void assert_refused(Fixture *f, const char *name, const char *text) {
    const char *weights;
    assert_int_equal(fetch(f, name, NULL, &weights), -1);
    if (!strstr(f->err.text, text))
        fail_msg("got %s\nwant %s", f->err.text, text);
}

static const HubEntry entries[] = {{"model.safetensors", "weights", 7, true, NULL},
                                   {"config.json", "{}", 2, false, NULL},
                                   {"merges.txt", "merges", 6, false, NULL},
                                   {"README.md", "readme", 6, false, NULL},
                                   {"other.bin", "other", 5, true, NULL}};

/* As huggingface_hub lays it out. */
static void test_hub(void **state) {
    Fixture *f = start(state, hub_rules);
    const char *weights;
    char digest[65], link[256] = "";
    hub_put(&f->server, "me/mine", entries, 5);
    if (fetch(f, "me/mine", NULL, &weights) < 0)
        fail_msg("%s", f->err.text);
    digest_bytes(digest, "weights", 7);
    assert_string_equal(weights, at(f, HUB "/snapshots/" HUB_COMMIT "/model.safetensors"));
    assert_true(readlink(weights, link, sizeof link - 1) > 0);
    assert_string_equal(link, arena_printf(f->arena, "../../blobs/%s", digest));
    assert_string_equal(text_of(f, HUB "/snapshots/" HUB_COMMIT "/model.safetensors"), "weights");
    assert_string_equal(text_of(f, HUB "/snapshots/" HUB_COMMIT "/config.json"), "{}");
    assert_string_equal(text_of(f, HUB "/refs/main"), HUB_COMMIT);
    assert_false(file_exists(at(f, HUB "/snapshots/" HUB_COMMIT "/README.md")));
    assert_true(file_exists(
        at(f, arena_printf(f->arena, ".cache/huggingface/hub/.locks/models--me--mine/%s.lock", digest))));
    /* small files from the hub, large ones from elsewhere, without the token */
    assert_int_equal(
        web_count(&f->server, "127.0.0.1 /me/mine/resolve/" HUB_COMMIT "/config.json 200 \"Bearer hf_x\""),
        1);
    assert_int_equal(web_count(&f->server, "localhost /cdn/me/mine/model.safetensors 200 \"-\""), 1);

    Named named;
    assert_int_equal(named_parse(&named, "me/mine", f->arena, &f->err), 0);
    const NamedFiles files = named_find(&named, f->arena);
    assert_string_equal(files.weights, weights);
    assert_string_equal(files.vocabulary, at(f, HUB "/snapshots/" HUB_COMMIT "/merges.txt"));
    assert_null(files.lacks);

    /* again: nothing but the list; what is damaged or missing is mended */
    assert_int_equal(fetch(f, "me/mine", NULL, &weights), 0);
    assert_int_equal(web_count(&f->server, "/resolve/"), 3);
    scratch_file(at(f, HUB "/snapshots/" HUB_COMMIT "/model.safetensors"), "damaged", 7);
    unlink(at(f, HUB "/snapshots/" HUB_COMMIT "/config.json"));
    assert_int_equal(fetch(f, "me/mine", NULL, &weights), 0);
    assert_string_equal(text_of(f, HUB "/snapshots/" HUB_COMMIT "/model.safetensors"), "weights");
    assert_string_equal(text_of(f, HUB "/snapshots/" HUB_COMMIT "/config.json"), "{}");
    assert_int_equal(web_count(&f->server, "/resolve/"), 4);
    stop(f);
}

/* A revision is the newest when all of it is there. */
static void test_hub_fails(void **state) {
    static const HubEntry wrong[] = {{"config.json", "{}", 2, false, NULL},
                                     {"model.safetensors", "weights", 7, true,
                                      "0000000000000000000000000000000000000000000000000000000000000000"}};
    static const HubEntry none[] = {{"config.json", "{}", 2, false, NULL}};
    Fixture *f = start(state, hub_rules);
    hub_put(&f->server, "me/mine", wrong, 2);
    assert_refused(f, "me/mine", "not the published file: its digest is ");
    assert_false(file_exists(at(f, HUB "/refs/main")));
    hub_put(&f->server, "me/none", none, 1);
    assert_refused(f, "me/none", "no checkpoint among its 1 files");
    assert_refused(f, "me/absent", "no such repository, or the token may not read it");
    web_put(&f->server, "api/models/me/odd/revision/main", "<html>", 6);
    assert_refused(f, "me/odd", "not what a hub answers");
    setenv("HF_TOKEN", "other", 1);
    assert_refused(f, "me/mine", "answers 401: it wants a token");
    unsetenv("HF_TOKEN");
    assert_refused(f, "me/mine", "no such repository, or it wants a token (HF_TOKEN)");
    setenv("HF_HUB_OFFLINE", "1", 1);
    const int n = web_count(&f->server, "/");
    assert_refused(f, "me/mine", "HF_HUB_OFFLINE");
    assert_int_equal(web_count(&f->server, "/"), n);
    unsetenv("HF_HUB_OFFLINE");
    stop(f);
}

static void test_folder(void **state) {
    Fixture *f = start(state, hub_rules);
    const char *weights, *folder = at(f, "models/mine");
    hub_put(&f->server, "me/mine", entries, 5);
    assert_int_equal(fetch(f, "me/mine", folder, &weights), 0);
    assert_string_equal(weights, at(f, "models/mine/model.safetensors"));
    assert_string_equal(text_of(f, "models/mine/merges.txt"), "merges");
    assert_false(folder_exists(at(f, ".cache")));
    scratch_file(at(f, "models/mine/config.json"), "my own", 6); /* of another model, say */
    assert_int_equal(fetch(f, "me/mine", folder, &weights), -1);
    assert_non_null(
        strstr(f->err.text, "models/mine/config.json: is there already, and not the published one"));
    assert_string_equal(text_of(f, "models/mine/config.json"), "my own");
    stop(f);
}

/* Repositories of OpenCLIP's without a vocabulary have CLIP's; timm's hold another program's weights too. */
static void test_openclip(void **state) {
    static const HubEntry timm[] = {{"model.safetensors", "image tower", 11, true, NULL},
                                    {"open_clip_model.safetensors", "weights", 7, true, NULL},
                                    {"open_clip_config.json", "{}", 2, false, NULL}};
    size_t size;
    Fixture *f = start(state, hub_rules);
    const char *weights, *vocabulary = file_read(VOCABULARY, 1 << 24, f->arena, &size, NULL);
    hub_put(&f->server, "timm/vit_base_patch32_clip_224.openai", timm, 3);
    assert_refused(f, "ViT-B-32:openai",
                   "/openai/CLIP/raw/main/clip/bpe_simple_vocab_16e6.txt.gz: the server answers 404");
    if (vocabulary) {
        web_put(&f->server, "openai/CLIP/raw/main/clip/" NAMED_VOCABULARY, vocabulary, size);
        assert_int_equal(fetch(f, "ViT-B-32:openai", NULL, &weights), 0);
        assert_non_null(strstr(weights, "/open_clip_model.safetensors"));
        assert_true(file_exists(at(f, ".cache/coop/" NAMED_VOCABULARY)));
    }
    assert_int_equal(web_count(&f->server, "/cdn/timm/vit_base_patch32_clip_224.openai/model.safetensors"),
                     0);
    stop(f);
}

/* Single files, whose digests are known beforehand. */
static void test_single(void **state) {
    char digest[65];
    size_t size;
    Fixture *f = start(state, "");
    const char *weights, *vocabulary = file_read(VOCABULARY, 1 << 24, f->arena, &size, NULL);
    web_put(&f->server, "openai/CLIP/raw/main/clip/" NAMED_VOCABULARY, "forged", 6);
    assert_refused(f, "ViT-B/32", "bpe_simple_vocab_16e6.txt.gz: not the published file");
    assert_false(file_exists(at(f, ".cache/clip/" NAMED_VOCABULARY)));
    if (vocabulary) {
        web_put(&f->server, "openai/CLIP/raw/main/clip/" NAMED_VOCABULARY, vocabulary, size);
        web_put(&f->server,
                "clip/models/40d365715913c9da98579312b702a82c18be219cc2a73407c4526f58eba950af/ViT-B-32.pt",
                "forged", 6);
        assert_refused(f, "ViT-B/32", "ViT-B-32.pt: not the published file: its digest is ");
        assert_false(file_exists(at(f, ".cache/clip/ViT-B-32.pt")));
        digest_bytes(digest, "small", 5);
        web_put(&f->server, arena_printf(f->arena, "clip/models/%s/ViT-S.pt", digest), "small", 5);
        const Named named = {.name = "ViT-S", .file = "ViT-S.pt", .digest = digest, .known = true};
        assert_int_equal(fetch_named(&weights, &named, NULL, &options, f->arena, &f->err), 0);
        assert_string_equal(weights, at(f, ".cache/clip/ViT-S.pt"));
        assert_true(file_exists(at(f, ".cache/clip/" NAMED_VOCABULARY)));
        digest[8] = '\0';
        web_put(&f->server, "mlfoundations/open_clip/releases/download/v0.2-weights/b.pt", "small", 5);
        const Named release = {.name = "b", .file = "b.pt", .digest = digest, .known = true};
        assert_int_equal(fetch_named(&weights, &release, at(f, "d"), &options, f->arena, &f->err), 0);
        assert_string_equal(text_of(f, "d/b.pt"), "small");
        assert_true(file_exists(at(f, "d/" NAMED_VOCABULARY)));
    }
    stop(f);
}

#define WEB_TEST(function) cmocka_unit_test_setup_teardown(function, scratch_setup, scratch_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {WEB_TEST(test_hub), WEB_TEST(test_hub_fails), WEB_TEST(test_folder),
                                       WEB_TEST(test_openclip), WEB_TEST(test_single)};
    if (!http_available())
        return 0;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
