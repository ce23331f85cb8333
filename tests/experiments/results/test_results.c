/* test_results.c: experiments/results/results.c: what is written comes back, whatever a crash has done to the
 * file.
 */
#include "clip/base/clock.h"
#include "clip/base/files.h"
#include "experiments/results/results.h"
#include "tests/support/experiment_support.h"
#include "tests/support/scratch.h"

#include <math.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define KEY_A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define KEY_B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"

static const char *folder_of(Trial *trial) {
    return trial->scratch;
}

static char *file_text(Trial *trial, const char *name, size_t *size) {
    char path[300];
    char *text =
        file_read(scratch_path(&trial->scratch, name, path, sizeof path), 1 << 20, trial->arena, size, NULL);
    assert_non_null(text);
    return text;
}

/* The settings of CoOp. */
static void set_prompt(Result *result, int n_ctx, bool csc, const char *position, const char *ctx_init) {
    result_set_int(result, "n_ctx", n_ctx);
    result_set_bool(result, "csc", csc);
    result_set_text(result, "class_token_position", position);
    result_set_text(result, "ctx_init", ctx_init);
}

static Result example(const char *key) {
    static const double per_class[] = {81.25, NAN, 100};
    Result result = {.key = key,
                     .dataset = "pets",
                     .method = "coop",
                     .label = "CoOp \"x\", M=4",
                     .folder = "pets/coop/x",
                     .config = "{\"a\":[0.0020000000000000000,\"\xc3\xa9\"],\"b\":1}",
                     .num_shots = 16,
                     .seed = 3,
                     .accuracy = 81.2345678901,
                     .macro_f1 = 79.5,
                     .val_accuracy = 75.125,
                     .per_class = per_class,
                     .n_classes = 3,
                     .n_train = 48,
                     .n_test = 99,
                     .split_train = 500,
                     .program = "coop 1",
                     .epochs = 200,
                     .final_loss = 0.125,
                     .train_seconds = 1.5,
                     .total_seconds = 2.5,
                     .trained_parameters = 2539567104, /* of a model: more than an int holds */
                     .backbone = "RN50",
                     .activation = "quick_gelu (assumed)",
                     .model_digest = "m",
                     .split_digest = "s",
                     .finished = "2024-05-01T12:00:00Z"};
    set_prompt(&result, 4, true, "middle", "");
    return result;
}

static void assert_text(const char *a, const char *b) {
    if (!a || !b)
        assert_ptr_equal(a, b);
    else
        assert_string_equal(a, b);
}

static void assert_same(const Result *a, const Result *b) {
    assert_text(a->key, b->key);
    assert_text(a->dataset, b->dataset);
    assert_text(a->method, b->method);
    assert_text(a->label, b->label);
    assert_text(a->folder, b->folder);
    assert_text(a->backbone, b->backbone);
    assert_text(a->activation, b->activation);
    assert_text(a->model_digest, b->model_digest);
    assert_text(a->vocab_digest, b->vocab_digest);
    assert_text(a->split_digest, b->split_digest);
    assert_text(a->finished, b->finished);
    assert_true(a->num_shots == b->num_shots && a->seed == b->seed);
    assert_int_equal(a->n_settings, b->n_settings);
    for (int i = 0; i < a->n_settings; i++) {
        const ResultSetting *x = &a->settings[i], *y = result_setting(b, x->name);
        assert_non_null(y);
        assert_int_equal(x->kind, y->kind);
        if (x->kind == SETTING_TEXT)
            assert_text(x->text, y->text);
        else
            assert_true(x->kind == SETTING_REAL ? x->real == y->real : x->integer == y->integer);
    }
    assert_true(a->n_classes == b->n_classes && a->n_train == b->n_train && a->n_test == b->n_test);
    assert_true(a->split_train == b->split_train && a->split_val == b->split_val);
    assert_text(a->program, b->program);
    assert_true(a->epochs == b->epochs);
    const double x[] = {a->accuracy,      a->macro_f1,      a->val_accuracy,      a->final_loss,
                        a->train_seconds, a->total_seconds, a->trained_parameters};
    const double y[] = {b->accuracy,      b->macro_f1,      b->val_accuracy,      b->final_loss,
                        b->train_seconds, b->total_seconds, b->trained_parameters};
    for (int i = 0; i < 7; i++)
        assert_true(x[i] == y[i] || (isnan(x[i]) && isnan(y[i])));
    for (int k = 0; k < a->n_classes; k++)
        assert_true(a->per_class[k] == b->per_class[k] || (isnan(a->per_class[k]) && isnan(b->per_class[k])));
}

