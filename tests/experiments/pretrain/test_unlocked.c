/* test_unlocked.c: what OpenCLIP's lock_image_tower and lock_text_tower leave to be trained. */
#include "experiments/pretrain/unlocked.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static const char *const names[] = {"visual.class_embedding",
                                    "visual.conv1.weight",
                                    "visual.transformer.resblocks.0.ln_1.weight",
                                    "visual.transformer.resblocks.1.ln_1.weight",
                                    "visual.transformer.resblocks.2.ln_1.weight",
                                    "visual.ln_post.weight",
                                    "visual.proj",
                                    "token_embedding.weight",
                                    "text_projection",
                                    "logit_scale"};
enum { N = sizeof names / sizeof *names };

static TrainableClip make_clip(Arena *arena) {
    TrainableClip clip = {.parameters.arena = arena, .image.n_layers = 3, .arena = arena};
    for (int i = 0; i < N; i++)
        assert_non_null(parameters_add(&clip.parameters, 1, (int64_t[]){2}, "%s", names[i]));
    return clip;
}

/* trained: a '1' for each name that is. */
static void assert_trained(PretrainConfig config, const char *trained) {
    Arena *arena = arena_create();
    Error err = {0};
    TrainableClip clip = make_clip(arena);
    assert_int_equal(unlock_parameters(&clip, &config, &err), 0);
    for (int i = 0; i < N; i++)
        if ((clip.parameters.items[i].gradient != NULL) != (trained[i] == '1'))
            fail_msg("%s", names[i]);
    arena_free(arena);
}

static void groups_are_those_of_openclip(void **state) {
    (void)state;
    PretrainConfig config = {.path = "x.yaml"};
    assert_trained(config, "1111111111");
    config.lock.image = true;
    assert_trained(config, "0000000111");
    config.lock.image_unlocked_groups = 1;
    assert_trained(config, "0000001111");
    config.lock.image_unlocked_groups = 2;
    assert_trained(config, "0000111111");
    config.lock.image_unlocked_groups = 4;
    assert_trained(config, "0011111111");
    config.lock.image_unlocked_groups = 5;
    config.lock.text = true;
    assert_trained(config, "1111111001");
}

static void what_cannot_be_unlocked_is_refused(void **state) {
    (void)state;
    PretrainConfig config = {.path = "x.yaml", .lock = {true, false, 6}};
    Arena *arena = arena_create();
    Error err = {0};
    TrainableClip clip = make_clip(arena);
    assert_int_equal(unlock_parameters(&clip, &config, &err), -1);
    assert_non_null(strstr(err.text, "6 of 5 groups"));
    clip.is_resnet = true;
    assert_int_equal(unlock_parameters(&clip, &config, &err), -1);
    assert_non_null(strstr(err.text, "a ResNet is locked as a whole"));
    arena_free(arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(groups_are_those_of_openclip),
                                       cmocka_unit_test(what_cannot_be_unlocked_is_refused)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
