/* The learner against the original code: losses, gradients, logits and training trajectories of all twelve
 * combinations of csc, class_token_position and an even and an odd number of context vectors, on a ViT and a
 * ResNet. */
#include "coop/prompt_learner.h"

#include "clip/math/ops.h"
#include "coop/trainer.h"
#include "coop/zeroshot.h"
#include "datasets/lists/dataset_open.h"
#include "tests/support/scratch.h"
#include "tests/support/support.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

typedef struct {
    Arena *arena;
    Pool *pool;
    Clip *clip;
    Tokenizer *tokenizer;
    TensorFile *golden;
    Dataset dataset;
    float *train, *test; /* (30, E) unit length */
    int *labels;         /* (30) of the training images */
} Golden;

static void open_golden(Golden *g, const char *kind) {
    Error err = {0};
    g->arena = arena_create();
    g->pool = pool_create(2);
    g->clip = clip_open(arena_printf(g->arena, FIXTURES "clip_%s.safetensors", kind), CLIP_TEXT, &err);
    g->tokenizer = tokenizer_open(FIXTURES "merges.txt.gz", g->clip ? g->clip->n_vocab - 514 : -1, &err);
    DatasetSpec spec = {
        .format = "split", .images = FIXTURES "images", .split = FIXTURES "split_zhou_Golden.json"};
    if (!g->clip || !g->tokenizer || dataset_open(&g->dataset, &spec, g->arena, &err) < 0)
        fail_msg("%s", err.text);
    g->golden = fixture_open(arena_printf(g->arena, FIXTURES "golden_%s.safetensors", kind));
    int E = g->clip->embed_dim;
    g->train = arena_floats(g->arena, 30, (size_t)E);
    g->test = arena_floats(g->arena, 30, (size_t)E);
    unit_rows_forward(g->train, NULL, fixture_floats(g->golden, "train_features", g->arena, NULL), 30, E);
    unit_rows_forward(g->test, NULL, fixture_floats(g->golden, "test_features", g->arena, NULL), 30, E);
    g->labels = ARENA_NEW(g->arena, int, 30);
    for (int i = 0; i < 30; i++)
        g->labels[i] = g->dataset.train.items[i].label;
}

static void close_golden(Golden *g) {
    tensors_close(g->golden);
    tokenizer_free(g->tokenizer);
    clip_free(g->clip);
    pool_free(g->pool);
    arena_free(g->arena);
}

typedef struct {
    double loss[32], lr[32];
    int n;
} Trajectory;

static int record_step(void *context, int epoch, int step, double lr, double loss, const TrainState *state) {
    (void)epoch, (void)step, (void)state;
    Trajectory *t = context;
    t->loss[t->n] = loss;
    t->lr[t->n++] = lr;
    return 0;
}

static const float *expected(Golden *g, const char *combination, const char *what, size_t *n) {
    return fixture_floats(g->golden, arena_printf(g->arena, "%s.%s", combination, what), g->arena, n);
}

static void check_logits(Golden *g, PromptLearner *learner, const char *combination, const char *what,
                         double tolerance) {
    int E = g->clip->embed_dim;
    float *text = arena_floats(g->arena, 10, (size_t)E), *logits = arena_floats(g->arena, 30, 10);
    learner_text_features(learner, text);
    cosine_logits(g->pool, logits, g->test, text, 30, 10, E, g->clip->logit_scale);
    assert_close(combination, logits, expected(g, combination, what, NULL), 300, tolerance);
}

static void check_trajectory(Golden *g, PromptLearner *learner, const char *combination) {
    Error err = {0};
    Trajectory t = {.n = 0};
    size_t n = learner_ctx_size(learner);
    TrainData data = {
        .features = g->train, .labels = g->labels, .n = 30, .n_views = 1, .embed_dim = g->clip->embed_dim};
    OptimConfig optim = {.lr = 0.02,
                         .momentum = 0.9,
                         .weight_decay = 5e-4,
                         .max_epoch = 6,
                         .batch_size = 8,
                         .warmup_epoch = 1,
                         .warmup_cons_lr = 1e-5};
    TrainState state = trainer_begin(learner_trainee(learner), &optim, g->arena);
    assert_int_equal(
        trainer_run(learner_trainee(learner), &data, &optim, &state, NULL, record_step, &t, &err), 0);
    assert_int_equal(t.n, 18);
    const float *loss = expected(g, combination, "traj_loss", NULL),
                *lr = expected(g, combination, "traj_lr", NULL);
    for (int i = 0; i < 18; i++) {
        assert_true(fabs(t.loss[i] - (double)loss[i]) <= 1e-4 * (double)loss[i]);
        assert_true(fabs(t.lr[i] - (double)lr[i]) <= 1e-6 * (double)lr[i]);
    }
    assert_close(combination, learner_ctx(learner), expected(g, combination, "ctx_end", NULL), n, 1e-3);
    check_logits(g, learner, combination, "test_logits_end", 1e-3);
}

