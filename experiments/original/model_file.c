/* model_file.c: see model_file.h. A test goes the way of a transfer: what the file holds is put where a
 * finished training would have left it. */
#include "experiments/original/model_file.h"

#include "clip/base/files.h"
#include "clip/tensors/tensors_open.h"
#include "clip/tensors/torch_write.h"
#include "coop/coop_checkpoint.h"
#include "coop/train_state.h"
#include "experiments/methods/learned.h"
#include "experiments/methods/prompts/prompting.h"
#include "experiments/original/optimizer_state.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The two layers of CoCoOp and TCP. */
enum { N_LAYERS = 4 };

typedef struct {
    const char *name;
    int n_dims;
    int64_t shape[2];
    size_t count;
} Layer;

static bool is_method(const Point *point, const char *name) {
    return strcmp(point->method->section.name, name) == 0;
}

/* How many tensors follow the contexts: 4 or 0. */
static int layers_of(Layer layers[N_LAYERS], const Session *session, const Point *point) {
    const int64_t E = session->model.clip->embed_dim, C = session->model.clip->text.width;
    const bool is_cocoop = is_method(point, "cocoop");
    const int64_t H = is_cocoop ? E / 16 : E / 4, O = is_cocoop ? C : 4 * C;
    if (!is_cocoop && !is_method(point, "tcp"))
        return 0;
    const Layer all[N_LAYERS] = {{"meta_net.linear1.weight", 2, {H, E}, (size_t)(H * E)},
                                 {"meta_net.linear1.bias", 1, {H}, (size_t)H},
                                 {"meta_net.linear2.weight", 2, {O, H}, (size_t)(O * H)},
                                 {"meta_net.linear2.bias", 1, {O}, (size_t)O}};
    memcpy(layers, all, sizeof all);
    return N_LAYERS;
}

static size_t layers_size(const Layer *layers, int n) {
    size_t size = 0;
    for (int i = 0; i < n; i++)
        size += layers[i].count;
    return size;
}

/* --- writing --- */

const char *model_file_path(const char *folder, int epoch, Arena *arena) {
    return epoch < 0 ? arena_printf(arena, "%s/prompt_learner/model-best.pth.tar", folder)
                     : arena_printf(arena, "%s/prompt_learner/model.pth.tar-%d", folder, epoch);
}

static int write_tensors(const char *path, const TrainedModel *model, double val_result, Arena *arena,
                         Error *err) {
    Session *session = model->session;
    const Clip *clip = session->model.clip;
    const Dataset *dataset = &session->dataset;
    const LearnerConfig config = prompting_config(model->point);
    const float *parameters = model->trainee->parameters;
    Layer layers[N_LAYERS];
    TensorOut tensors[1 + N_LAYERS];
    TorchTraining training;
    const int n_layers = layers_of(layers, session, model->point), C = clip->text.width;
    const int K = dataset->n_classes, epoch = model->state->epoch;
    const size_t n_ctx = model->trainee->n_parameters - layers_size(layers, n_layers);
    const int M = (int)(n_ctx / (size_t)C) / (config.csc ? K : 1);
    const float *at = parameters + n_ctx;
    tensors[0] = config.csc ? (TensorOut){"ctx", DTYPE_F32, 3, {K, M, C}, parameters}
                            : (TensorOut){"ctx", DTYPE_F32, 2, {M, C}, parameters};
    for (int i = 0; i < n_layers; i++) {
        tensors[1 + i] = (TensorOut){
            layers[i].name, DTYPE_F32, layers[i].n_dims, {layers[i].shape[0], layers[i].shape[1]}, at};
        at += layers[i].count;
    }
    if (optimizer_state_torch(&training, &model->point->optim, model->state, model->n_steps, tensors,
                              1 + n_layers, arena, err) < 0)
        return -1;
    training.val_result = val_result;
    if (is_method(model->point, "tcp"))
        return torch_checkpoint_write(path, tensors, 1 + n_layers, epoch, &training, err);
    const Prompt prompt = {.n_classes = K,
                           .n_ctx = M,
                           .width = C,
                           .csc = config.csc,
                           .class_names = dataset->class_names,
                           .ctx = parameters};
    return coop_checkpoint_write_with(path, &prompt, tensors + 1, n_layers, epoch, &training, clip,
                                      session->model.tokenizer, err);
}

