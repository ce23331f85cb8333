/* CoCoOp's parameters as a learned file: written, read, used; and files with one thing wrong. */
#include "coop/prompts/cocoop_kind.h"

#include "clip/tensors/safetensors_write.h"
#include "clip/tensors/tensors_open.h"
#include "coop/learned/classifier_kind.h"
#include "tests/support/prompts_support.h"
#include "tests/support/support.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static const LearnerConfig config = {.n_ctx = 3, .ctx_init = "", .class_token_position = POSITION_MIDDLE};

static Cocoop *create(PromptsBench *bench) {
    Error err = {0};
    Cocoop *cocoop = cocoop_create_untrained(bench->clip, bench->tokenizer, bench->pool,
                                             bench->dataset.class_names, PROMPTS_CLASSES, &config, &err);
    assert_non_null(cocoop);
    return cocoop;
}

/* A file of these tensors, which is removed once it is open. */
static TensorFile *file_of(PromptsBench *bench, const TensorOut *tensors, int n) {
    Error err = {0};
    const char *path = arena_printf(bench->arena, "/tmp/coop-test-kind-%d", (int)getpid());
    if (safetensors_write(path, tensors, n, NULL, 0, &err) < 0)
        fail_msg("%s", err.text);
    TensorFile *file = tensors_open(path, &err);
    unlink(path);
    assert_non_null(file);
    return file;
}

static void test_use(void **state) {
    PromptsBench *bench = *state;
    Error err = {0};
    Cocoop *cocoop = create(bench);
    const int32_t position = POSITION_MIDDLE;
    TensorOut tensors[COCOOP_TENSORS];
    cocoop_tensors(tensors, cocoop, &position);
    TensorFile *file = file_of(bench, tensors, COCOOP_TENSORS);
    KindInput input = {.n_classes = PROMPTS_CLASSES};
    void *kind = cocoop_kind.open(&input, file, bench->arena, &err);
    assert_non_null(kind);
    assert_int_equal(input.embed_dim, bench->clip->embed_dim);
    const KindModel model = {bench->clip, bench->tokenizer, bench->pool, bench->dataset.class_names,
                             PROMPTS_CLASSES};
    assert_int_equal(cocoop_kind.attach(kind, &model, &err), 0);
    float *want = arena_floats(bench->arena, PROMPTS_IMAGES, PROMPTS_CLASSES),
          *got = arena_floats(bench->arena, PROMPTS_IMAGES, PROMPTS_CLASSES);
    assert_int_equal(cocoop_logits(cocoop, want, bench->test, PROMPTS_IMAGES, true, &err), 0);
    assert_int_equal(cocoop_kind.logits(kind, bench->pool, got, bench->test, PROMPTS_IMAGES, &err), 0);
    assert_close("logits", got, want, PROMPTS_IMAGES * PROMPTS_CLASSES, 1e-5);
    /* a row does not depend on the others */
    float row[PROMPTS_CLASSES];
    const size_t E = (size_t)bench->clip->embed_dim;
    assert_int_equal(cocoop_kind.logits(kind, bench->pool, row, bench->test + 7 * E, 1, &err), 0);
    assert_memory_equal(row, got + 7 * PROMPTS_CLASSES, sizeof row);
    cocoop_kind.close(kind);
    tensors_close(file);
    cocoop_free(cocoop);
}

static void refuses(PromptsBench *bench, const TensorOut *tensors, int n, const char *part) {
    Error err = {0};
    KindInput input = {.n_classes = PROMPTS_CLASSES};
    TensorFile *file = file_of(bench, tensors, n);
    assert_null(cocoop_kind.open(&input, file, bench->arena, &err));
    if (!strstr(err.text, part))
        fail_msg("'%s' without '%s'", err.text, part);
    tensors_close(file);
}

static void test_damage(void **state) {
    PromptsBench *bench = *state;
    Error err = {0};
    Cocoop *cocoop = create(bench);
    int32_t position = 3;
    TensorOut tensors[COCOOP_TENSORS];
    cocoop_tensors(tensors, cocoop, &position);
    refuses(bench, tensors, COCOOP_TENSORS, "class_token_position: 3");
    position = 0;
    refuses(bench, tensors + 1, COCOOP_TENSORS - 1, "ctx");
    refuses(bench, tensors, COCOOP_TENSORS - 1, "class_token_position");
    tensors[3].shape[0] -= 1;
    refuses(bench, tensors, COCOOP_TENSORS, "meta_net.linear2.weight");
    cocoop_tensors(tensors, cocoop, &position);
    tensors[1].shape[0] = tensors[2].shape[0] = tensors[3].shape[1] = 2;
    TensorFile *file = file_of(bench, tensors, COCOOP_TENSORS);
    KindInput input = {.n_classes = PROMPTS_CLASSES};
    void *kind = cocoop_kind.open(&input, file, bench->arena, &err);
    assert_non_null(kind);
    const KindModel model = {bench->clip, bench->tokenizer, bench->pool, bench->dataset.class_names,
                             PROMPTS_CLASSES};
    assert_int_equal(cocoop_kind.attach(kind, &model, &err), -1);
    assert_string_equal(err.text, "meta_net: 2 hidden numbers where 4 are needed");
    cocoop_kind.close(kind);
    tensors_close(file);
    cocoop_free(cocoop);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_use, prompts_setup, prompts_teardown),
        cmocka_unit_test_setup_teardown(test_damage, prompts_setup, prompts_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
