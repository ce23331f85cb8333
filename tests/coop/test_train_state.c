/* test_train_state.c: the state of a training on disk. What is written comes back to the bit; a file that is
 * cut, damaged or another's is an error of one line and changes nothing. */
#include "coop/train_state.h"

#include "clip/tensors/safetensors_write.h"
#include "tests/support/learner_support.h"
#include "tests/support/scratch.h"
#include "tests/support/support.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static const char DIGEST[] = "0123456789abcdef";

/* A learner and a state full of numbers, and what they were. */
typedef struct {
    Bench *bench;
    PromptLearner *learner;
    TrainState state, before;
    float *ctx, *velocity; /* copies */
    size_t n;
} Subject;

static float *velocity_of(const TrainState *state) {
    assert_string_equal(state->optimizer.buffers[0].name, "velocity");
    return state->optimizer.buffers[0].values;
}

static Subject open_subject(Bench *bench, bool csc) {
    Subject s = {.bench = bench, .learner = bench_learner(bench, csc, 3)};
    s.n = learner_ctx_size(s.learner);
    s.state = bench_state(bench, s.learner);
    s.state.epoch = 7;
    s.state.step = 3;
    s.state.loss = 0.1 + 0.2;
    s.state.loss_sum = 1.0 / 3;
    s.state.n_correct = 123456789;
    s.state.seconds = 12.75;
    fill_normal(velocity_of(&s.state), s.n, 1, 1);
    s.ctx = arena_floats(bench->arena, s.n, 1);
    s.velocity = arena_floats(bench->arena, s.n, 1);
    memcpy(s.ctx, learner_ctx(s.learner), s.n * sizeof(float));
    memcpy(s.velocity, velocity_of(&s.state), s.n * sizeof(float));
    s.before = s.state;
    return s;
}

static void assert_same_numbers(const TrainState *a, const TrainState *b) {
    assert_int_equal(a->epoch, b->epoch);
    assert_int_equal(a->step, b->step);
    assert_true(a->n_correct == b->n_correct);
    assert_memory_equal(&a->loss, &b->loss, sizeof a->loss);
    assert_memory_equal(&a->loss_sum, &b->loss_sum, sizeof a->loss_sum);
    assert_memory_equal(&a->seconds, &b->seconds, sizeof a->seconds);
}

static void assert_untouched(const Subject *s) {
    assert_memory_equal(learner_ctx(s->learner), s->ctx, s->n * sizeof(float));
    assert_memory_equal(velocity_of(&s->state), s->velocity, s->n * sizeof(float));
    assert_ptr_equal(velocity_of(&s->state), velocity_of(&s->before));
    assert_same_numbers(&s->state, &s->before);
}

/* The file at the bench's path is refused with one line "FILE: ...", which says `reason`. */
static void assert_refused(Subject *s, const char *reason) {
    Error err = {0};
    assert_int_equal(train_state_read(s->bench->path, learner_trainee(s->learner), &s->state, DIGEST, &err),
                     -1);
    assert_int_equal(err.kind, ERROR_INPUT);
    assert_int_equal(strncmp(err.text, s->bench->path, strlen(s->bench->path)), 0);
    assert_null(strchr(err.text, '\n'));
    if (!strstr(err.text, reason))
        fail_msg("'%s' where '%s' is expected", err.text, reason);
    assert_untouched(s);
}

static void write_state(Subject *s) {
    Error err = {0};
    if (train_state_write(s->bench->path, learner_trainee(s->learner), &s->state, DIGEST, &err) < 0)
        fail_msg("%s", err.text);
}

static void test_round_trip(void **test) {
    for (int csc = 0; csc < 2; csc++) {
        Subject s = open_subject(*test, csc);
        Error err = {0};
        write_state(&s);
        PromptLearner *other = bench_learner(s.bench, csc, 99);
        TrainState read = bench_state(s.bench, other);
        assert_memory_not_equal(learner_ctx(other), s.ctx, s.n * sizeof(float));
        if (train_state_read(s.bench->path, learner_trainee(other), &read, DIGEST, &err) < 0)
            fail_msg("%s", err.text);
        assert_memory_equal(learner_ctx(other), s.ctx, s.n * sizeof(float));
        assert_memory_equal(velocity_of(&read), s.velocity, s.n * sizeof(float));
        assert_same_numbers(&read, &s.state);
        assert_int_equal(scratch_count(&s.bench->scratch), 1); /* nothing temporary is left */
        learner_free(other);
        learner_free(s.learner);
    }
}

