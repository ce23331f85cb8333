/* prolip_search.c: see prolip_search.h */
#include "coop/heads/prolip_search.h"

#include "coop/heads/softmax_loss.h"

static const double rates[] = {1e-2, 1e-3, 1e-4, 1e-5, 1e-6, 1e-7, 1e-8},
                    lambdas[] = {10, 1, 0.1, 0.01, 0.001, 0.0001, 0};
enum { RATES = sizeof rates / sizeof *rates, LAMBDAS = sizeof lambdas / sizeof *lambdas };

typedef struct {
    ProlipFound found;
    int status;
    Error err;
} Outcome;

typedef struct {
    const ProlipConfig *config;
    const TrainData *train;
    const OptimConfig *optim;
    const ProlipImages *val;
    Pool *pool;
    Outcome outcomes[RATES * LAMBDAS];
} Search;

typedef struct {
    Pool *pool;
    Error *err;
} Stop;

static int on_step(void *context, int epoch, int step, double lr, double loss, const TrainState *state) {
    (void)epoch, (void)step, (void)lr, (void)loss, (void)state;
    const Stop *stop = context;
    return pool_stopped(stop->pool, stop->err) < 0;
}

static int test(const Prolip *prolip, const ProlipConfig *config, const ProlipImages *val, Outcome *outcome,
                Arena *arena) {
    const int K = config->loss.n_classes;
    float *g = arena_floats(arena, (size_t)val->n, (size_t)config->loss.embed_dim),
          *logits = arena_floats(arena, (size_t)val->n, (size_t)K);
    if (arena_failed(arena))
        return error_memory(&outcome->err);
    prolip_features(prolip, g, val->x, val->n);
    image_logits(&config->loss, logits, g, val->n);
    outcome->found.n_correct = count_correct(logits, val->labels, val->n, K);
    return 0;
}

static void train_setting(void *context, int setting, int worker) {
    (void)worker;
    Search *search = context;
    Outcome *outcome = &search->outcomes[setting];
    Arena *arena = arena_create();
    ProlipConfig config = *search->config;
    OptimConfig optim = *search->optim;
    config.loss.pool = NULL;
    outcome->found.lr = optim.lr = rates[setting / LAMBDAS];
    outcome->found.lambda = config.lambda = lambdas[setting % LAMBDAS];
    Prolip *prolip = prolip_create(&config, arena);
    TrainState state = {0};
    if (prolip)
        state = trainer_begin(prolip_trainee(prolip), &optim, arena);
    Stop stop = {search->pool, &outcome->err};
    outcome->status = arena_failed(arena) || !prolip
                          ? error_memory(&outcome->err)
                          : trainer_run(prolip_trainee(prolip), search->train, &optim, &state, NULL, on_step,
                                        &stop, &outcome->err);
    if (outcome->status == 0)
        outcome->status = test(prolip, &config, search->val, outcome, arena);
    arena_free(arena);
}

int prolip_search(ProlipFound *found, const ProlipConfig *config, const TrainData *train,
                  const OptimConfig *optim, const ProlipImages *val, Pool *pool, Error *err) {
    Arena *arena = arena_create();
    Search *search = ARENA_NEW(arena, Search, 1);
    int status = 0;
    if (!search) {
        arena_free(arena);
        return error_memory(err);
    }
    *search = (Search){.config = config, .train = train, .optim = optim, .val = val, .pool = pool};
    pool_run(pool, RATES * LAMBDAS, train_setting, search);
    *found = search->outcomes[0].found;
    for (int i = 0; status == 0 && i < RATES * LAMBDAS; i++) {
        const Outcome *outcome = &search->outcomes[i];
        if (outcome->status != 0) {
            if (err)
                *err = outcome->err;
            status = -1;
        } else if (outcome->found.n_correct > found->n_correct) {
            *found = outcome->found;
        }
    }
    arena_free(arena);
    return status;
}
