/* cocoop_kind.c: see cocoop_kind.h. */
#include "coop/prompts/cocoop_kind.h"

#include "clip/math/ops.h"
#include "coop/learned/classifier_kind.h"

#include <string.h>

static const char *const names[] = {"ctx", "meta_net.linear1.weight", "meta_net.linear1.bias",
                                    "meta_net.linear2.weight", "meta_net.linear2.bias"};
enum { PARAMETERS = 5 };

/* The shapes of the parameters, which lie one behind the other. */
static void shapes_of(int64_t shapes[PARAMETERS][2], int M, int C, int H, int E) {
    const int64_t all[PARAMETERS][2] = {{M, C}, {H, E}, {H, 0}, {C, H}, {C, 0}};
    memcpy(shapes, all, sizeof all);
}

static size_t count(const int64_t shape[2]) {
    return (size_t)shape[0] * (size_t)(shape[1] > 0 ? shape[1] : 1);
}

void cocoop_tensors(TensorOut out[COCOOP_TENSORS], const Cocoop *cocoop, const int32_t *position) {
    int64_t shapes[PARAMETERS][2];
    const float *at = cocoop_trainee((Cocoop *)cocoop)->parameters;
    shapes_of(shapes, cocoop_n_ctx(cocoop), cocoop_width(cocoop), cocoop_hidden(cocoop),
              cocoop_embed_dim(cocoop));
    for (int i = 0; i < PARAMETERS; i++) {
        out[i] = (TensorOut){names[i], DTYPE_F32, shapes[i][1] > 0 ? 2 : 1, {shapes[i][0], shapes[i][1]}, at};
        at += count(shapes[i]);
    }
    out[PARAMETERS] = (TensorOut){"class_token_position", DTYPE_I32, 1, {1}, position};
}

typedef struct {
    int M, C, H, E;
    ClassTokenPosition position;
    float *parameters;
    size_t n;
    Cocoop *cocoop; /* once it is attached */
} State;

/* M, C, H and E, as the tensors tell them. */
static int read_sizes(State *s, const TensorFile *file, Error *err) {
    const int64_t any[] = {-1, -1};
    const Tensor *ctx = tensors_need(file, names[0], 2, any, err),
                 *first = ctx ? tensors_need(file, names[1], 2, any, err) : NULL;
    if (!first)
        return -1;
    const int64_t sizes[] = {ctx->shape[0], ctx->shape[1], first->shape[0], first->shape[1]};
    for (int i = 0; i < 4; i++)
        if (sizes[i] < 1 || sizes[i] > 1 << 16)
            return error_set(err, "%s: tensor %s: extent %lld", tensors_path(file), names[i / 2],
                             (long long)sizes[i]);
    s->M = (int)sizes[0];
    s->C = (int)sizes[1];
    s->H = (int)sizes[2];
    s->E = (int)sizes[3];
    return 0;
}

static int read_position(State *s, const TensorFile *file, Error *err) {
    int32_t position;
    const Tensor *tensor = tensors_find(file, "class_token_position");
    if (!tensor || tensor->dtype != DTYPE_I32 || tensor->count != 1)
        return error_set(err, "%s: tensor class_token_position: one I32 is needed", tensors_path(file));
    memcpy(&position, tensor->data, sizeof position);
    if (position < POSITION_END || position > POSITION_FRONT)
        return error_set(err, "%s: tensor class_token_position: %d", tensors_path(file), (int)position);
    s->position = (ClassTokenPosition)position;
    return 0;
}

static int read_parameters(State *s, const TensorFile *file, Arena *arena, Error *err) {
    int64_t shapes[PARAMETERS][2];
    const Tensor *tensors[PARAMETERS];
    size_t n = 0;
    shapes_of(shapes, s->M, s->C, s->H, s->E);
    for (int i = 0; i < PARAMETERS; i++) { /* all are there before anything is allocated */
        tensors[i] = tensors_need(file, names[i], shapes[i][1] > 0 ? 2 : 1, shapes[i], err);
        if (!tensors[i])
            return -1;
        s->n += count(shapes[i]);
    }
    s->parameters = arena_floats(arena, s->n, 1);
    if (!s->parameters)
        return error_memory(err);
    for (int i = 0; i < PARAMETERS; i++) {
        if (tensor_to_float(file, tensors[i], s->parameters + n, err) < 0)
            return -1;
        n += count(shapes[i]);
    }
    return 0;
}

static void *open_state(KindInput *input, const TensorFile *file, Arena *arena, Error *err) {
    State *s = ARENA_NEW(arena, State, 1);
    if (!s) {
        error_memory(err);
        return NULL;
    }
    *s = (State){0};
    if (read_sizes(s, file, err) < 0 || read_position(s, file, err) < 0 ||
        read_parameters(s, file, arena, err) < 0)
        return NULL;
    input->embed_dim = s->E;
    return s;
}

static int attach(void *state, const KindModel *model, Error *err) {
    State *s = state;
    const LearnerConfig config = {.n_ctx = s->M, .ctx_init = "", .class_token_position = s->position};
    if (s->C != model->clip->text.width)
        return error_set(err, "ctx: width %d where the checkpoint has %d", s->C, model->clip->text.width);
    s->cocoop = cocoop_create_untrained(model->clip, model->tokenizer, model->pool, model->class_names,
                                        model->n_classes, &config, err);
    if (!s->cocoop)
        return -1;
    const Trainee *trainee = cocoop_trainee(s->cocoop);
    if (trainee->n_parameters != s->n)
        return error_set(err, "meta_net: %d hidden numbers where %d are needed", s->H,
                         cocoop_hidden(s->cocoop));
    memcpy(trainee->parameters, s->parameters, s->n * sizeof(float));
    return 0;
}

static void close_state(void *state) {
    cocoop_free(((State *)state)->cocoop);
}

static int logits_of(const void *state, Pool *pool, float *logits, const float *features, int n, Error *err) {
    (void)pool;
    const State *s = state;
    Arena *arena = arena_create();
    float *unit = arena_floats(arena, (size_t)n, (size_t)s->E);
    int status = unit ? 0 : error_memory(err);
    if (unit) {
        unit_rows_forward(unit, NULL, features, n, s->E);
        status = cocoop_logits(s->cocoop, logits, unit, n, true, err);
    }
    arena_free(arena);
    return status;
}

const ClassifierKind cocoop_kind = {
    .name = "cocoop", .open = open_state, .attach = attach, .close = close_state, .logits = logits_of};
