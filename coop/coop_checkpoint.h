/* coop_checkpoint.h: learned prompts as the original CoOp code saves them.
 *
 * Layout of `DIR/prompt_learner/model.pth.tar-EPOCH` (a torch archive; Dassl's save_checkpoint): state_dict
 * with `ctx` [M, C] or [K, M, C], `token_prefix` [K, 1, C], the embedding of SOS, and `token_suffix` [K,
 * T-1-M, C], the embeddings of "name.", EOS and padding; epoch. Neither class names nor the position is in
 * it. The caller must know the position; the names are read back from the rows of token_suffix, each of which
 * is a row of the token embedding.
 */
#ifndef COOP_COOP_CHECKPOINT_H
#define COOP_COOP_CHECKPOINT_H

#include "clip/tensors/torch_write.h"
#include "coop/prompt_file.h"

/* Whether a file holds such a prompt: it has a tensor ctx and a tensor token_suffix. */
bool coop_checkpoint_is_one(const TensorFile *file);

/* The prompt in it, text features computed with the given model, everything owned by the arena. Class names
 * come out as the tokenizer spells them (lower case, blanks around punctuation). A suffix that is not of this
 * model's tokens is an error: "FILE: tensor token_suffix: class 3: ...". */
int coop_checkpoint_read(Prompt *prompt, const TensorFile *file, ClassTokenPosition position, Clip *clip,
                         const Tokenizer *tokenizer, Pool *pool, Arena *arena, Error *err);

/* A class name as coop_checkpoint_read spells it, owned by the arena; NULL when its tokens do not lead back
 * to it, and, with ERROR_RUN, when memory is out. */
const char *coop_checkpoint_spelling(const char *name, const Tokenizer *tokenizer, Arena *arena, Error *err);

/* Writes such a file. The original code's load_model finds it when path is
 * DIR/prompt_learner/model.pth.tar-EPOCH. */
int coop_checkpoint_write(const char *path, const Prompt *prompt, int epoch, const Clip *clip,
                          const Tokenizer *tokenizer, Error *err);

/* The same with further tensors (n_more) behind the three, as CoCoOp's file has them, and what the training
 * goes on from (NULL: nothing). */
enum { COOP_CHECKPOINT_MORE = 4 };
int coop_checkpoint_write_with(const char *path, const Prompt *prompt, const TensorOut *more, int n_more,
                               int epoch, const TorchTraining *training, const Clip *clip,
                               const Tokenizer *tokenizer, Error *err);

#endif