/* A state of AdamW has two buffers, and is none of SGD. */
static void test_buffers(void **test) {
    Subject s = open_subject(*test, false);
    Error err = {0};
    const OptimConfig optim = {.optimizer = OPTIMIZER_ADAMW, .beta1 = 0.9, .beta2 = 0.999};
    const Trainee *trainee = learner_trainee(s.learner);
    TrainState adamw = trainer_begin(trainee, &optim, s.bench->arena);
    TrainState read = trainer_begin(trainee, &optim, s.bench->arena);
    assert_int_equal(adamw.optimizer.n_buffers, 2);
    for (uint32_t i = 0; i < 2; i++)
        fill_normal(adamw.optimizer.buffers[i].values, s.n, 1, 7 + i);
    assert_int_equal(train_state_write(s.bench->path, trainee, &adamw, DIGEST, &err), 0);
    assert_int_equal(train_state_read(s.bench->path, trainee, &read, DIGEST, &err), 0);
    for (int i = 0; i < 2; i++)
        assert_memory_equal(read.optimizer.buffers[i].values, adamw.optimizer.buffers[i].values,
                            s.n * sizeof(float));
    assert_refused(&s, "tensor velocity: missing");
    learner_free(s.learner);
}

/* A fresh state is one, too: a run may be stopped in its first epoch. */
static void test_beginning(void **test) {
    Subject s = open_subject(*test, false);
    Error err = {0};
    s.state.epoch = s.state.step = 0;
    s.state.loss = s.state.loss_sum = s.state.seconds = 0;
    s.state.n_correct = 0;
    write_state(&s);
    s.state.epoch = 5;
    assert_int_equal(train_state_read(s.bench->path, learner_trainee(s.learner), &s.state, DIGEST, &err), 0);
    assert_true(s.state.checked);
    assert_int_equal(s.state.epoch, 0);
    learner_free(s.learner);
}

/* --- damage --- */

static char *read_back(Bench *bench, size_t *size) {
    FILE *file = fopen(bench->path, "rb");
    assert_non_null(file);
    char *bytes = arena_alloc(bench->arena, 65536, 1);
    *size = fread(bytes, 1, 65536, file);
    fclose(file);
    assert_in_range(*size, 1000, 65535);
    return bytes;
}

static void test_cut_at_every_byte(void **test) {
    Subject s = open_subject(*test, false);
    size_t size;
    write_state(&s);
    read_back(s.bench, &size);
    for (size_t left = size; left-- > 0;) {
        assert_int_equal(truncate(s.bench->path, (off_t)left), 0);
        assert_refused(&s, ": ");
    }
    learner_free(s.learner);
}

/* Any flipped bit: an error that changes nothing. */
static void test_flipped_bits(void **test) {
    Subject s = open_subject(*test, false);
    size_t size;
    write_state(&s);
    read_back(s.bench, &size);
    const unsigned char masks[] = {0x01, 0x20, 0xFF};
    for (size_t at = 0; at < size; at++)
        for (int m = 0; m < 3; m++) {
            scratch_flip(s.bench->path, at, masks[m]);
            assert_refused(&s, ": ");
            scratch_flip(s.bench->path, at, masks[m]);
        }
    learner_free(s.learner);
}

/* --- files of our own making --- */

typedef struct {
    const char *key, *value; /* NULL: the key is missing */
    const char *reason;
} Spoilt;

enum { N_KEYS = 8 };
static const MetadataOut GOOD[N_KEYS] = {
    {"format", "coop-state"}, {"config", DIGEST}, {"epoch", "7"},      {"step", "3"},
    {"n_correct", "1"},       {"loss", "0.5"},    {"loss_sum", "1.5"}, {"seconds", "2"}};

static void write_spoilt(Subject *s, const char *key, const char *value, const TensorOut tensors[2]) {
    Error err = {0};
    MetadataOut metadata[N_KEYS];
    int n = 0;
    for (int i = 0; i < N_KEYS; i++) {
        bool here = key && strcmp(GOOD[i].key, key) == 0;
        if (!here || value)
            metadata[n++] = (MetadataOut){GOOD[i].key, here ? value : GOOD[i].value};
    }
    if (safetensors_write(s->bench->path, tensors, 2, metadata, n, &err) < 0)
        fail_msg("%s", err.text);
}

static void good_tensors(TensorOut tensors[2], Subject *s) {
    const char *names[] = {"ctx", "velocity"};
    for (int i = 0; i < 2; i++)
        tensors[i] = (TensorOut){
            .name = names[i], .dtype = DTYPE_F32, .n_dims = 1, .shape = {(int64_t)s->n}, .data = s->velocity};
}

