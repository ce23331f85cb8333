/* schedule.c: see schedule.h */
#include "experiments/pretrain/schedule.h"

#include <math.h>

double schedule_rate(const PretrainOptim *optim, long step, long steps_per_epoch) {
    const long n_steps = optim->epochs * steps_per_epoch;
    if (step < optim->warmup)
        return optim->lr * (double)(step + 1) / optim->warmup;
    if (optim->lr_scheduler == LR_COSINE) {
        double e = (double)(step - optim->warmup), all = (double)(n_steps - optim->warmup);
        return 0.5 * (1 + cos(M_PI * e / all)) * optim->lr;
    }
    const long n_last = optim->epochs_cooldown * steps_per_epoch, start = n_steps - n_last;
    if (optim->lr_scheduler == LR_CONST || step < start)
        return optim->lr;
    double decay = pow(1 - (double)(step - start) / (double)n_last, optim->lr_cooldown_power);
    return decay * (optim->lr - optim->lr_cooldown_end) + optim->lr_cooldown_end;
}
