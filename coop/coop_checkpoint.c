/* coop_checkpoint.c: see coop_checkpoint.h */
#include "coop/coop_checkpoint.h"

#include "clip/math/half.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define PADDING_TOKEN 0

bool coop_checkpoint_is_one(const TensorFile *file) {
    return tensors_find(file, "ctx") && tensors_find(file, "token_suffix");
}

/* --- from embeddings back to tokens --- */

/* Row r of the table has the key of its numbers, rounded to half precision: the original code may have kept
 * the embedding in halves while the checkpoint at hand is float, or the other way round. */
typedef struct {
    uint64_t key;
    int id;
} RowKey;

typedef struct {
    RowKey *rows; /* (V), sorted */
    int n;
} RowIndex;

static uint64_t row_key(const float *row, int C) {
    uint64_t key = 1469598103934665603u;
    for (int c = 0; c < C; c++) {
        uint16_t bits = float_to_half(row[c]);
        key = (key ^ (bits == 0x8000 ? 0 : bits)) * 1099511628211u;
    }
    return key;
}

static int compare_keys(const void *a, const void *b) {
    const RowKey *x = a, *y = b;
    if (x->key != y->key)
        return x->key < y->key ? -1 : 1;
    return (x->id > y->id) - (x->id < y->id);
}

static int index_rows(RowIndex *index, const TextWeights *w, Arena *arena, Error *err) {
    index->n = w->n_vocab;
    index->rows = ARENA_NEW(arena, RowKey, w->n_vocab);
    if (!index->rows)
        return error_memory(err);
    for (int id = 0; id < w->n_vocab; id++)
        index->rows[id] = (RowKey){row_key(w->token_embedding + (size_t)id * (size_t)w->width, w->width), id};
    qsort(index->rows, (size_t)index->n, sizeof *index->rows, compare_keys);
    return 0;
}