static void test_metadata(void **test) {
    Subject s = open_subject(*test, false);
    TensorOut tensors[2];
    good_tensors(tensors, &s);
    const Spoilt cases[] = {
        {"format", NULL, "not a training state"},
        {"format", "coop-prompt", "not a training state"},
        {"config", NULL, "not a training state"},
        {"config", "0123", "another configuration"},
        {"epoch", NULL, "epoch"},
        {"epoch", "", "epoch ''"},
        {"epoch", "-1", "epoch '-1'"},
        {"epoch", "1.5", "epoch '1.5'"},
        {"epoch", "seven", "epoch 'seven'"},
        {"epoch", "7 ", "epoch '7 '"},
        {"epoch", "1000001", "epoch"},
        {"epoch", "99999999999999999999999", "epoch"},
        {"epoch", "nan", "epoch 'nan'"},
        {"epoch", "7\n8", "epoch '7?8'"},
        {"step", NULL, "step"},
        {"step", "0.5", "step '0.5'"},
        {"step", "1e10", "step"},
        {"n_correct", NULL, "n_correct"},
        {"n_correct", "-3", "n_correct '-3'"},
        {"loss", NULL, "loss"},
        {"loss", "nan", "loss 'nan'"},
        {"loss", "inf", "loss 'inf'"},
        {"loss", "-1", "loss '-1'"},
        {"loss", "a lot", "loss 'a lot'"},
        {"loss_sum", NULL, "loss_sum"},
        {"loss_sum", "-inf", "loss_sum"},
        {"seconds", NULL, "seconds"},
        {"seconds", "nan", "seconds"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        write_spoilt(&s, cases[i].key, cases[i].value, tensors);
        assert_refused(&s, cases[i].reason);
    }
    Error err = {0};
    write_spoilt(&s, NULL, NULL, tensors);
    assert_int_equal(train_state_read(s.bench->path, learner_trainee(s.learner), &s.state, DIGEST, &err), 0);
    assert_int_equal(s.state.epoch, 7);
    assert_false(s.state.checked);
    learner_free(s.learner);
}

static void test_tensors(void **test) {
    Subject s = open_subject(*test, false);
    TensorOut tensors[2];
    for (int i = 0; i < 2; i++) {
        good_tensors(tensors, &s);
        tensors[i].name = "other";
        write_spoilt(&s, NULL, NULL, tensors);
        assert_refused(&s, i ? "tensor velocity: missing" : "tensor ctx: missing");
        good_tensors(tensors, &s);
        tensors[i].shape[0]--;
        write_spoilt(&s, NULL, NULL, tensors);
        assert_refused(&s, "shape");
        good_tensors(tensors, &s);
        tensors[i].n_dims = 2;
        tensors[i].shape[1] = 1;
        write_spoilt(&s, NULL, NULL, tensors);
        assert_refused(&s, "shape");
        good_tensors(tensors, &s);
        tensors[i].dtype = DTYPE_I32;
        write_spoilt(&s, NULL, NULL, tensors);
        assert_refused(&s, i ? "tensor velocity" : "tensor ctx");
    }
    const float bad[] = {NAN, INFINITY};
    for (int i = 0; i < 2; i++)
        for (int b = 0; b < 2; b++) {
            float *values = arena_floats(s.bench->arena, s.n, 1);
            values[s.n - 1] = bad[b];
            good_tensors(tensors, &s);
            tensors[i].data = values;
            write_spoilt(&s, NULL, NULL, tensors);
            assert_refused(&s, i ? "tensor velocity" : "tensor ctx");
        }
    learner_free(s.learner);
}

/* The state of a class-specific learner is no state of a shared one, nor is any other file. */
static void test_other_files(void **test) {
    Subject shared = open_subject(*test, false), csc = open_subject(*test, true);
    Error err = {0};
    write_state(&csc);
    assert_refused(&shared, "shape");
    assert_int_equal(train_state_read(FIXTURES "clip_vit.safetensors", learner_trainee(shared.learner),
                                      &shared.state, DIGEST, &err),
                     -1);
    assert_non_null(strstr(err.text, "not a training state"));
    assert_int_equal(
        train_state_read("no/such/file", learner_trainee(shared.learner), &shared.state, DIGEST, &err), -1);
    assert_untouched(&shared);
    assert_int_equal(
        train_state_write("no/such/file", learner_trainee(shared.learner), &shared.state, DIGEST, &err), -1);
    learner_free(shared.learner);
    learner_free(csc.learner);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_round_trip, bench_setup, bench_teardown),
        cmocka_unit_test_setup_teardown(test_buffers, bench_setup, bench_teardown),
        cmocka_unit_test_setup_teardown(test_beginning, bench_setup, bench_teardown),
        cmocka_unit_test_setup_teardown(test_cut_at_every_byte, bench_setup, bench_teardown),
        cmocka_unit_test_setup_teardown(test_flipped_bits, bench_setup, bench_teardown),
        cmocka_unit_test_setup_teardown(test_metadata, bench_setup, bench_teardown),
        cmocka_unit_test_setup_teardown(test_tensors, bench_setup, bench_teardown),
        cmocka_unit_test_setup_teardown(test_other_files, bench_setup, bench_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