static void append(Trial *trial, const Result *result) {
    if (result_append(folder_of(trial), result, &trial->err) < 0)
        fail_msg("%s", trial->err.text);
}

static ResultList read_all(Trial *trial) {
    ResultList list;
    if (results_read(&list, folder_of(trial), trial->arena, &trial->err) < 0)
        fail_msg("%s", trial->err.text);
    return list;
}

static void test_round_trip(void **state) {
    Trial *trial = *state;
    assert_int_equal(read_all(trial).n, 0);
    Result a = example(KEY_A), b = example(KEY_B);
    b.method = "zeroshot";
    b.num_shots = SHOTS_NONE;
    b.seed = b.epochs = b.n_settings = 0;
    result_set_text(&b, "found", "alpha=1.5 beta=2");
    result_set_real(&b, "C", 3); /* stays a real although it looks whole */
    append(trial, &a);
    append(trial, &b);
    ResultList list = read_all(trial);
    assert_int_equal(list.n, 2);
    assert_same(&list.results[0], &a);
    assert_same(&list.results[1], &b);
    assert_ptr_equal(results_find(&list, KEY_B), &list.results[1]);
    assert_null(results_find(&list, "other"));

    /* of two lines with one key the later counts */
    b.num_shots = SHOTS_ALL;
    b.accuracy = 1;
    append(trial, &b);
    list = read_all(trial);
    assert_int_equal(list.n, 2);
    assert_same(&list.results[1], &b);

    a.finished = NULL;
    append(trial, &a);
    list = read_all(trial);
    assert_int_equal(strlen(list.results[0].finished), 20);
}

/* A point's result carries its configuration, and finds its point again by the key. */
static void test_of_point(void **state) {
    Trial *trial = *state;
    Grid grid;
    trial_read_ok(
        trial,
        LEAST "grid: {num_shots: all, seed: 5}\nmethods: [coop: {csc: true}, zeroshot: , linear_probe: ]\n",
        NULL);
    assert_int_equal(grid_expand(&grid, &trial->experiment, NULL, trial->arena, &trial->err), 0);
    for (int i = 0; i < grid.n; i++) {
        Result result;
        result_start(&result, &grid.points[i], "oxford_pets", trial->arena);
        assert_true(isnan(result.accuracy) && !result_setting(&result, "C"));
        result.accuracy = i;
        append(trial, &result);
    }
    ResultList list = read_all(trial);
    assert_int_equal(list.n, 3);
    for (int i = 0; i < grid.n; i++) {
        const Result *r = results_find(&list, grid.points[i].key);
        assert_non_null(r);
        assert_string_equal(r->config, grid.points[i].config);
        assert_string_equal(r->folder, grid.points[i].folder);
        assert_int_equal(r->num_shots, grid.points[i].num_shots);
        assert_true(r->accuracy == i);
    }
    assert_int_equal(list.results[0].n_settings, 4);
    assert_true(result_setting(&list.results[0], "csc")->integer);
    assert_int_equal(result_setting(&list.results[0], "n_ctx")->integer, 16);
    assert_string_equal(result_setting(&list.results[0], "class_token_position")->text, "end");
    assert_string_equal(result_setting(&list.results[0], "ctx_init")->text, "");
    assert_int_equal(list.results[0].epochs, 200);
    assert_int_equal(list.results[1].n_settings, 0);
}

/* A crash may leave any beginning of the last line: the earlier ones stay, the next append repairs. */
static void test_torn_line(void **state) {
    Trial *trial = *state;
    char path[300];
    size_t whole, both;
    Result a = example(KEY_A), b = example(KEY_B);
    append(trial, &a);
    file_text(trial, "results.jsonl", &whole);
    append(trial, &b);
    char *text = file_text(trial, "results.jsonl", &both);
    scratch_path(&trial->scratch, "results.jsonl", path, sizeof path);
    for (size_t size = whole; size < both; size += size < whole + 3 || size > both - 4 ? 1 : 97) {
        scratch_file(path, text, size);
        ResultList list = read_all(trial);
        assert_int_equal(list.n, 1);
        assert_same(&list.results[0], &a);
        append(trial, &b);
        list = read_all(trial);
        assert_int_equal(list.n, 2);
        size_t repaired;
        assert_memory_equal(file_text(trial, "results.jsonl", &repaired), text, both);
        assert_int_equal(repaired, both);
    }
    scratch_file(path, "no newline at all", 17);
    append(trial, &a);
    assert_int_equal(read_all(trial).n, 1);
}

