/* tcp.h: prompts with vectors of each class inside the text tower (Yao et al. 2024, "TCP: Textual-based
 * Class-aware Prompt tuning for Visual-Language Model";
 * github.com/htyao89/Textual-based_Class-aware_prompt_tuning, trainers/tcp.py and
 * trainers/clip_text/model.py).
 *
 *     vectors of class k = W2 quick_gelu(W1 t_k + b1) + b2, four of them, from its hand-written feature t_k
 *     before block `layer` they take the place of what stands at positions 1 to 4
 *     loss = cross-entropy + w (1 - mean over the classes of cos(learned feature, t_k))
 *
 * Below that block all prompts are one prefix tree, as CoOp's; from there on each class has rows of its own,
 * but for the first token. Trained are the contexts (M, C) and the two layers, one array in this order.
 */
#ifndef COOP_PROMPTS_TCP_H
#define COOP_PROMPTS_TCP_H

#include "coop/prompt_learner.h"

enum { TCP_VECTORS = 4 };

typedef struct Tcp Tcp;

typedef struct {
    LearnerConfig prompts; /* without csc */
    int layer;             /* the block that the vectors enter before (8); in 1 .. blocks - 1 */
    double weight;         /* w (8) */
} TcpConfig;

/* texts (K, E): features of hand-written prompts, of unit length; borrowed. Otherwise as learner_create. */
Tcp *tcp_create(Clip *clip, const Tokenizer *tokenizer, Pool *pool, const char **class_names, int n_classes,
                const TcpConfig *config, const float *texts, size_t memory_budget, Error *err);
void tcp_free(Tcp *tcp); /* NULL is fine */

/* Builds only the prompts: their M, or -1 with an error, also for a layer that the tower does not have. */
int tcp_check(const Clip *clip, const Tokenizer *tokenizer, const char **class_names, int n_classes,
              const TcpConfig *config, Error *err);

/* Operations of one training step on the text side, roughly; otherwise as tcp_check. */
int tcp_step_flops(double *flops, const Clip *clip, const Tokenizer *tokenizer, const char **class_names,
                   int n_classes, const TcpConfig *config, Error *err);

int tcp_n_ctx(const Tcp *tcp);
const TokenTree *tcp_tree(const Tcp *tcp, bool upper); /* below, or from the layer on; borrowed */

/* features (K, E), of unit length, at the present parameters. */
void tcp_text_features(Tcp *tcp, float *features);

/* As learner_loss; gradient like the parameters. */
double tcp_loss(Tcp *tcp, const float *images, const int *labels, int B, float *logits, float *gradient,
                int *n_correct);

const Trainee *tcp_trainee(Tcp *tcp); /* owned by tcp */

#endif