/* The token whose embedding this is, or -1. */
static int find_row(const RowIndex *index, const float *row, int C) {
    RowKey wanted = {.key = row_key(row, C), .id = -1};
    int low = 0, high = index->n;
    while (low < high) {
        int middle = (low + high) / 2;
        if (compare_keys(&index->rows[middle], &wanted) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low < index->n && index->rows[low].key == wanted.key ? index->rows[low].id : -1;
}

/* The text of n tokens, words apart by blanks; owned by the arena. */
static char *decode(const int *ids, int n, const Tokenizer *tokenizer, Arena *arena) {
    char *text = arena_strdup(arena, "");
    for (int i = 0; i < n && text; i++) {
        const char *word = tokenizer_word(tokenizer, ids[i]);
        size_t length = strlen(word);
        bool ends = length >= 4 && strcmp(word + length - 4, "</w>") == 0;
        text =
            arena_printf(arena, "%s%.*s%s", text, (int)(ends ? length - 4 : length), word, ends ? " " : "");
    }
    if (text && *text && text[strlen(text) - 1] == ' ')
        text[strlen(text) - 1] = '\0';
    return text;
}

/* The name of which "name." gives these tokens; NULL when there is none, with ERROR_RUN when memory is out.
 */
static const char *name_of_tokens(const int *ids, int n, const Tokenizer *tokenizer, Arena *arena,
                                  Error *err) {
    int again[TREE_MAX_DEPTH];
    char *text = decode(ids, n, tokenizer, arena);
    size_t length = text ? strlen(text) : 0;
    if (arena_failed(arena))
        error_memory(err);
    if (length == 0 || text[length - 1] != '.')
        return NULL;
    text[--length] = '\0';
    while (length > 0 && text[length - 1] == ' ')
        text[--length] = '\0';
    char *sentence = arena_printf(arena, "%s.", text);
    int m = sentence ? tokenizer_encode(tokenizer, sentence, again, TREE_MAX_DEPTH, err) : error_memory(err);
    return m == n && memcmp(again, ids, (size_t)n * sizeof *ids) == 0 ? text : NULL;
}

/* The tokens of "name.", '_' in the name standing for a space. Returns how many, or -1 with an error. */
static int name_tokens(int ids[TREE_MAX_DEPTH], const char *name, const Tokenizer *tokenizer, Arena *arena,
                       Error *err) {
    char *text = arena_printf(arena, "%s.", name);
    if (!text)
        return error_memory(err);
    for (char *c = text; *c; c++)
        *c = *c == '_' ? ' ' : *c;
    int n = tokenizer_encode(tokenizer, text, ids, TREE_MAX_DEPTH, err);
    return n < 0 ? error_prefix(err, "class '%s'", name) : n;
}

const char *coop_checkpoint_spelling(const char *name, const Tokenizer *tokenizer, Arena *arena, Error *err) {
    int ids[TREE_MAX_DEPTH];
    int n = name_tokens(ids, name, tokenizer, arena, err);
    return n < 0 || n > TREE_MAX_DEPTH ? NULL : name_of_tokens(ids, n, tokenizer, arena, err);
}

/* The name of class k from its suffix (rows, C). */
static const char *read_name(const char *path, int k, const float *suffix, int rows, int C,
                             const RowIndex *index, const Tokenizer *tokenizer, Arena *arena, Error *err) {
    int ids[TREE_MAX_DEPTH], n = 0;
    for (; n < rows; n++) {
        ids[n] = find_row(index, suffix + (size_t)n * (size_t)C, C);
        if (ids[n] < 0) {
            error_set(err, "%s: tensor token_suffix: class %d: row %d is no token of this checkpoint", path,
                      k, n);
            return NULL;
        }
        if (ids[n] == tokenizer_end(tokenizer))
            break;
    }
    Error why = {0};
    const char *name = n < rows ? name_of_tokens(ids, n, tokenizer, arena, &why) : NULL;
    if (!name && why.kind == ERROR_RUN)
        error_memory(err);
    else if (!name)
        error_set(err, "%s: tensor token_suffix: class %d: not the tokens of a name and a period", path, k);
    return name;
}

/* --- reading --- */

static int read_names(Prompt *prompt, const TensorFile *file, const Clip *clip, const Tokenizer *tokenizer,
                      Arena *arena, Error *err) {
    int T = clip->text.n_positions, C = clip->text.width, rows = T - 1 - prompt->n_ctx;
    const int64_t shape[] = {prompt->csc ? prompt->n_classes : -1, rows, C};
    const Tensor *suffix = tensors_need(file, "token_suffix", 3, shape, err);
    if (!suffix)
        return -1;
    if (suffix->shape[0] < 1 || suffix->shape[0] > 1000000)
        return error_set(err, "%s: tensor token_suffix: %lld classes", tensors_path(file),
                         (long long)suffix->shape[0]);
    prompt->n_classes = (int)suffix->shape[0];
    prompt->class_names = ARENA_NEW(arena, const char *, prompt->n_classes);
    Arena *scratch = arena_create();
    float *values = arena_floats(scratch, suffix->count, 1);
    RowIndex index;
    int result = -1;
    if (arena_failed(arena) || !values) {
        error_memory(err);
        goto out;
    }
    if (tensor_to_float(file, suffix, values, err) < 0 || index_rows(&index, &clip->text, scratch, err) < 0)
        goto out;
    for (int k = 0; k < prompt->n_classes; k++) {
        prompt->class_names[k] =
            read_name(tensors_path(file), k, values + (size_t)k * (size_t)rows * (size_t)C, rows, C, &index,
                      tokenizer, arena, err);
        if (!prompt->class_names[k])
            goto out;
    }
    result = 0;
out:
    arena_free(scratch);
    return result;
}

static int read_ctx(Prompt *prompt, const TensorFile *file, const Clip *clip, Arena *arena, Error *err) {
    const Tensor *found = tensors_find(file, "ctx");
    prompt->csc = found && found->n_dims == 3;
    const int64_t shape[] = {-1, -1, clip->text.width};
    const Tensor *ctx = tensors_need(file, "ctx", prompt->csc ? 3 : 2, prompt->csc ? shape : shape + 1, err);
    if (!ctx)
        return -1;
    int64_t M = ctx->shape[ctx->n_dims - 2], K = prompt->csc ? ctx->shape[0] : 1;
    if (M < 1 || M > clip->text.n_positions - 3 || K < 1 || K > 1000000)
        return error_set(err, "%s: tensor ctx: %lld vectors where the model has %d positions",
                         tensors_path(file), (long long)M, clip->text.n_positions);
    prompt->n_ctx = (int)M;
    prompt->n_classes = (int)K;
    float *values = arena_floats(arena, ctx->count, 1);
    if (!values)
        return error_memory(err);
    prompt->ctx = values;
    return tensor_to_float(file, ctx, values, err);
}

static int compute_features(Prompt *prompt, Clip *clip, const Tokenizer *tokenizer, Pool *pool, Arena *arena,
                            Error *err) {
    LearnerConfig config = {.n_ctx = prompt->n_ctx,
                            .csc = prompt->csc,
                            .class_token_position = prompt->class_token_position,
                            .ctx_init = ""};
    float *features = arena_floats(arena, (size_t)prompt->n_classes, (size_t)clip->embed_dim);
    if (!features)
        return error_memory(err);
    PromptLearner *learner =
        learner_create(clip, tokenizer, pool, prompt->class_names, prompt->n_classes, &config, 0, err);
    if (!learner)
        return -1;
    memcpy(learner_ctx(learner), prompt->ctx, learner_ctx_size(learner) * sizeof(float));
    learner_text_features(learner, features);
    prompt->text_features = features;
    learner_free(learner);
    return 0;
}

int coop_checkpoint_read(Prompt *prompt, const TensorFile *file, ClassTokenPosition position, Clip *clip,
                         const Tokenizer *tokenizer, Pool *pool, Arena *arena, Error *err) {
    *prompt = (Prompt){.width = clip->text.width,
                       .embed_dim = clip->embed_dim,
                       .class_token_position = position,
                       .logit_scale = clip->logit_scale,
                       .backbone = arena_strdup(arena, clip->name),
                       .backbone_digest = arena_strdup(arena, clip_digest(clip)),
                       .vocab_digest = arena_strdup(arena, tokenizer_digest(tokenizer)),
                       .dataset = "",
                       .checkpoint = arena_strdup(arena, tensors_path(clip->file)),
                       .image_size = clip->image_size};
    memcpy(prompt->mean, clip->mean, sizeof prompt->mean);
    memcpy(prompt->std, clip->std, sizeof prompt->std);
    if (arena_failed(arena))
        return error_memory(err);
    return read_ctx(prompt, file, clip, arena, err) < 0 ||
                   read_names(prompt, file, clip, tokenizer, arena, err) < 0 ||
                   compute_features(prompt, clip, tokenizer, pool, arena, err) < 0
               ? -1
               : 0;
}

/* --- writing --- */

/* Embeddings of the tokens of "name.", EOS and padding into suffix (rows, C). */
static int fill_suffix(float *suffix, int rows, const char *name, const Clip *clip,
                       const Tokenizer *tokenizer, Arena *arena, Error *err) {
    int ids[TREE_MAX_DEPTH];
    size_t C = (size_t)clip->text.width;
    int n = name_tokens(ids, name, tokenizer, arena, err);
    if (n < 0)
        return -1;
    if (n + 1 > rows)
        return error_set(err, "class '%s': too long for %d positions", name, clip->text.n_positions);
    for (int i = 0; i < rows; i++) {
        int id = i < n ? ids[i] : i == n ? tokenizer_end(tokenizer) : PADDING_TOKEN;
        memcpy(suffix + (size_t)i * C, clip->text.token_embedding + (size_t)id * C, C * sizeof *suffix);
    }
    return 0;
}

int coop_checkpoint_write(const char *path, const Prompt *prompt, int epoch, const Clip *clip,
                          const Tokenizer *tokenizer, Error *err) {
    return coop_checkpoint_write_with(path, prompt, NULL, 0, epoch, NULL, clip, tokenizer, err);
}

int coop_checkpoint_write_with(const char *path, const Prompt *prompt, const TensorOut *more, int n_more,
                               int epoch, const TorchTraining *training, const Clip *clip,
                               const Tokenizer *tokenizer, Error *err) {
    int K = prompt->n_classes, M = prompt->n_ctx, C = prompt->width, rows = clip->text.n_positions - 1 - M;
    assert(C == clip->text.width && n_more <= COOP_CHECKPOINT_MORE);
    if (rows < 2)
        return error_set(err, "%s: %d context vectors where the model has %d positions", path, M,
                         clip->text.n_positions);
    int result = -1;
    Arena *arena = arena_create();
    size_t c = (size_t)C, suffix_size = (size_t)rows * c;
    float *prefix = arena_floats(arena, (size_t)K, c), *suffix = arena_floats(arena, (size_t)K, suffix_size);
    if (arena_failed(arena)) {
        error_memory(err);
        goto out;
    }
    for (int k = 0; k < K; k++) {
        memcpy(prefix + (size_t)k * c, clip->text.token_embedding + (size_t)tokenizer_start(tokenizer) * c,
               c * sizeof *prefix);
        if (fill_suffix(suffix + (size_t)k * suffix_size, rows, prompt->class_names[k], clip, tokenizer,
                        arena, err) < 0)
            goto out;
    }
    TensorOut tensors[3 + COOP_CHECKPOINT_MORE] = {
        {.name = "ctx", .dtype = DTYPE_F32, .n_dims = 2, .shape = {M, C}, .data = prompt->ctx},
        {.name = "token_prefix", .dtype = DTYPE_F32, .n_dims = 3, .shape = {K, 1, C}, .data = prefix},
        {.name = "token_suffix", .dtype = DTYPE_F32, .n_dims = 3, .shape = {K, rows, C}, .data = suffix}};
    if (prompt->csc)
        tensors[0] = (TensorOut){
            .name = "ctx", .dtype = DTYPE_F32, .n_dims = 3, .shape = {K, M, C}, .data = prompt->ctx};
    for (int i = 0; i < n_more; i++)
        tensors[3 + i] = more[i];
    result = torch_checkpoint_write(path, tensors, 3 + n_more, epoch, training, err);
out:
    arena_free(arena);
    return result;
}