static void test_damage(void **state) {
    Trial *trial = *state;
    char path[300], expected[400];
    static const struct {
        const char *text, *message;
    } cases[] = {
        {"{]\n", "line 1: not JSON: string or '}' expected near ']'"},
        {"\n\n{}\n", "line 3: not a result (key, dataset, method, label or num_shots is missing)"},
        {"[1]\n", "line 1: not a result (key, dataset, method, label or num_shots is missing)"},
        {"{\"key\":\"short\",\"dataset\":\"d\",\"method\":\"m\",\"label\":\"l\",\"num_shots\":1}\n",
         "line 1: not a result (key, dataset, method, label or num_shots is missing)"},
        {"{\"a\":1", "line 1: cut short"},
        {"{\"a\":1, \"check\": \"00000000\"}\n", "line 1: damaged: it does not match its check"},
    };
    scratch_path(&trial->scratch, "results.jsonl", path, sizeof path);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        scratch_file(path, cases[i].text, strlen(cases[i].text));
        snprintf(expected, sizeof expected, "%s: %s", path, cases[i].message);
        ResultList list = read_all(trial);
        assert_true(list.n == 0 && list.n_faults == 1);
        assert_string_equal(list.faults[0], expected);
    }
    scratch_file(path, "\0\0\0\n", 4); /* as a crashed file system may leave them */
    ResultList list = read_all(trial);
    assert_true(list.n == 0 && list.n_faults == 1 && strstr(list.faults[0], "line 1: not JSON"));
    Result a = example(KEY_A);
    assert_int_equal(result_append("/dev/null/x", &a, &trial->err), -1);
    assert_non_null(strstr(trial->err.text, "/dev/null"));
}

/* Any flipped bit costs its own line, or the two that it joins, and is named; the others stay. */
static void test_flipped_bits(void **state) {
    Trial *trial = *state;
    char path[300];
    size_t size;
    const char *keys[] = {KEY_A, KEY_B};
    for (int i = 0; i < 2; i++)
        append(trial, (Result[]){example(keys[i])});
    file_text(trial, "results.jsonl", &size);
    scratch_path(&trial->scratch, "results.jsonl", path, sizeof path);
    for (size_t at = 0; at < size; at++)
        for (int bit = 0; bit < 8; bit++) {
            size_t mark = arena_mark(trial->arena);
            scratch_flip(path, at, (unsigned char)(1 << bit));
            ResultList list = read_all(trial);
            assert_true(list.n <= 1 && list.n_faults >= 1);
            scratch_flip(path, at, (unsigned char)(1 << bit));
            arena_reset(trial->arena, mark);
        }
    assert_int_equal(read_all(trial).n, 2);
}

enum { N_THREADS = 4, N_APPENDS = 10 };

typedef struct {
    const char *folder;
    int first, n_failed;
} Appender;

static void *append_many(void *context) {
    Appender *appender = context;
    for (int i = 0; i < N_APPENDS; i++) {
        char key[65];
        snprintf(key, sizeof key, "%064d", appender->first + i);
        Result result = example(key);
        appender->n_failed += result_append(appender->folder, &result, NULL) != 0;
    }
    return NULL;
}

static void test_side_by_side(void **state) {
    Trial *trial = *state;
    pthread_t threads[N_THREADS];
    Appender appenders[N_THREADS];
    for (int i = 0; i < N_THREADS; i++) {
        appenders[i] = (Appender){folder_of(trial), i * N_APPENDS, 0};
        assert_int_equal(pthread_create(&threads[i], NULL, append_many, &appenders[i]), 0);
    }
    for (int i = 0; i < N_THREADS; i++) {
        pthread_join(threads[i], NULL);
        assert_int_equal(appenders[i].n_failed, 0);
    }
    assert_int_equal(read_all(trial).n, N_THREADS * N_APPENDS);
}

/* Keys "aaa...", "bbb..." of a list, as "ab". */
static const char *letters_of(const ResultList *list, char out[16]) {
    for (int i = 0; i < list->n; i++)
        out[i] = list->results[i].key[0];
    out[list->n] = '\0';
    return out;
}

