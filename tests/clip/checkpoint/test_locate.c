/* Which files of a folder are a checkpoint. */
#include "clip/checkpoint/locate.h"

#include "clip/base/files.h"
#include "tests/support/scratch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

typedef struct {
    const char *names[5], *found, *error;
} Folder;

/* Files in a folder of their own, and what is found among them. */
static void check(void **state, const Folder *folder, bool vocabulary) {
    char root[512], path[1024];
    Error err = {0};
    Arena *arena = arena_create();
    scratch_path(state, "models", root, sizeof root);
    assert_int_equal(mkdir(root, 0777), 0);
    for (int i = 0; i < 5 && folder->names[i]; i++)
        scratch_file(arena_printf(arena, "%s/%s", root, folder->names[i]), "x", 1);
    const char *found = vocabulary ? locate_vocabulary(root, arena, &err) : locate_weights(root, arena, &err);
    if (folder->found) {
        assert_non_null(found);
        snprintf(path, sizeof path, "%s/%s", root, folder->found);
        assert_string_equal(found, path);
    } else {
        assert_null(found);
        snprintf(path, sizeof path, "%s: %s", root, folder->error);
        if (strncmp(err.text, path, strlen(path)) != 0)
            fail_msg("got %s\nwant %s", err.text, path);
    }
    for (int i = 0; i < 5 && folder->names[i]; i++)
        unlink(arena_printf(arena, "%s/%s", root, folder->names[i]));
    rmdir(root);
    arena_free(arena);
}

static void test_weights(void **state) {
    static const Folder folders[] = {
        {{"a.txt", "model.safetensors", "pytorch_model.bin", "b.pt"}, "model.safetensors", NULL},
        {{"open_clip_model.safetensors", "model.safetensors"}, "open_clip_model.safetensors", NULL},
        {{"open_clip_pytorch_model.bin", "pytorch_model.bin"}, "open_clip_pytorch_model.bin", NULL},
        {{"model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors",
          "model.safetensors.index.json", "pytorch_model.bin"},
         "model.safetensors.index.json",
         NULL},
        {{"pytorch_model.bin", "ViT-B-32.pt"}, "pytorch_model.bin", NULL},
        {{"pytorch_model-00001-of-00002.bin", "pytorch_model.bin.index.json"},
         "pytorch_model.bin.index.json",
         NULL},
        {{"ViT-B-32.pt", "merges.txt", ".hidden.pt"}, "ViT-B-32.pt", NULL},
        {{"clip.safetensors"}, "clip.safetensors", NULL},
        {{"clip.pth"}, "clip.pth", NULL},
        {{"b.pt", "a.pt", "c.safetensors"}, NULL, "3 checkpoints in it (one is a.pt): say which"},
        {{"b.safetensors.index.json", "a.safetensors.index.json"}, NULL, "2 checkpoints in it (one is a."},
        {{"merges.txt", "config.json"},
         NULL,
         "no checkpoint in it: looked for open_clip_model.safetensors, model.safetensors, "
         "*.safetensors.index.json, open_clip_pytorch_model.bin, pytorch_model.bin, "
         "pytorch_model.bin.index.json, *.safetensors, *.pt, *.pth"},
        {{NULL}, NULL, "no checkpoint in it: "},
    };
    for (size_t i = 0; i < sizeof folders / sizeof *folders; i++)
        check(state, &folders[i], false);
}

static void test_vocabulary(void **state) {
    static const Folder folders[] = {
        {{"tokenizer.json", "merges.txt", "vocab.json"}, "merges.txt", NULL},
        {{"tokenizer.json", "bpe_simple_vocab_16e6.txt.gz"}, "bpe_simple_vocab_16e6.txt.gz", NULL},
        {{"bpe_simple_vocab_16e6.txt"}, "bpe_simple_vocab_16e6.txt", NULL},
        {{"tokenizer.json", "vocab.json"}, "tokenizer.json", NULL},
        {{"merges.txt.gz"}, "merges.txt.gz", NULL},
        {{"vocab.json", "model.safetensors"},
         NULL,
         "vocabulary: none of merges.txt, bpe_simple_vocab_16e6.txt (or .gz) and tokenizer.json is in it"},
    };
    for (size_t i = 0; i < sizeof folders / sizeof *folders; i++)
        check(state, &folders[i], true);
}

