/* classifier.h: whatever was learned, ready to label images: a file, the checkpoint that it belongs to, and
 * logits for image features.
 *
 *     classifier_open(&classifier, "runs/photos/.../prompt.safetensors", &options, err);
 *     loaded_model_encode(classifier_model(classifier), features, ...);
 *     classifier_logits(classifier, logits, features, n, err);
 *
 * One classifier is used by one thread at a time; its work is shared among the threads of its model's pool.
 */
#ifndef COOP_CLASSIFIER_H
#define COOP_CLASSIFIER_H

#include "coop/loaded_model.h"
#include "coop/prompt_learner.h"

typedef struct Classifier Classifier;

/* Zeroed: the checkpoint where it was when this was learned, and the rest as the file says. */
typedef struct {
    const char *weights;
    LoadedModelOptions model;    /* vocab, activation and heads for files that do not say them */
    bool set_precision;          /* model.precision counts; else that in which it was learned */
    ClassTokenPosition position; /* of a prompt of the original code, which does not say it */
    int n_images;                /* how many are expected (loaded_model_few); 0: many */
} ClassifierOptions;

/* What is known of it; texts are owned by the classifier, and NULL, like numbers NAN or -1, where unknown.
 * num_shots is as in Provenance (prompt_file.h). */
typedef struct {
    const char *method; /* as in an experiment file: "coop", "linear_probe", "zeroshot", ... */
    const char *const *class_names;
    int n_classes, embed_dim; /* K, E */
    const char *dataset, *backbone;
    int num_shots, seed;
    double val_accuracy, accuracy; /* on validation and on test images, in 0..1 */
    bool exif_rotate;              /* whether its images were turned as their EXIF says */
} ClassifierInfo;

/* Any learned file, told by its content: prompts (ours and the original code's), classifier.safetensors,
 * weights and low-rank matrices of fine-tuning. options may be NULL. Caller closes, also after a failure. */
int classifier_open(Classifier **classifier, const char *path, const ClassifierOptions *options, Error *err);
/* The same from bytes, which are borrowed until it is closed; name stands for a path in messages. */
int classifier_open_bytes(Classifier **classifier, const void *bytes, size_t size, const char *name,
                          const ClassifierOptions *options, Error *err);
/* Hand-written prompts, the mean of the templates' features; the model is borrowed. */
int classifier_zeroshot(Classifier **classifier, LoadedModel *model, const char *const *templates,
                        int n_templates, const char *const *class_names, int n_classes, Error *err);
void classifier_close(Classifier *classifier); /* NULL is fine */

const ClassifierInfo *classifier_info(const Classifier *classifier);
LoadedModel *classifier_model(Classifier *classifier); /* with the image tower that it wants */

/* Whether features of unit length, made by the checkpoint's own image tower, give the same logits. */
bool classifier_takes_unit(const Classifier *classifier);

/* logits (n, K) of features (n, E) as the image tower gives them, not of unit length. The bits of a row do
 * not depend on its neighbours. The first call also fails where the checkpoint is another than this was
 * learned with: its digest is computed meanwhile. */
int classifier_logits(Classifier *classifier, float *logits, const float *features, int n, Error *err);

#endif
