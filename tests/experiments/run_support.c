/* run_support.c: see run_support.h */
#include "tests/experiments/run_support.h"

#include "clip/base/files.h"
#include "clip/base/text_ends.h"
#include "coop/train_state.h"
#include "tests/support/support.h"

#include <fts.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { MOST_FILES = 500 };

typedef struct {
    const char *paths[MOST_FILES]; /* (n) below the folder, in order */
    int n;
} Tree;

static int compare_entries(const FTSENT **a, const FTSENT **b) {
    return strcmp((*a)->fts_name, (*b)->fts_name);
}

static Tree list_files(Cli *cli, const char *folder) {
    Tree tree = {.n = 0};
    char *const roots[] = {arena_strdup(cli->arena, folder), NULL};
    FTS *walk = fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR, compare_entries);
    assert_non_null(walk);
    for (FTSENT *entry; (entry = fts_read(walk));)
        if (entry->fts_info == FTS_F) {
            assert_true(tree.n < MOST_FILES);
            tree.paths[tree.n++] = arena_strdup(cli->arena, entry->fts_path + strlen(folder) + 1);
        }
    fts_close(walk);
    return tree;
}

/* The metadata and tensors of two states, but for the time that the training took. */
static void assert_same_states(const char *a, const char *b) {
    TensorFile *x = fixture_open(a), *y = fixture_open(b);
    assert_int_equal(tensors_count(x), tensors_count(y));
    for (int i = 0; i < tensors_count(x); i++) {
        const Tensor *tensor = tensors_at(x, i), *other = tensors_find(y, tensor->name);
        assert_true(other && other->size == tensor->size);
        assert_memory_equal(tensor->data, other->data, tensor->size);
    }
    assert_int_equal(tensors_metadata_count(x), tensors_metadata_count(y));
    for (int i = 0; i < tensors_metadata_count(x); i++) {
        const char *key, *value;
        tensors_metadata_at(x, i, &key, &value);
        if (strcmp(key, "seconds") != 0 && strcmp(key, "coop_crc32") != 0)
            assert_string_equal(value, tensors_metadata(y, key));
    }
    tensors_close(x);
    tensors_close(y);
}

static int compare_keys(const void *a, const void *b) {
    return memcmp(a, b, 32); /* the digest of the image */
}

/* Two caches hold the same records, in any order and possibly some twice. */
static void assert_same_features(Cli *cli, const char *a, const char *b, int embed_dim) {
    const size_t header = 96, record = 32 + 4 * (size_t)embed_dim + 4;
    const char *paths[] = {a, b};
    char *bytes[2];
    size_t n[2];
    for (int i = 0; i < 2; i++) {
        size_t size, kept = 0;
        bytes[i] = cli_read(cli, paths[i], &size);
        assert_int_equal((size - header) % record, 0);
        n[i] = (size - header) / record;
        char *records = bytes[i] + header;
        qsort(records, n[i], record, compare_keys);
        for (size_t k = 0; k < n[i]; k++)
            if (kept == 0 || memcmp(records + (kept - 1) * record, records + k * record, record) != 0)
                memmove(records + kept++ * record, records + k * record, record);
        n[i] = kept;
    }
    assert_int_equal(n[0], n[1]);
    assert_memory_equal(bytes[0], bytes[1], header + n[0] * record);
}

/* Lines in the same order, with the same numbers, but for times. */
static void assert_same_results(Cli *cli, const char *a, const char *b) {
    ResultList x, y;
    assert_int_equal(results_read(&x, a, cli->arena, NULL), 0);
    assert_int_equal(results_read(&y, b, cli->arena, NULL), 0);
    assert_true(x.n == y.n && x.n_faults == 0 && y.n_faults == 0);
    static const char *const times[] = {"train_seconds", "total_seconds", "finished", "files", "check"};
    for (int i = 0; i < x.n; i++) {
        json_t *one = json_loads(x.results[i].line, 0, NULL), *two = json_loads(y.results[i].line, 0, NULL);
        for (size_t k = 0; k < sizeof times / sizeof *times; k++) {
            json_object_del(one, times[k]);
            json_object_del(two, times[k]);
        }
        assert_true(json_equal(one, two));
        assert_int_equal(x.results[i].n_files, y.results[i].n_files);
        json_decref(one);
        json_decref(two);
    }
}

void assert_same_runs(Cli *cli, const char *a, const char *b) {
    Tree x = list_files(cli, a), y = list_files(cli, b);
    for (int i = 0; i < x.n && i < y.n; i++)
        assert_string_equal(x.paths[i], y.paths[i]);
    assert_int_equal(x.n, y.n);
    /* These tell times; the last two are made from results.jsonl. */
    static const char *const timed[] = {"log.txt", "results.jsonl", "results.csv", "report.html"};
    assert_same_results(cli, a, b);
    for (int i = 0; i < x.n; i++) {
        const char *one = path_join(cli->arena, a, x.paths[i]), *two = path_join(cli->arena, b, y.paths[i]);
        bool skipped = false;
        for (size_t k = 0; k < sizeof timed / sizeof *timed; k++)
            skipped |= ends_with(one, timed[k]);
        if (ends_with(one, STATE_FILE))
            assert_same_states(one, two);
        else if (ends_with(one, ".features"))
            assert_same_features(cli, one, two, 64);
        else if (!skipped)
            cli_assert_same_files(cli, one, two);
    }
}