/* A file is itself, also one that is not there; its neighbours are beside it. */
static void test_file(void **state) {
    char path[512], merges[512];
    Error err = {0};
    Arena *arena = arena_create();
    scratch_path(state, "any.thing", path, sizeof path);
    assert_string_equal(locate_weights(path, arena, &err), path);
    assert_null(locate_vocabulary(path, arena, &err));
    assert_non_null(strstr(err.text, "any.thing: vocabulary: none of merges.txt, "));
    assert_non_null(strstr(err.text, " is beside it"));
    scratch_file(scratch_path(state, "merges.txt", merges, sizeof merges), "x", 1);
    assert_string_equal(locate_vocabulary(path, arena, &err), merges);
    assert_string_equal(locate_beside(path, "merges.txt", arena), merges);
    assert_string_equal(locate_beside(*state, "merges.txt", arena), merges);
    assert_null(locate_beside(path, "config.json", arena));
    arena_free(arena);
}

#define SCRATCH_TEST(function) cmocka_unit_test_setup_teardown(function, scratch_setup, scratch_teardown)

/* models--OWNER--NAME of Hugging Face's cache: refs/main names the snapshot. */
static void test_hub(void **state) {
    static const char *const folders[] = {"refs", "snapshots", "snapshots/0a", "snapshots/1b"};
    static const struct {
        const char *ref, *snapshot;
    } cases[] = {{"1b", "1b"}, {"0a\n", "0a"}, {"2c", NULL}, {"..", NULL}, {"", NULL}};
    char path[512];
    for (int i = 0; i < 4; i++)
        assert_int_equal(mkdir(scratch_path(state, folders[i], path, sizeof path), 0777), 0);
    scratch_file(scratch_path(state, "snapshots/0a/model.safetensors", path, sizeof path), "x", 1);
    scratch_file(scratch_path(state, "snapshots/1b/model.safetensors", path, sizeof path), "x", 1);
    scratch_file(scratch_path(state, "snapshots/0a/merges.txt", path, sizeof path), "x", 1);
    scratch_file(scratch_path(state, "snapshots/1b/merges.txt", path, sizeof path), "x", 1);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        Error err = {0};
        Arena *arena = arena_create();
        scratch_file(scratch_path(state, "refs/main", path, sizeof path), cases[i].ref, strlen(cases[i].ref));
        const char *found = locate_weights(*state, arena, &err),
                   *merges = locate_vocabulary(*state, arena, &err);
        if (cases[i].snapshot) {
            const char *folder =
                arena_printf(arena, "%s/snapshots/%s", (const char *)*state, cases[i].snapshot);
            assert_string_equal(found, arena_printf(arena, "%s/model.safetensors", folder));
            assert_string_equal(merges, arena_printf(arena, "%s/merges.txt", folder));
        } else {
            assert_null(found);
            assert_null(merges);
        }
        arena_free(arena);
    }
    /* a revision that was asked for by its number has no ref */
    Error err = {0};
    Arena *arena = arena_create();
    unlink(scratch_path(state, "refs/main", path, sizeof path));
    assert_null(locate_weights(*state, arena, &err)); /* which of the two? */
    unlink(scratch_path(state, "snapshots/1b/model.safetensors", path, sizeof path));
    unlink(scratch_path(state, "snapshots/1b/merges.txt", path, sizeof path));
    rmdir(scratch_path(state, "snapshots/1b", path, sizeof path));
    assert_string_equal(locate_weights(*state, arena, &err),
                        scratch_path(state, "snapshots/0a/model.safetensors", path, sizeof path));
    arena_free(arena);
    static const char *const files[] = {"snapshots/0a/model.safetensors", "snapshots/1b/model.safetensors",
                                        "snapshots/0a/merges.txt", "snapshots/1b/merges.txt", "refs/main"};
    for (int i = 0; i < 5; i++)
        unlink(scratch_path(state, files[i], path, sizeof path));
    for (int i = 4; i-- > 0;)
        rmdir(scratch_path(state, folders[i], path, sizeof path));
}

