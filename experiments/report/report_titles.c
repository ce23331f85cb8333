/* report_titles.c: see report_titles.h */
#include "experiments/report/report_titles.h"

#include <string.h>

static const char *const titles[][2] = {{"n_ctx", "Context length M"},
                                        {"class_token_position", "Position of the class name"},
                                        {"csc", "Contexts"},
                                        {"ctx_init", "Initialisation of the contexts"},
                                        {"optim.lr", "Learning rate"},
                                        {"optim.momentum", "Momentum"},
                                        {"optim.weight_decay", "Weight decay"},
                                        {"optim.max_epoch", "Epochs"},
                                        {"optim.batch_size", "Batch size (images)"},
                                        {"optim.lr_scheduler", "Course of the learning rate"},
                                        {"optim.warmup_epoch", "Warm-up (epochs)"},
                                        {"optim.warmup_cons_lr", "Learning rate of the warm-up"},
                                        {"optim.name", "Optimiser"},
                                        {"optim.beta1", "beta1 of the optimiser"},
                                        {"optim.beta2", "beta2 of the optimiser"},
                                        {"optim.alpha", "alpha of the optimiser"},
                                        {"optim.step_epochs", "Epochs between steps of the rate"},
                                        {"optim.milestones", "Epochs before steps of the rate"},
                                        {"optim.gamma", "Factor of a step of the rate"},
                                        {"optim.warmup_type", "Course of the warm-up"},
                                        {"optim.shuffle", "A fresh order of images every epoch"},
                                        {"views", "Augmented views per image"},
                                        {"layer", "What is learned on the text features"},
                                        {"train", "Keys of the cache"},
                                        {"alpha", "Weight of the cache, alpha"},
                                        {"beta", "Sharpness of the cache, beta"},
                                        {"search", "Alpha and beta"},
                                        {"max_alpha", "Largest alpha searched"},
                                        {"max_beta", "Largest beta searched"},
                                        {"lr", "Learning rate"},
                                        {"max_epoch", "Epochs"},
                                        {"part", "What is fine-tuned"},
                                        {"rank", "Rank of the matrices"},
                                        {"scaling", "What alpha is divided by"},
                                        {"dropout", "Dropout"},
                                        {"encoder", "Encoders with matrices"},
                                        {"position", "Blocks with matrices"},
                                        {"params", "Projections with matrices"},
                                        {"weight_decay", "Weight decay"},
                                        {"batch_size", "Batch size (images)"},
                                        {"n_iters", "Iterations per shot"},
                                        {"optimizer", "Optimiser"},
                                        {"crops", "Training images"},
                                        {"recipe", "Recipe"},
                                        {"validation", "Validation images"},
                                        {"text_lambda", "Weight of the texts"},
                                        {"balanced_importance", "Images that weigh against the texts"},
                                        {"repel", "Classes push each other away"},
                                        {"max_iter", "Iterations"},
                                        {"warmup_iter", "Warm-up (iterations)"},
                                        {"wiseft_ratio", "Share of the texts in the head"},
                                        {"lambda_v", "Weight of the distance"},
                                        {"reduction", "Reduction of the network"},
                                        {"ratio", "Share of the network"},
                                        {"lr_alpha", "Learning rate of the texts' weights"},
                                        {"residual_scale", "Weight of the residual"},
                                        {"w", "Weight of the hand-written prompts"},
                                        {"lambda", "Share that is projected away"},
                                        {"temperature", "Temperature"},
                                        {"around", "Text around the names"},
                                        {"epsilon", "Epsilon of Adam"},
                                        {"backbone", "Backbone"}};

/* Of yes or no: setting, no, yes. */
static const char *const answers[][3] = {{"csc", "unified", "class-specific"},
                                         {"train", "as they are", "trained"},
                                         {"search", "as given", "searched"},
                                         {"crops", "their centre", "fresh crops"},
                                         {"optim.shuffle", "no", "yes"}};

const char *setting_title(const char *setting, Arena *arena) {
    for (size_t i = 0; i < sizeof titles / sizeof *titles; i++)
        if (strcmp(titles[i][0], setting) == 0)
            return titles[i][1];
    char *words = arena_strdup(arena, setting);
    for (char *at = words; at && *at; at++)
        if (*at == '_' || *at == '.')
            *at = ' ';
    return words ? words : setting;
}

const char *setting_words(const char *setting, const char *value) {
    for (size_t i = 0; i < sizeof answers / sizeof *answers; i++)
        if (strcmp(answers[i][0], setting) == 0)
            return answers[i][strcmp(value, "true") == 0 ? 2 : 1];
    return value;
}
