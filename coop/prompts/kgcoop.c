/* kgcoop.c: see kgcoop.h. */
#include "coop/prompts/kgcoop.h"

#include "clip/math/ops.h"

/* w (1 - mean of cos(unit, texts)), whose gradient at unit is -w / K texts: what of it changes only lengths
 * is taken away where unit is made. */
static double add_guide(CosineClassifier *c, const float *texts, double weight, bool gradient) {
    const int K = c->n_classes, E = c->embed_dim;
    double sum = 0;
    for (size_t k = 0; k < (size_t)K; k++) {
        sum += (double)dot(c->unit + k * (size_t)E, texts + k * (size_t)E, E);
        if (gradient)
            axpy(c->d_unit + k * (size_t)E, (float)(-weight / K), texts + k * (size_t)E, E);
    }
    return weight * (1 - sum / K);
}

double guided_loss(CosineClassifier *classifier, const float *texts, double weight, const float *images,
                   const int *labels, int B, float *logits, bool gradient, int *n_correct) {
    cosine_classifier_logits(classifier, images, B, logits);
    double loss = cross_entropy(logits, labels, B, classifier->n_classes, n_correct);
    if (gradient)
        cosine_classifier_gradient(classifier, images, B, logits);
    loss += add_guide(classifier, texts, weight, gradient);
    if (gradient)
        cosine_classifier_finish(classifier);
    return loss;
}

double kgcoop_loss(Kgcoop *kgcoop, const float *images, const int *labels, int B, float *logits, float *d_ctx,
                   int *n_correct) {
    PromptLearner *learner = kgcoop->learner;
    learner_forward(learner);
    double loss = guided_loss(learner_classifier(learner), kgcoop->texts, kgcoop->weight, images, labels, B,
                              logits, d_ctx != NULL, n_correct);
    if (d_ctx)
        learner_backward(learner, d_ctx);
    return loss;
}

static double trainee_loss(void *model, const float *images, const int *labels, int B, float *logits,
                           float *gradient, int *n_correct) {
    return kgcoop_loss(model, images, labels, B, logits, gradient, n_correct);
}

void kgcoop_init(Kgcoop *kgcoop, PromptLearner *learner, const float *texts, double weight) {
    *kgcoop =
        (Kgcoop){.learner = learner, .texts = texts, .weight = weight, .trainee = *learner_trainee(learner)};
    kgcoop->trainee.loss = trainee_loss;
    kgcoop->trainee.model = kgcoop;
}

const Trainee *kgcoop_trainee(Kgcoop *kgcoop) {
    return &kgcoop->trainee;
}