/* A name stands for what was published. */
static void test_digest(void **state) {
    (void)state;
    const char *published = "40d365715913c9da98579312b702a82c18be219cc2a73407c4526f58eba950af";
    Error err = {0};
    assert_int_equal(locate_check_digest("ViT-B/32", "/a/ViT-B-32.pt", published, &err), 0);
    assert_int_equal(locate_check_digest("ViT-B-32:laion2b_e16", "/a/vit_b_32-laion2b_e16-af8dbd0c.pth",
                                         "af8dbd0c99", &err),
                     0);
    assert_int_equal(locate_check_digest("./ViT-B-32.pt", "./ViT-B-32.pt", "00", &err), 0); /* a path */
    assert_int_equal(locate_check_digest("ViT-B-32:openai", "/s/open_clip_model.safetensors", "00", &err), 0);
    assert_int_equal(locate_check_digest("ViT-B/32", "/a/ViT-B-32.pt", "0011", &err), -1);
    assert_string_equal(
        err.text, "ViT-B/32: /a/ViT-B-32.pt: sha256 0011...: not the file of that name that was published "
                  "(40d365715913...); this fetches it: coop models get ViT-B/32; as it is it can be used by "
                  "its path");
}

/* A name, unless a file or folder is spelled so; what is not here is fetched by one command. */
static void test_names(void **state) {
    static const char *const cases[][2] = {
        {"ViT-B/16", "ViT-B/16: not on this disk; this fetches it: coop models get ViT-B/16"},
        {"hf-hub:me/mine", "this fetches it: coop models get me/mine"},
        {"me/mine", "me/mine: neither a file or folder, nor a repository of the Hugging Face hub that is on "
                    "this disk; this fetches it: coop models get me/mine"},
        {"openai/clip-vit-base-patch23", "(near: openai/clip-vit-base-patch32"},
        {"RN5O", "RN5O: neither a file or folder, nor the name of a checkpoint (near: RN50"},
    };
    char path[512], here[512];
    Arena *arena = arena_create();
    const Named *named;
    setenv("HOME", *state, 1);
    unsetenv("XDG_CACHE_HOME");
    unsetenv("HF_HOME");
    unsetenv("HF_HUB_CACHE");
    unsetenv("HUGGINGFACE_HUB_CACHE");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        Error weights = {0}, vocabulary = {0};
        assert_null(locate_weights(cases[i][0], arena, &weights));
        assert_null(locate_vocabulary(cases[i][0], arena, &vocabulary));
        assert_int_equal(locate_is_there(cases[i][0], &weights), 0);
        if (!strstr(weights.text, cases[i][1]))
            fail_msg("got %s\nwant %s", weights.text, cases[i][1]);
        assert_string_equal(vocabulary.text, weights.text);
    }
    Error err = {0};
    assert_int_equal(make_folders(scratch_path(state, ".cache/clip", path, sizeof path), NULL), 0);
    scratch_file(scratch_path(state, ".cache/clip/ViT-B-16.pt", path, sizeof path), "x", 1);
    assert_string_equal(locate_named("ViT-B/16", &named, arena, &err), path);
    assert_string_equal(named->name, "ViT-B/16");
    assert_int_equal(locate_is_there("ViT-B/16", &err), 1);
    assert_null(locate_vocabulary("ViT-B/16", arena, &err));
    assert_non_null(
        strstr(err.text, "ViT-B/16: its vocabulary is not on this disk; this fetches it: coop models"));
    scratch_file(scratch_path(state, ".cache/clip/bpe_simple_vocab_16e6.txt.gz", path, sizeof path), "x", 1);
    assert_string_equal(locate_vocabulary("ViT-B/16", arena, &err), path);

    assert_non_null(getcwd(here, sizeof here));
    assert_int_equal(chdir(*state), 0);
    assert_int_equal(make_folders("ViT-B", NULL), 0);
    scratch_file("ViT-B/16", "x", 1);
    assert_false(locate_is_name("ViT-B/16"));
    assert_string_equal(locate_named("ViT-B/16", &named, arena, &err), "ViT-B/16");
    assert_null(named);
    assert_int_equal(chdir(here), 0);
    arena_free(arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {SCRATCH_TEST(test_weights), SCRATCH_TEST(test_vocabulary),
                                       SCRATCH_TEST(test_file),    SCRATCH_TEST(test_hub),
                                       SCRATCH_TEST(test_names),   cmocka_unit_test(test_digest)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