/* Those of a grid come into its order, in the file too; the others keep their places. */
static void test_order(void **state) {
    Trial *trial = *state;
    char names[16][65] = {{0}}, letters[16];
    for (int i = 0; i < 16; i++)
        memset(names[i], 'a' + i, 64);
    static const char finished[] = "dpapcb";
    for (int i = 0; finished[i]; i++) {
        Result result = example(names[finished[i] - 'a']);
        result.seed = i;
        append(trial, &result);
    }
    ResultList list = read_all(trial);
    assert_string_equal(letters_of(&list, letters), "dpacb");
    const char *keys[] = {names[0], names[9], names[1], names[2], names[0], names[3]};
    bool moved = false;
    assert_int_equal(results_order(&list, keys, 6, &moved, &trial->err), 0);
    assert_true(moved);
    assert_string_equal(letters_of(&list, letters), "apbcd");
    for (int i = 0; i < list.n; i++)
        assert_ptr_equal(results_find(&list, list.results[i].key), &list.results[i]);
    assert_int_equal(results_rewrite(folder_of(trial), &list, &trial->err), 0);
    list = read_all(trial);
    assert_string_equal(letters_of(&list, letters), "apbcd");
    assert_int_equal(results_order(&list, keys, 6, &moved, &trial->err), 0);
    assert_false(moved);
    for (int i = 0; i < list.n; i++) {
        Result result = example(list.results[i].key);
        result.seed = list.results[i].seed;
        assert_same(&list.results[i], &result);
    }
    assert_int_equal(results_rewrite("/dev/null/x", &list, &trial->err), -1);
}

static void test_csv(void **state) {
    Trial *trial = *state;
    Result rows[] = {example(KEY_A), example(KEY_B)};
    rows[1].method = "linear_probe";
    rows[1].label = "=linear probe"; /* no formula: a text; numbers stay numbers */
    rows[0].final_loss = -0.125;
    rows[1].trained_parameters = 0; /* is a number */
    rows[1].num_shots = SHOTS_ALL;
    rows[1].epochs = rows[1].n_settings = 0;
    rows[1].final_loss = rows[1].val_accuracy = NAN;
    result_set_text(&rows[1], "found", "alpha=2");
    result_set_real(&rows[1], "C", 0.31622776);
    const ResultList list = {.results = rows, .n = 2};
    assert_int_equal(results_write_csv(folder_of(trial), &list, &trial->err), 0);
    const char *expected =
        "dataset,source,method,label,num_shots,seed,n_ctx,csc,class_token_position,ctx_init,accuracy,macro_"
        "f1,n_"
        "classes,"
        "n_train,n_test,epochs,final_loss,C,found,train_seconds,total_seconds,folder,"
        "backbone,model_digest,"
        "vocab_"
        "digest,"
        "split_digest,finished,key,activation,split_train,split_val,program,val_accuracy,validation,"
        "trained_parameters,mean_rank,median_rank\n"
        "pets,,coop,\"CoOp \"\"x\"\", "
        "M=4\",16,3,4,true,middle,,81.2346,79.5000,3,48,99,200,-0.125,,,1.500,2.500,"
        "pets/coop/x,RN50,m,,s,2024-05-01T12:00:00Z," KEY_A ",quick_gelu (assumed),500,,coop 1,75.1250,,"
        "2539567104,,\n"
        "pets,,linear_probe,\"'=linear "
        "probe\",all,3,,,,,81.2346,79.5000,3,48,99,,,0.316228,alpha=2,1.500,2.500,pets/coop/"
        "x,RN50,m,,s,"
        "2024-05-01T12:00:00Z," KEY_B ",quick_gelu (assumed),500,,coop 1,,,0,,\n";
    assert_string_equal(file_text(trial, "results.csv", NULL), expected);
    assert_int_equal(results_write_csv("/dev/null/x", &list, &trial->err), -1);
}

/* To find each of many takes a moment: a search line by line would take minutes. */
static void test_many(void **state) {
    Trial *trial = *state;
    const int n = scratch_instrumented() ? 300 : 100000;
    const char *path = path_join(trial->arena, folder_of(trial), "results.jsonl");
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    for (int i = 0; i < n; i++)
        fprintf(file,
                "{\"key\":\"%064d\",\"dataset\":\"d\",\"method\":\"m\",\"label\":\"l\",\"num_shots\":1}\n",
                i);
    assert_int_equal(fclose(file), 0);
    ResultList list = read_all(trial);
    assert_int_equal(list.n, n);
    double start = clock_seconds();
    for (int i = 0; i < n; i++)
        assert_ptr_equal(results_find(&list, list.results[i].key), &list.results[i]);
    assert_true(clock_seconds() - start < 2 || scratch_instrumented());
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, trial_setup, trial_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_round_trip), TEST(test_of_point),     TEST(test_order),
        TEST(test_torn_line),  TEST(test_damage),       TEST(test_flipped_bits),
        TEST(test_many),       TEST(test_side_by_side), TEST(test_csv)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