int model_file_write(const char **path, const char *folder, const TrainedModel *model, double val_result,
                     Arena *arena, Error *err) {
    const char *below = path_join(arena, folder, "prompt_learner");
    const char *pointer = path_join(arena, below ? below : "", "checkpoint");
    *path = model_file_path(folder, isnan(val_result) ? model->state->epoch : -1, arena);
    const char *name = arena_printf(arena, "%s\n", *path ? strrchr(*path, '/') + 1 : "");
    if (arena_failed(arena))
        return error_memory(err);
    if (make_folders(below, err) < 0 || write_tensors(*path, model, val_result, arena, err) < 0)
        return -1;
    return file_write(pointer, name, strlen(name), err);
}

/* --- reading --- */

/* The contexts that the point would train: M. */
static int expected_n_ctx(const Session *session, const Point *point, Error *err) {
    LearnerConfig config = prompting_config(point);
    if (config.n_ctx > 0)
        return config.n_ctx;
    return learner_check(session->model.clip, session->model.tokenizer, session->dataset.class_names,
                         session->dataset.n_classes, &config, err);
}

/* The contexts, checked against what the config says; then the layers. NULL with an error. */
static float *read_parameters(const TensorFile *file, const Session *session, const Point *point,
                              size_t *n_parameters, Arena *arena, Error *err) {
    Layer layers[N_LAYERS];
    const int n_layers = layers_of(layers, session, point), C = session->model.clip->text.width;
    const bool csc = prompting_config(point).csc;
    const int K = session->dataset.n_classes, M = expected_n_ctx(session, point, err);
    const int64_t own[] = {K, M, C};
    const Tensor *tensors[1 + N_LAYERS];
    if (M < 0)
        return NULL;
    tensors[0] = tensors_need(file, "ctx", csc ? 3 : 2, csc ? own : own + 1, err);
    if (!tensors[0])
        return NULL;
    for (int i = 0; i < n_layers; i++) {
        tensors[1 + i] = tensors_need(file, layers[i].name, layers[i].n_dims, layers[i].shape, err);
        if (!tensors[1 + i])
            return NULL;
    }
    const size_t n_ctx = tensors[0]->count;
    *n_parameters = n_ctx + layers_size(layers, n_layers);
    float *parameters = arena_floats(arena, *n_parameters, 1), *at = parameters;
    if (!parameters) {
        error_memory(err);
        return NULL;
    }
    for (int i = 0; i < 1 + n_layers; i++) {
        if (tensor_to_float(file, tensors[i], at, err) < 0)
            return NULL;
        at += tensors[i]->count;
    }
    return parameters;
}

/* The features of contexts of each class. NULL with an error. */
static const float *own_features(Session *session, const Point *point, const float *ctx, Arena *arena,
                                 Error *err) {
    const Dataset *dataset = &session->dataset;
    LearnerConfig config = prompting_config(point);
    config.ctx_init = "";
    config.n_ctx = expected_n_ctx(session, point, err);
    float *text = arena_floats(arena, (size_t)dataset->n_classes, (size_t)session->model.clip->embed_dim);
    PromptLearner *learner =
        learner_create(session->model.clip, session->model.tokenizer, session->model.pool,
                       dataset->class_names, dataset->n_classes, &config, 0, err);
    if (!text)
        error_memory(err);
    if (learner && text) {
        memcpy(learner_ctx(learner), ctx, learner_ctx_size(learner) * sizeof *ctx);
        learner_text_features(learner, text);
    }
    const bool done = learner && text;
    learner_free(learner);
    return done ? text : NULL;
}

/* prompt.safetensors in the scratch folder. One prompt for all classes is that of no class yet, so that the
 * features of each are computed. */
static int put_prompt(const char *scratch, Session *session, const Point *point, const float *ctx, size_t n,
                      Arena *arena, Error *err) {
    static const char *nobody[] = {""};
    const LearnerConfig config = prompting_config(point);
    const char *path = path_join(arena, scratch, PROMPT_FILE);
    const int C = session->model.clip->text.width;
    Prompt prompt;
    float *unit = arena_floats(arena, (size_t)session->model.clip->embed_dim, 1);
    const Result result = {0};
    if (arena_failed(arena))
        return error_memory(err);
    unit[0] = 1;
    const float *text = config.csc ? own_features(session, point, ctx, arena, err) : unit;
    if (!text || learned_head(&prompt, session, point, text, NULL, &result, arena, err) < 0)
        return -1;
    if (!config.csc) {
        prompt.n_classes = 1;
        prompt.class_names = nobody;
    }
    prompt.n_ctx = (int)(n / (size_t)C) / (config.csc ? prompt.n_classes : 1);
    prompt.width = C;
    prompt.csc = config.csc;
    prompt.class_token_position = config.class_token_position;
    prompt.ctx = ctx;
    return prompt_write(path, &prompt, err);
}

