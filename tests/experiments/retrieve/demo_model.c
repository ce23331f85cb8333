/* demo_model.c: see demo_model.h */
#include "tests/experiments/retrieve/demo_model.h"

#include "tests/support/scratch.h"

#include <stdio.h>
#include <stdlib.h>

int demo_setup(void **state) {
    Demo *demo = calloc(1, sizeof *demo);
    const LoadedModelOptions options = {.towers = CLIP_BOTH | CLIP_DIGEST, .n_threads = 2};
    if (!demo || scratch_setup(&demo->scratch) != 0)
        return -1;
    demo->arena = arena_create();
    *state = demo;
    if (demo->arena && loaded_model_open(&demo->model, DEMO_WEIGHTS, &options, &demo->err) == 0)
        return 0;
    fprintf(stderr, "%s\n", demo->err.text);
    return -1;
}

int demo_teardown(void **state) {
    Demo *demo = *state;
    loaded_model_close(&demo->model);
    arena_free(demo->arena);
    const int status = scratch_teardown(&demo->scratch);
    free(demo);
    return status;
}
