/* demo_model.h: the demo's checkpoint, opened, for tests of evaluations. */
#ifndef TESTS_EXPERIMENTS_RETRIEVE_DEMO_MODEL_H
#define TESTS_EXPERIMENTS_RETRIEVE_DEMO_MODEL_H

#include "coop/loaded_model.h"

#define DEMO_DRAWINGS "experiments/demo/camouflage/images"
#define DEMO_WEIGHTS "experiments/demo/clip_demo.safetensors"

/* cmocka state: a scratch folder, the model, an arena. */
typedef struct {
    void *scratch;
    LoadedModel model;
    Arena *arena;
    Error err;
} Demo;

int demo_setup(void **state);
int demo_teardown(void **state);
#define DEMO_TEST(function) cmocka_unit_test_setup_teardown(function, demo_setup, demo_teardown)

#endif
