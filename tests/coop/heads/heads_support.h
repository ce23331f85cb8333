/* heads_support.h: images and texts for tests of the learners on cached features, by formulas, and what the
 * authors' programs make of them (tests/fixtures/heads.safetensors).
 */
#ifndef TESTS_COOP_HEADS_HEADS_SUPPORT_H
#define TESTS_COOP_HEADS_HEADS_SUPPORT_H

#include "clip/base/parallel.h"
#include "coop/heads/linear_classifier.h"
#include "coop/trainer.h"
#include "tests/support/support.h"

enum { HEADS_K = 5, HEADS_N = 20, HEADS_T = 6, HEADS_M = 15, HEADS_V = 2, HEADS_E = 64, HEADS_W = 48 };
#define HEADS_LOGIT_SCALE 4.60517f

typedef struct {
    Arena *arena;
    Pool *pool;
    TensorFile *fixture;
    float *text, *text_unit;      /* (K, E): of any length, and of length 1 */
    float *raw, *images;          /* (V, N, E): the same of the training images */
    float *val, *test, *test_raw; /* (M, E), (T, E) of unit length; (T, E) */
    float *wide, *wide_test;      /* (V, N, W), (T, W): features before a projection */
    int *labels;                  /* (V N): of N images, again for each view; also of val and test */
} HeadsBench;

/* cmocka set-up and tear-down: *state becomes a HeadsBench. */
int heads_setup(void **state);
int heads_teardown(void **state);
#define HEADS_TEST(function) cmocka_unit_test_setup_teardown(function, heads_setup, heads_teardown)

const float *heads_fixture(const HeadsBench *bench, const char *name);

/* All views as rows, or the first view alone. */
TrainData heads_data(const HeadsBench *bench, const float *features, int embed_dim, bool as_rows);

/* 20 steps of these, in the order of the images: Dassl's schedule over so many epochs. */
OptimConfig heads_optim_of(OptimizerKind optimizer, double lr, double weight_decay, int max_epoch);
void heads_train(HeadsBench *bench, const Trainee *trainee, const TrainData *data, const OptimConfig *optim);

/* Logits of the test images against those of the fixture. */
void heads_check(const HeadsBench *bench, const LinearClassifier *classifier, const char *name,
                 double tolerance);

/* The gradient of a trainee at n images by central differences with this step. */
void heads_check_gradient(HeadsBench *bench, const Trainee *trainee, const float *images, int n, float step);

#endif
