/* Files as other programs leave them in their caches, found by name. */
#include "clip/named/named_find.h"

#include "clip/base/files.h"
#include "tests/support/scratch.h"

#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* Writes SCRATCH/name, with its folders; returns it. */
static const char *put(void **state, const char *name, const char *text, Arena *arena) {
    char path[1024];
    const char *copy = arena_strdup(arena, scratch_path(state, name, path, sizeof path));
    assert_int_equal(make_folders(path_folder(arena, copy), NULL), 0);
    scratch_file(copy, text, strlen(text));
    return copy;
}

/* A file of a repository in the hub's cache: a blob, and a link to it in the snapshot that refs/main names.
 */
static const char *put_hub(void **state, const char *repo, const char *name, Arena *arena) {
    const char *folder = arena_printf(arena, ".cache/huggingface/hub/models--%s", repo);
    put(state, arena_printf(arena, "%s/refs/main", folder), "c0ffee", arena);
    put(state, arena_printf(arena, "%s/blobs/%s", folder, name), "x", arena);
    const char *link = put(state, arena_printf(arena, "%s/snapshots/c0ffee/%s", folder, name), "", arena);
    unlink(link);
    assert_int_equal(symlink(arena_printf(arena, "../../blobs/%s", name), link), 0);
    return link;
}

static NamedFiles find(const char *name, Arena *arena) {
    Named named;
    Error err = {0};
    if (named_parse(&named, name, arena, &err) < 0)
        fail_msg("%s", err.text);
    return named_find(&named, arena);
}

static void same(const char *got, const char *want) {
    if (!got != !want || (want && strcmp(got, want) != 0))
        fail_msg("got %s\nwant %s", got ? got : "nothing", want ? want : "nothing");
}

static int setup(void **state) {
    unsetenv("XDG_CACHE_HOME");
    unsetenv("HF_HOME");
    unsetenv("HF_HUB_CACHE");
    unsetenv("HUGGINGFACE_HUB_CACHE");
    return scratch_setup(state) < 0 ? -1 : setenv("HOME", *state, 1);
}

static void test_single_files(void **state) {
    Arena *arena = arena_create();
    assert_null(find("ViT-B/32", arena).weights);
    const char *coop = put(state, ".cache/coop/ViT-B-32.pt", "x", arena);
    same(find("ViT-B/32", arena).weights, coop);
    const char *clip = put(state, ".cache/clip/ViT-B-32.pt", "x", arena);
    same(find("ViT-B/32", arena).weights, clip);
    same(find("ViT-B-32:openai", arena).weights, clip); /* OpenCLIP's of the same weights */
    assert_null(find("ViT-B/16", arena).weights);
    const char *tag = put(state, ".cache/clip/vit_b_32-laion2b_e16-af8dbd0c.pth", "x", arena);
    same(find("ViT-B-32:laion2b_e16", arena).weights, tag);
    arena_free(arena);
}

static void test_hub(void **state) {
    Arena *arena = arena_create();
    const char *name = "ViT-B-32:laion2b_s34b_b79k", *repo = "laion--CLIP-ViT-B-32-laion2B-s34B-b79K";
    assert_null(find(name, arena).weights);
    put_hub(state, repo, "config.json", arena);
    assert_null(find(name, arena).weights);
    const char *plain = put_hub(state, repo, "model.safetensors", arena);
    same(find(name, arena).weights, plain);
    const char *own = put_hub(state, repo, "open_clip_model.safetensors", arena);
    same(find(name, arena).weights, own);
    same(find("hf-hub:laion/CLIP-ViT-B-32-laion2B-s34B-b79K", arena).weights, own);
    assert_null(find(name, arena).lacks); /* the table knows what the config would say */
    arena_free(arena);
}

/* Of timm's repositories, model.safetensors is an image tower alone. */
static void test_timm(void **state) {
    Arena *arena = arena_create();
    const char *repo = "timm--vit_base_patch32_clip_224.openai";
    put_hub(state, repo, "model.safetensors", arena);
    assert_null(find("ViT-B-32:openai", arena).weights);
    const char *own = put_hub(state, repo, "open_clip_pytorch_model.bin", arena);
    same(find("ViT-B-32:openai", arena).weights, own);
    arena_free(arena);
}

/* Weights that no table knows need their config. */
static void test_lacks(void **state) {
    Arena *arena = arena_create();
    put_hub(state, "me--mine", "model.safetensors", arena);
    same(find("me/mine", arena).lacks, "config.json");
    put_hub(state, "me--mine", "config.json", arena);
    same(find("me/mine", arena).lacks, NULL);
    put_hub(state, "me--mine", "open_clip_model.safetensors", arena);
    same(find("me/mine", arena).lacks, "open_clip_config.json");
    arena_free(arena);
}

static void test_vocabulary(void **state) {
    Arena *arena = arena_create();
    put(state, ".cache/clip/RN50.pt", "x", arena);
    put_hub(state, "me--mine", "model.safetensors", arena);
    assert_null(find("RN50", arena).vocabulary);
    const char *hub = put_hub(state, "openai--clip-vit-base-patch16", "merges.txt", arena);
    same(find("RN50", arena).vocabulary, hub);
    const char *coop = put(state, ".cache/coop/bpe_simple_vocab_16e6.txt.gz", "x", arena);
    same(find("RN50", arena).vocabulary, coop);
    const char *clip = put(state, ".cache/clip/bpe_simple_vocab_16e6.txt.gz", "x", arena);
    same(find("RN50", arena).vocabulary, clip);
    same(find("me/mine", arena).vocabulary, NULL); /* who knows which it has */
    const char *own = put_hub(state, "me--mine", "tokenizer.json", arena);
    same(find("me/mine", arena).vocabulary, own);
    arena_free(arena);
}

#define HOME_TEST(function) cmocka_unit_test_setup_teardown(function, setup, scratch_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {HOME_TEST(test_single_files), HOME_TEST(test_hub),
                                       HOME_TEST(test_timm), HOME_TEST(test_lacks),
                                       HOME_TEST(test_vocabulary)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
