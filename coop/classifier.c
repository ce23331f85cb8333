/* classifier.c: see classifier.h. A file of our own is read before the checkpoint, so that a bad one is
 * refused at once; the checkpoint's digest is computed on a thread of its own and compared before the first
 * logits are given away. */
#include "coop/classifier.h"

#include "clip/base/files.h"
#include "clip/checkpoint/locate.h"
#include "clip/tensors/tensors_open.h"
#include "coop/classifier_file.h"
#include "coop/coop_checkpoint.h"
#include "coop/tuned_clip.h"
#include "coop/zeroshot.h"

#include <math.h>
#include <string.h>

struct Classifier {
    Arena *arena;
    TensorFile *file; /* NULL: hand-written prompts */
    Prompt head;
    ClassifierInfo info;
    const ClassifierKind *kind;
    void *state;
    LoadedModel own, *model; /* model: own, or borrowed */
    TunedClip tuned;
    bool checked; /* the checkpoint is the one that the file was learned with */
};

static Classifier *create(Error *err) {
    Arena *arena = arena_create();
    Classifier *c = ARENA_NEW(arena, Classifier, 1);
    if (c) {
        *c = (Classifier){.arena = arena, .model = &c->own};
        return c;
    }
    arena_free(arena);
    error_memory(err);
    return NULL;
}

void classifier_close(Classifier *classifier) {
    if (!classifier)
        return;
    if (classifier->kind && classifier->kind->close && classifier->state)
        classifier->kind->close(classifier->state);
    tuned_clip_close(&classifier->tuned);
    loaded_model_close(&classifier->own);
    tensors_close(classifier->file);
    arena_free(classifier->arena);
}

/* --- what is known of it --- */

static void fill_info(Classifier *c, const char *method) {
    const Provenance *made = &c->head.made;
    const bool known = made->method != NULL;
    c->info = (ClassifierInfo){.method = known ? made->method : method,
                               .class_names = c->head.class_names,
                               .n_classes = c->head.n_classes,
                               .embed_dim = c->head.embed_dim,
                               .dataset = c->head.dataset && *c->head.dataset ? c->head.dataset : NULL,
                               .backbone = c->head.backbone,
                               .num_shots = known ? made->num_shots : -1,
                               .seed = known ? made->seed : -1,
                               .val_accuracy = known ? made->val_accuracy : NAN,
                               .accuracy = known ? made->accuracy : NAN,
                               .exif_rotate = c->head.exif_rotate};
}

/* Text features of unit length, wherever they come from. */
static int use_texts(Classifier *c, Error *err) {
    KindInput input = {.n_classes = c->head.n_classes,
                       .embed_dim = c->head.embed_dim,
                       .text_features = c->head.text_features,
                       .logit_scale = c->head.logit_scale};
    c->kind = &cosine_kind;
    c->state = cosine_kind.open(&input, NULL, c->arena, err);
    return c->state ? 0 : -1;
}

/* --- the checkpoint --- */

/* The digest is begun at once unless the checkpoint is the file that this was learned with. */
static ClipTowers digest_wanted(const Prompt *head, const char *weights, Arena *arena) {
    char stamp[FILE_STAMP];
    Error ignored = {0};
    const char *file = locate_weights(weights, arena, &ignored);
    file_stamp(stamp, file ? file : weights);
    return head->checkpoint_stamp && strcmp(head->checkpoint_stamp, stamp) == 0 ? 0 : CLIP_DIGEST;
}

static ClipTowers few(const ClassifierOptions *options) {
    return options->n_images > 0 ? loaded_model_few(options->n_images) : 0;
}

/* Its image tower; *weights is where it was found. */
static int open_model(Classifier *c, const char **weights, const ClassifierOptions *options, Error *err) {
    LoadedModelOptions model = options->model;
    const char *path = tensors_path(c->file);
    *weights = loaded_model_prompt_weights(&c->head, path, options->weights, err);
    if (!*weights)
        return -1;
    model.towers = CLIP_IMAGE | digest_wanted(&c->head, *weights, c->arena) | few(options);
    if (c->kind->attach)
        model.towers |= CLIP_TEXT;
    model.activation = c->head.activation;
    model.heads = c->head.heads;
    if (!options->set_precision)
        model.precision = c->head.precision;
    if (loaded_model_open(&c->own, *weights, &model, err) < 0)
        return -1;
    c->own.upright = c->head.exif_rotate;
    return prompt_check_sizes(&c->head, path, c->own.clip, err);
}

/* --- each kind of file --- */

static int open_prompt(Classifier *c, const ClassifierOptions *options, Error *err) {
    const char *weights;
    if (prompt_read_from(&c->head, c->file, c->arena, err) < 0)
        return -1;
    fill_info(c, "coop");
    return use_texts(c, err) < 0 || open_model(c, &weights, options, err) < 0 ? -1 : 0;
}

/* The text tower of the checkpoint, for a kind that needs it. */
static int attach(Classifier *c, Error *err) {
    const char *path = tensors_path(c->file);
    const KindModel model = {.clip = c->own.clip,
                             .tokenizer = c->own.tokenizer,
                             .pool = c->own.pool,
                             .class_names = c->head.class_names,
                             .n_classes = c->head.n_classes};
    if (loaded_model_check_vocab(&c->own, path, c->head.vocab_digest, err) < 0)
        return -1;
    return c->kind->attach(c->state, &model, err) < 0 ? error_prefix(err, "%s", path) : 0;
}

