/* pretrain_plan.c: see pretrain_plan.h */
#include "experiments/pretrain/pretrain_plan.h"

#include "clip/train/image_trainer.h"
#include "clip/train/text_trainer.h"
#include "experiments/pretrain/captions.h"
#include "experiments/pretrain/pretrain_open.h"
#include "experiments/terminal/duration.h"

/* The captions (n) of the first pairs, owned by the arena; NULL with an error. A broken pair lends the one
 * before it. */
static const char **first_captions(const PretrainSession *session, int n, Arena *arena, Error *err) {
    const char **texts = ARENA_NEW(arena, const char *, n);
    if (!texts)
        error_memory(err);
    for (int i = 0; texts && i < n; i++) {
        Pair pair = {.caption = i == 0 ? "" : texts[i - 1]};
        Error broken = {0};
        if (pairs_get(session->train, i, (uint32_t)session->config->seed, 0, &pair, arena, &broken) < 0 &&
            broken.kind != ERROR_INPUT) {
            *err = broken;
            return NULL;
        }
        texts[i] = broken.kind == ERROR_NONE || i == 0 ? pair.caption : texts[i - 1];
    }
    return texts;
}

/* Operations of n images and the captions of the tree; 0 when there is no memory to count. */
static double encoding_flops(const TrainableClip *clip, int n, const TokenTree *tree, bool image, bool text) {
    const double images = n * image_trainer_flops(clip, image), texts = text_trainer_flops(clip, tree, text);
    return images > 0 && texts > 0 ? images + texts : 0;
}

/* Operations of one step, of the rank that has most of them. Where accum_freq is above 1 all is encoded
 * twice, but for one batch of a step in parts (shared_step.c). */
static int count_flops(double *flops, int *n_nodes, int *n_tokens, const PretrainSession *session,
                       Arena *arena, Error *err) {
    const PretrainOptim *optim = &session->optim;
    const int n = optim->batch_size;
    const TrainableClip *clip = session->clip;
    const char **texts = first_captions(session, n, arena, err);
    Captions captions;
    TokenTree tree;
    if (!texts ||
        captions_tokenize(&captions, session->tokenizer, texts, n, clip->text.n_positions, arena, err) < 0 ||
        token_tree_build(&tree, (const int *const *)captions.tokens, captions.lengths, n, arena, err) < 0)
        return -1;
    *n_nodes = tree.n_nodes;
    *n_tokens = 0;
    for (int i = 0; i < n; i++)
        *n_tokens += captions.lengths[i];
    const PretrainConfig *config = session->config;
    const double once = encoding_flops(clip, n, &tree, !config->lock.image, !config->lock.text);
    const double before = optim->accum_freq > 1 ? encoding_flops(clip, n, &tree, false, false) : 0;
    if (once == 0 || (optim->accum_freq > 1 && before == 0))
        return error_memory(err);
    const int n_ranks = ranks_count(session->ranks), per_part = optim->accum_freq / optim->parts;
    const int n_batches = (optim->parts + n_ranks - 1) / n_ranks * per_part;
    *flops = n_batches * once + (n_batches - (optim->parts > 1)) * before;
    return 0;
}

static void print_model(FILE *out, const PretrainSession *session) {
    const TrainableClip *clip = session->clip;
    const Parameters *parameters = &clip->parameters;
    fprintf(out, "model: %s, images of %d x %d, embeddings of %d; %.1f million parameters, %.1f trained\n",
            clip->is_resnet ? "ResNet" : "ViT", clip->image.image_size, clip->image.image_size,
            clip->embed_dim, 1e-6 * (double)parameters_count(parameters, false),
            1e-6 * (double)parameters_count(parameters, true));
}

static void print_steps(FILE *out, const PretrainSession *session) {
    const PretrainOptim *optim = &session->optim;
    fprintf(out, "pairs: %d to train on", pairs_count(session->train));
    if (session->val)
        fprintf(out, ", %d to validate on", pairs_count(session->val));
    if (session->zeroshot.images)
        fprintf(out, ", %d images of %d classes", pairs_count(session->zeroshot.images),
                session->zeroshot.dataset.n_classes);
    fprintf(out, "\nsteps: %ld (%d epochs of %d), each of %d pairs; learning rate %g, warm-up %d steps\n",
            (long)optim->epochs * session->steps_per_epoch, optim->epochs, session->steps_per_epoch,
            session->effective_batch, optim->lr, optim->warmup);
}

/* Weights; gradients and what the optimiser remembers of those that are trained; decoded pairs of this step
 * and the next; activations. */
static void print_memory(FILE *out, const PretrainSession *session) {
    const Parameters *parameters = &session->clip->parameters;
    const double all = (double)parameters_count(parameters, false);
    const double trained = (double)parameters_count(parameters, true);
    const double size = session->clip->image.image_size;
    const int n_kept = session->optim.name == OPTIM_ADAMW ? 3 : 2;
    const double gib = 1.0 / (1 << 30);
    fprintf(out,
            "memory: %.2f GiB of weights, gradients and moments, %.2f GiB of decoded images, at most %.2f "
            "GiB of activations\n",
            4 * (all + n_kept * trained) * gib, 2 * 3 * size * size * session->effective_batch * gib,
            (double)pretrain_memory_budget(session) * gib);
}

int pretrain_plan_print(FILE *out, const PretrainSession *session, double rate, double sent, Error *err) {
    double flops = 0;
    int n_nodes = 0, n_tokens = 0;
    char time[32];
    Arena *arena = arena_create();
    int status = arena ? count_flops(&flops, &n_nodes, &n_tokens, session, arena, err) : error_memory(err);
    arena_free(arena);
    if (status < 0)
        return -1;
    const long n_steps = (long)session->optim.epochs * session->steps_per_epoch;
    print_model(out, session);
    print_steps(out, session);
    fprintf(out, "captions: %.1f tokens each; a batch computes %d rows of the text tower\n",
            (double)n_tokens / session->optim.batch_size, n_nodes);
    print_memory(out, session);
    duration_text((double)n_steps * flops / rate, time);
    fprintf(out, "work: %.4g GFLOP a step, about %.3g pairs per second: %s without evaluations\n",
            1e-9 * flops, session->effective_batch * rate / flops, time);
    if (sent > 0)
        fprintf(out, "ranks: %d, which send each other %.0f bytes a step\n", ranks_count(session->ranks),
                sent);
    fprintf(out, "output: %s\n", session->config->output);
    return 0;
}
