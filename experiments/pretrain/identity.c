/* identity.c: see identity.h
 *
 * What is left out may change from one start to the next: name, output, memory_budget, state_seconds, which
 * checkpoints are kept, and how files are called.
 */
#include "experiments/pretrain/identity.h"

#include "clip/base/files.h"
#include "clip/checkpoint/locate.h"
#include "clip/tensors/tensors_open.h"
#include "experiments/config/config_values.h"
#include "experiments/pretrain/pretrain_keys.h"

#include <string.h>

typedef struct {
    Buffer out;
    Arena *arena;
} Identity;

/* All keys of a section but those left out. */
static void add_section(Identity *identity, const char *name, const void *base, const char *const *left_out) {
    const SectionSpec *section = pretrain_section(name);
    const KeySpec *key;
    for (int i = 0; (key = section_key_at(section, i)); i++) {
        bool skip = false;
        for (int k = 0; left_out[k]; k++)
            skip |= strcmp(left_out[k], key->name) == 0;
        if (skip)
            continue;
        const char *value = key_value_text(key, (const char *)base + key->offset, identity->arena);
        buffer_printf(&identity->out, "%s%s%s: %s\n", name, *name ? "." : "", key->name, value ? value : "");
    }
}

/* The epochs count where the rate depends on them: others can be added to a constant one. What auto stands
 * for is what counts. */
static void add_optim(Identity *identity, const PretrainSession *session) {
    static const char *const parts[] = {"parts", NULL}, *const constant[] = {"parts", "epochs", NULL};
    PretrainConfig in_use = *session->config;
    in_use.optim = session->optim;
    add_section(identity, "optim", &in_use, in_use.optim.lr_scheduler == LR_CONST ? constant : parts);
    if (in_use.optim.parts > 1)
        buffer_printf(&identity->out, "optim.parts: %d\n", in_use.optim.parts);
}

static int add_model(Identity *identity, const PretrainSession *session, Error *err) {
    const PretrainConfig *config = session->config;
    char digest[65];
    if (config->model.config) {
        size_t size;
        const char *text = file_read(config->model.config, 1 << 24, identity->arena, &size, err);
        if (!text)
            return -1;
        digest_bytes(digest, text, size);
        buffer_printf(&identity->out, "model.config: %s\n", digest);
    } else {
        const char *path = locate_weights(config->model.weights, identity->arena, err);
        TensorFile *file = path ? tensors_open(path, err) : NULL;
        if (!file)
            return -1;
        const char *is = tensors_digest(file);
        const int status = locate_check_digest(config->model.weights, path, is, err);
        buffer_printf(&identity->out, "model.weights: %s\n", is);
        tensors_close(file);
        if (status < 0)
            return -1;
    }
    static const char *const files[] = {"config", "weights", "vocab", "precision", NULL};
    add_section(identity, "model", config, files);
    buffer_printf(&identity->out, "model.vocab: %s\nmodel.precision: %s\n",
                  tokenizer_digest(session->tokenizer), precision_name(session->clip->precision));
    return 0;
}

static void add_texts(Identity *identity, const char *key, const char *const *texts, int n) {
    char digest[65];
    Buffer all = {0};
    for (int i = 0; i < n; i++)
        buffer_printf(&all, "%s\n", texts[i]);
    const char *text = buffer_text(&all);
    if (text)
        digest_bytes(digest, text, all.size);
    identity->out.failed |= !text;
    buffer_printf(&identity->out, "%s: %s\n", key, text ? digest : "");
    buffer_free(&all);
}

static void add_data(Identity *identity, const PretrainSession *session) {
    const PretrainConfig *config = session->config;
    const Dataset *dataset = &session->zeroshot.dataset;
    buffer_printf(&identity->out, "data.train: %s\n", pairs_digest(session->train));
    if (session->val)
        buffer_printf(&identity->out, "data.val: %s\nval_frequency: %d\n", pairs_digest(session->val),
                      config->val_frequency);
    if (!session->zeroshot.images)
        return;
    buffer_printf(&identity->out, "data.zeroshot: %s\nzeroshot_frequency: %d\n",
                  pairs_digest(session->zeroshot.images), config->zeroshot_frequency);
    add_texts(identity, "classes of data.zeroshot", dataset->class_names, dataset->n_classes);
    add_texts(identity, "data.zeroshot.templates", config->zeroshot.templates.values,
              config->zeroshot.templates.n);
}

const char *pretrain_identity(const PretrainSession *session, Error *err) {
    static const char *const none[] = {NULL};
    const PretrainConfig *config = session->config;
    Identity identity = {.arena = session->arena};
    if (add_model(&identity, session, err) < 0) {
        buffer_free(&identity.out);
        return NULL;
    }
    add_data(&identity, session);
    add_optim(&identity, session);
    if (config->augment.random)
        buffer_printf(&identity.out, "augment.scale: [%.17g, %.17g]\n", config->augment.scale.values[0],
                      config->augment.scale.values[1]);
    else
        buffer_printf(&identity.out, "augment.scale: no crops\n");
    add_section(&identity, "lock", config, none);
    buffer_printf(&identity.out, "shuffle: %s\nseed: %d\n", config->shuffle ? "true" : "false", config->seed);
    const char *text = buffer_take(&identity.out, session->arena);
    if (!text)
        error_memory(err);
    return text;
}