static void check_combination(Golden *g, bool csc, ClassTokenPosition position, int M) {
    Error err = {0};
    char *combination = arena_printf(g->arena, "%s_%s_%d", csc ? "csc" : "uni", position_name(position), M);
    LearnerConfig config = {.n_ctx = M, .csc = csc, .class_token_position = position, .ctx_init = ""};
    PromptLearner *learner =
        learner_create(g->clip, g->tokenizer, g->pool, g->dataset.class_names, 10, &config, 0, &err);
    if (!learner)
        fail_msg("%s", err.text);
    size_t n;
    const float *ctx0 = expected(g, combination, "ctx0", &n);
    assert_int_equal(n, learner_ctx_size(learner));
    memcpy(learner_ctx(learner), ctx0, n * sizeof(float));

    float *grad = arena_floats(g->arena, n, 1), *logits = arena_floats(g->arena, 30, 10);
    double loss = learner_loss(learner, g->train, g->labels, 30, logits, grad, NULL);
    double want = (double)expected(g, combination, "loss", NULL)[0];
    assert_true(fabs(loss - want) <= 1e-5 * want);
    assert_close(combination, grad, expected(g, combination, "grad", NULL), n, 1e-4);
    check_logits(g, learner, combination, "test_logits", 1e-4);
    check_trajectory(g, learner, combination);
    learner_free(learner);
}

static void check_model(const char *kind) {
    Golden g;
    open_golden(&g, kind);
    /* All twelve; under a checker, which is fifty times slower and looks for something else, every position
     * once. */
    for (int csc = 0; csc < 2; csc++)
        for (ClassTokenPosition position = POSITION_END; position <= POSITION_FRONT; position++)
            for (int M = 4; M <= 5; M++)
                if (!scratch_instrumented() || (csc == (int)position % 2 && M == 5))
                    check_combination(&g, csc, position, M);
    close_golden(&g);
}

static void test_vit(void **state) {
    (void)state;
    check_model("vit");
}

static void test_resnet(void **state) {
    (void)state;
    check_model("rn");
}

/* Zero-shot logits of two templates. */
static void test_zeroshot(void **state) {
    (void)state;
    Error err = {0};
    Golden g;
    open_golden(&g, "vit");
    const char *templates[] = {"a photo of a {}.", "itap of the {}, cropped"};
    const char *sets[] = {"zs_test_logits", "zs2_test_logits"};
    int E = g.clip->embed_dim;
    for (int i = 0; i < 2; i++) {
        float *text = arena_floats(g.arena, 10, (size_t)E), *logits = arena_floats(g.arena, 30, 10);
        assert_int_equal(zeroshot_features(text, g.clip, g.tokenizer, g.pool, &templates[i], 1,
                                           g.dataset.class_names, 10, &err),
                         0);
        cosine_logits(g.pool, logits, g.test, text, 30, 10, E, g.clip->logit_scale);
        assert_close(sets[i], logits, fixture_floats(g.golden, sets[i], g.arena, NULL), 300, 1e-5);
    }
    close_golden(&g);
}

/* Prompts end where the positions or the levels of a tree do, whichever comes first. */
static void test_longest(void **state) {
    (void)state;
    Golden g;
    open_golden(&g, "vit");
    Clip large = *g.clip;
    float *positions = arena_floats(g.arena, 3000, (size_t)large.text.width);
    large.text.n_positions = 3000;
    large.text.positional_embedding = positions;
    const int words[] = {TREE_MAX_DEPTH - 5, TREE_MAX_DEPTH - 4, 2000}; /* and SOS, two contexts, ".", EOS */
    for (int i = 0; i < 3; i++) {
        Error err = {0};
        char *name = ARENA_NEW(g.arena, char, 2 * words[i]);
        for (int w = 0; w < words[i]; w++)
            memcpy(name + 2 * w, w + 1 < words[i] ? "a " : "a", w + 1 < words[i] ? 2 : 1);
        const char *names[] = {name};
        LearnerConfig config = {.n_ctx = 2, .ctx_init = ""};
        int result = learner_check(&large, g.tokenizer, names, 1, &config, &err);
        assert_int_equal(result, i == 0 ? 2 : -1);
        assert_true(i == 0 || strstr(err.text, "tokens where the model has 1024 positions"));
        config.ctx_init = name;
        names[0] = "cup";
        result = learner_check(&large, g.tokenizer, names, 1, &config, &err);
        assert_int_equal(result, i < 2 ? words[i] : -1);
    }
    close_golden(&g);
}

/* Whatever looks like a path is one, lest a misspelt file be learned from as words. */
static void test_ctx_init_is_file(void **state) {
    (void)state;
    static const char *const files[] = {"./nope", "a/b",           "~/x.npz",      "c.safetensor",
                                        "~",      "model.pth.tar", "x.pth.tar-50", "Makefile",
                                        "a b.pt", "photo 2.5"};
    static const char *const words[] = {"",        "a photo of a", "a photo.",   "e.g. a photo", "...",
                                        "a_photo", "words: a/b",   "words:c.pt", "Makefile of"};
    for (size_t i = 0; i < sizeof files / sizeof *files; i++)
        assert_true(ctx_init_is_file(files[i]));
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        assert_false(ctx_init_is_file(words[i]));
    assert_string_equal(ctx_init_words("words:  a/b"), "a/b");
    assert_string_equal(ctx_init_words("a photo"), "a photo");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_vit),
        cmocka_unit_test(test_resnet),
        cmocka_unit_test(test_zeroshot),
        cmocka_unit_test(test_longest),
        cmocka_unit_test(test_ctx_init_is_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