/* state.safetensors in a folder (NULL: it only could be written), of the point's own key. The optimiser's
 * buffers are those of `with`, unless it is NULL: another program has trained so far. */
static int put_state(const char *folder, const Session *session, const Point *point, const ModelFile *file,
                     const TensorFile *with, Arena *arena, Error *err) {
    Layer layers[N_LAYERS];
    size_t counts[1 + N_LAYERS];
    const int n_layers = layers_of(layers, session, point);
    const Trainee trainee = {.name = n_layers > 0 ? "ctx and meta_net" : "ctx",
                             .parameters = file->parameters,
                             .n_parameters = file->n};
    const char *path = folder ? path_join(arena, folder, STATE_FILE) : NULL;
    TrainState state = trainer_begin(&trainee, &point->optim, arena);
    if (arena_failed(arena))
        return error_memory(err);
    counts[0] = file->n - layers_size(layers, n_layers);
    for (int i = 0; i < n_layers; i++)
        counts[1 + i] = layers[i].count;
    if (with && optimizer_state_read(&state.optimizer, with, counts, 1 + n_layers, err) < 0)
        return -1;
    state.epoch = with ? file->epoch : point->optim.max_epoch;
    state.elsewhere = with ? file->epoch : 0;
    return folder ? train_state_write(path, &trainee, &state, point->key, err) : 0;
}

static void remove_scratch(const char *scratch, Arena *arena) {
    const char *const names[] = {PROMPT_FILE, STATE_FILE};
    for (int i = 0; i < 2; i++) {
        const char *path = path_join(arena, scratch, names[i]);
        if (path)
            unlink(path);
    }
    rmdir(scratch);
}

int model_file_read(ModelFile *read, const char *path, const Session *session, const Point *point,
                    Arena *arena, Error *err) {
    TensorFile *file = tensors_open(path, err);
    if (!file)
        return -1;
    const char *number = tensors_metadata(file, "epoch"), *result = tensors_metadata(file, "val_result");
    read->epoch = number ? atoi(number) : -1;
    read->val_result = result ? strtod(result, NULL) : NAN;
    read->parameters = read_parameters(file, session, point, &read->n, arena, err);
    tensors_close(file);
    return read->parameters ? 0 : -1;
}

ModelFile model_file_of(const TrainedModel *model) {
    return (ModelFile){model->state->epoch, NAN, model->trainee->parameters, model->trainee->n_parameters};
}

/* --- going on --- */

const char *model_file_latest(const char *folder, Arena *arena, Error *err) {
    const char *below = path_join(arena, folder, "prompt_learner");
    const char *pointer = path_join(arena, below ? below : "", "checkpoint");
    if (!pointer) {
        error_memory(err);
        return NULL;
    }
    if (!file_exists(pointer))
        return "";
    char *name = file_read(pointer, 4096, arena, NULL, err);
    if (!name)
        return NULL;
    name[strcspn(name, "\r\n")] = '\0';
    const char *path = strchr(name, '/') || !*name ? NULL : path_join(arena, below, name);
    if (!path)
        arena_failed(arena) ? error_memory(err) : error_set(err, "%s: '%.60s' names no model", pointer, name);
    return path;
}

int model_file_resume(const ModelFile *file, const char *path, const Session *session, const Point *point,
                      const char *output, Arena *arena, Error *err) {
    const char *folder = output ? path_join(arena, output, point->folder) : NULL;
    if (output && !folder)
        return error_memory(err);
    if (file->epoch < 1 || file->epoch > point->optim.max_epoch)
        return error_set(err, "%s: after epoch %d, where %d are to be trained", path, file->epoch,
                         point->optim.max_epoch);
    TensorFile *tensors = tensors_open_training(path, err);
    if (!tensors)
        return -1;
    const int status = folder && make_folders(folder, err) < 0
                           ? -1
                           : put_state(folder, session, point, file, tensors, arena, err);
    tensors_close(tensors);
    return status;
}

int model_file_test(float *logits, const ModelFile *file, Session *session, const Point *point,
                    const Session *images, const char *scratch, Arena *arena, Error *err) {
    Layer layers[N_LAYERS];
    if (make_folders(scratch, err) < 0)
        return -1;
    int status = layers_of(layers, session, point) > 0
                     ? put_state(scratch, session, point, file, NULL, arena, err)
                     : put_prompt(scratch, session, point, file->parameters, file->n, arena, err);
    if (status == 0)
        status = method_of(point)->transfer(session, point, scratch, images, logits, arena, err);
    remove_scratch(scratch, arena);
    return status;
}