static int open_own(Classifier *c, const ClassifierOptions *options, Error *err) {
    ClassifierFile read;
    const char *weights;
    if (classifier_file_read(&read, c->file, c->arena, err) < 0)
        return -1;
    c->head = read.head;
    c->kind = read.kind;
    c->state = read.state;
    fill_info(c, NULL);
    if (open_model(c, &weights, options, err) < 0)
        return -1;
    return c->kind->attach ? attach(c, err) : 0;
}

/* Weights of the image tower take the place of the checkpoint's. */
static int open_tuned(Classifier *c, const ClassifierOptions *options, Error *err) {
    Tuned tuned;
    TunedSource source = {0};
    if (tuned_read(&tuned, c->file, c->arena, err) < 0)
        return -1;
    c->head = tuned.head;
    fill_info(c, tuned.part == TUNE_LOW_RANK ? "clip_lora" : "finetune");
    if (use_texts(c, err) < 0 || open_model(c, &source.weights, options, err) < 0)
        return -1;
    source.activation = c->head.activation;
    source.heads = c->head.heads;
    if (tuned_clip_open(&c->tuned, &tuned, c->file, &c->own, &source, err) < 0)
        return -1;
    tuned_clip_lend(&c->tuned);
    c->checked = true; /* as the towers were opened */
    return 0;
}

/* It must first become text features. */
static int open_original(Classifier *c, const ClassifierOptions *options, Error *err) {
    LoadedModelOptions model = options->model;
    if (!options->weights)
        return error_usage(err,
                           "%s is a file of the original code, which does not say where the checkpoint is: "
                           "--model, or checkpoint of coop_options, is needed",
                           tensors_path(c->file));
    model.towers = CLIP_BOTH | CLIP_DIGEST | few(options);
    if (loaded_model_open(&c->own, options->weights, &model, err) < 0 ||
        coop_checkpoint_read(&c->head, c->file, options->position, c->own.clip, c->own.tokenizer, c->own.pool,
                             c->arena, err) < 0)
        return -1;
    fill_info(c, "coop");
    c->checked = true;
    return use_texts(c, err);
}

/* --- opening --- */

static int open_file(Classifier **classifier, TensorFile *file, const ClassifierOptions *options,
                     Error *err) {
    static const ClassifierOptions none = {0};
    Classifier *c = *classifier = file ? create(err) : NULL;
    if (!c) {
        tensors_close(file);
        return -1;
    }
    c->file = file;
    options = options ? options : &none;
    if (coop_checkpoint_is_one(file))
        return open_original(c, options, err);
    if (tuned_is_one(file))
        return open_tuned(c, options, err);
    return classifier_file_is_one(file) ? open_own(c, options, err) : open_prompt(c, options, err);
}

int classifier_open(Classifier **classifier, const char *path, const ClassifierOptions *options, Error *err) {
    return open_file(classifier, tensors_open(path, err), options, err);
}

int classifier_open_bytes(Classifier **classifier, const void *bytes, size_t size, const char *name,
                          const ClassifierOptions *options, Error *err) {
    return open_file(classifier, tensors_open_bytes(bytes, size, name, err), options, err);
}

static int copy_names(Prompt *head, const char *const *class_names, int n_classes, Arena *arena) {
    head->n_classes = n_classes;
    head->class_names = ARENA_NEW(arena, const char *, n_classes);
    for (int k = 0; head->class_names && k < n_classes; k++)
        head->class_names[k] = arena_strdup(arena, class_names[k]);
    return arena_failed(arena) ? -1 : 0;
}

int classifier_zeroshot(Classifier **classifier, LoadedModel *model, const char *const *templates,
                        int n_templates, const char *const *class_names, int n_classes, Error *err) {
    const Clip *clip = model->clip;
    Classifier *c = *classifier = create(err);
    if (!c)
        return -1;
    c->model = model;
    c->checked = true;
    c->head = (Prompt){.embed_dim = clip->embed_dim,
                       .logit_scale = clip->logit_scale,
                       .backbone = clip->name,
                       .image_size = clip->image_size,
                       .made = {.method = "zeroshot", .seed = -1, .val_accuracy = NAN, .accuracy = NAN}};
    float *text = arena_floats(c->arena, (size_t)n_classes, (size_t)clip->embed_dim);
    if (!text || copy_names(&c->head, class_names, n_classes, c->arena) < 0)
        return error_memory(err);
    c->head.text_features = text;
    if (zeroshot_features(text, clip, model->tokenizer, model->pool, templates, n_templates, class_names,
                          n_classes, err) < 0)
        return -1;
    fill_info(c, NULL);
    return use_texts(c, err);
}

/* --- using --- */

const ClassifierInfo *classifier_info(const Classifier *classifier) {
    return &classifier->info;
}

LoadedModel *classifier_model(Classifier *classifier) {
    return classifier->model;
}

bool classifier_takes_unit(const Classifier *classifier) {
    return !classifier->kind->needs_length && !classifier->model->encode;
}

int classifier_logits(Classifier *classifier, float *logits, const float *features, int n, Error *err) {
    Classifier *c = classifier;
    if (!c->checked && prompt_check_model(&c->head, tensors_path(c->file), c->own.clip, err) < 0)
        return -1;
    c->checked = true;
    return c->kind->logits(c->state, c->model->pool, logits, features, n, err);
}
