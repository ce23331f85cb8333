/* vocabulary_json.c: the merges of Hugging Face's tokenizer.json.
 *
 * Layout: {"model": {"type": "BPE", "vocab": {token: id, ...}, "merges": ["a b", ...] or [["a", "b"], ...]}}.
 * The ids are CLIP's whatever the file says; what it says is kept (`listed`), so that the tokenizer can
 * refuse a vocabulary of another order.
 */
#include "clip/text/vocabulary_json.h"

#include "clip/base/json.h"

#include <assert.h>
#include <limits.h>
#include <string.h>

/* jansson needs up to 200 bytes for a value. CLIP's own file has 200,000 of them. */
#define MAX_VALUES 300000

/* An upper bound on the number of values (commas inside strings count too), before anything is allocated. */
static size_t count_values(const char *text, size_t size) {
    size_t n = 1;
    for (size_t at = 0; at < size; at++)
        n += text[at] == ',' || text[at] == '[' || text[at] == '{';
    return n;
}

/* Takes the strings that are kept. They fit into the size of the file, which has two quotes for each NUL. */
typedef struct {
    char *at, *end;
} Pool;

static const char *pool_copy(Pool *pool, const char *text, size_t size) {
    char *copy = pool->at;
    assert(size < (size_t)(pool->end - pool->at));
    memcpy(copy, text, size);
    copy[size] = '\0';
    pool->at += size + 1;
    return copy;
}

/* NULL when all is well, else the reason. */
static const char *read_merge(const json_t *value, Merge *merge, Pool *pool) {
    const char *left, *right;
    size_t n_left, n_right;
    if (json_is_string(value)) {
        left = json_string_value(value);
        const char *blank = strchr(left, ' ');
        if (!blank)
            return "one word where a merge has two";
        n_left = (size_t)(blank - left);
        right = blank + 1;
        n_right = json_string_length(value) - n_left - 1;
    } else if (json_array_size(value) == 2 && json_is_string(json_array_get(value, 0)) &&
               json_is_string(json_array_get(value, 1))) {
        left = json_string_value(json_array_get(value, 0));
        n_left = json_string_length(json_array_get(value, 0));
        right = json_string_value(json_array_get(value, 1));
        n_right = json_string_length(json_array_get(value, 1));
    } else {
        return "neither \"a b\" nor [\"a\", \"b\"]";
    }
    const char *bad = vocabulary_check_symbol(left, n_left);
    if (!bad)
        bad = vocabulary_check_symbol(right, n_right);
    if (!bad)
        *merge = (Merge){pool_copy(pool, left, n_left), pool_copy(pool, right, n_right)};
    return bad;
}

static int read_merges(Vocabulary *vocabulary, const json_t *merges, int max_merges, Pool *pool, Arena *arena,
                       Error *err) {
    size_t n = json_array_size(merges);
    vocabulary->cut = max_merges >= 0 && n > (size_t)max_merges;
    vocabulary->n_merges = vocabulary->cut ? max_merges : (int)n;
    vocabulary->n_surplus = (int)n - vocabulary->n_merges;
    vocabulary->merges = ARENA_NEW(arena, Merge, vocabulary->n_merges);
    if (arena_failed(arena))
        return error_memory(err);
    for (int m = 0; m < vocabulary->n_merges; m++) {
        const char *bad = read_merge(json_array_get(merges, (size_t)m), &vocabulary->merges[m], pool);
        if (bad)
            return vocabulary_error(vocabulary, m, err, bad);
    }
    return 0;
}

static int read_listed(Vocabulary *vocabulary, json_t *vocab, Pool *pool, Arena *arena, Error *err) {
    vocabulary->listed = ARENA_NEW(arena, ListedToken, json_object_size(vocab));
    if (arena_failed(arena))
        return error_memory(err);
    const char *token;
    json_t *id;
    json_object_foreach(vocab, token, id) {
        if (!json_is_integer(id) || json_integer_value(id) < 0 || json_integer_value(id) > INT_MAX) {
            return error_set(err, "%s: model.vocab: the id of \"%.40s\" is no number from 0",
                             vocabulary->path, token);
        }
        vocabulary->listed[vocabulary->n_listed++] =
            (ListedToken){pool_copy(pool, token, strlen(token)), (int)json_integer_value(id)};
    }
    return 0;
}

int vocabulary_read_json(Vocabulary *vocabulary, const char *text, size_t size, int max_merges, Arena *arena,
                         Error *err) {
    const char *path = vocabulary->path;
    if (count_values(text, size) > MAX_VALUES)
        return error_set(err, "%s: more than %d JSON values", path, MAX_VALUES);
    Pool pool = {.at = ARENA_NEW(arena, char, size)};
    if (!pool.at)
        return error_memory(err);
    pool.end = pool.at + size;
    json_error_t where;
    json_t *root = json_read(text, size, &where);
    if (!root)
        return json_refuse(err, "%s: line %d: %s", path, where.line, where.text);
    int status = -1;
    const json_t *model = json_object_get(root, "model");
    const json_t *type = json_object_get(model, "type");
    const json_t *merges = json_object_get(model, "merges");
    json_t *vocab = json_object_get(model, "vocab");
    if (!json_is_object(model))
        error_set(err, "%s: model: missing", path);
    else if (type && (!json_is_string(type) || strcmp(json_string_value(type), "BPE") != 0))
        error_set(err, "%s: model.type: not BPE", path);
    else if (!json_is_array(merges))
        error_set(err, "%s: model.merges: missing or no list", path);
    else if (vocab && !json_is_object(vocab))
        error_set(err, "%s: model.vocab: no object", path);
    else if (read_merges(vocabulary, merges, max_merges, &pool, arena, err) == 0)
        status = read_listed(vocabulary, vocab, &pool, arena, err);
    json_decref(root);
    return status;
}
