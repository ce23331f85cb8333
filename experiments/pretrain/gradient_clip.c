/* gradient_clip.c: see gradient_clip.h */
#include "experiments/pretrain/gradient_clip.h"

void gradients_clip(const PretrainSession *session, const PieceList *some, double norm) {
    const double most = session->optim.grad_clip_norm, factor = most / (norm + 1e-6);
    if (most > 0 && factor < 1)
        parameters_scale_gradients(&session->clip->parameters, some, (float)factor, session->pool);
}
