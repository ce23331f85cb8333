/* pretrain_keys.c: the table of keys (pretrain_keys.h), and the help made from it. */
#include "experiments/pretrain/pretrain_keys.h"

#include "experiments/config/config_keys.h"
#include "experiments/pretrain/pretrain_config.h"

#include <assert.h>
#include <string.h>

#define AT(field) offsetof(PretrainConfig, field)
#define OF_PAIRS(field) offsetof(PairSpec, field)

static_assert(sizeof(LrScheduler) == sizeof(int) && sizeof(PretrainOptimizer) == sizeof(int) &&
                  sizeof(ClipActivation) == sizeof(int) && sizeof(Precision) == sizeof(int),
              "enums are stored as int");

static const KeySpec top_keys[] = {
    {"name", KEY_TEXT, 0, AT(name), .help = "title of the page (default: the file's name)"},
    {"output", KEY_PATH, 0, AT(output), .help = "folder of all that is written (default: runs/NAME)"},
    {"model", KEY_SECTION, KEY_REQUIRED, 0, .help = "what is trained"},
    {"data", KEY_SECTION, KEY_REQUIRED, 0, .help = "the pairs"},
    {"optim", KEY_SECTION, 0, 0, .help = "how it is trained"},
    {"augment", KEY_SECTION, 0, 0, .help = "crops of training images; none: the test transform"},
    {"lock", KEY_SECTION, 0, 0, .help = "what is not trained"},
    {"shuffle", KEY_BOOL, 0, AT(shuffle), .fallback = "true", .help = "a new order of the pairs every epoch"},
    {"seed", KEY_INT, 0, AT(seed), .low = 0, .high = 2147483647, .fallback = "0",
     .help = "of new weights, order, crops and captions"},
    {"val_frequency", KEY_INT, 0, AT(val_frequency), .low = 0, .high = 1e6, .fallback = "1",
     .help = "epochs from one evaluation on data.val to the next,\nand at the end; 0: never"},
    {"zeroshot_frequency", KEY_INT, 0, AT(zeroshot_frequency), .low = 0, .high = 1e6, .fallback = "2",
     .help = "the same for data.zeroshot"},
    {"save_frequency", KEY_INT, 0, AT(save_frequency), .low = 0, .high = 1e6, .fallback = "1",
     .help = "checkpoints of every so many epochs are kept, and\nthe last; 0: the last alone"},
    {"save_most_recent", KEY_INT, 0, AT(save_most_recent), .low = 0, .high = 1e6, .fallback = "0",
     .help = "beside those, the newest so many of all epochs"},
    {"state_seconds", KEY_INT, 0, AT(state_seconds), .low = 0, .high = 1e6, .fallback = "600",
     .help = "at most so much is lost when the machine fails\n(0: saved after each step)"},
    {"memory_budget", KEY_BYTES, 0, AT(memory_budget), .low = 1 << 24, .high = 1e15, .word = "auto",
     .fallback = "auto", .help = "for activations; auto: a quarter of the memory,\nat most 3 GiB"},
};

static const KeySpec model_keys[] = {
    {"config", KEY_PATH, 0, AT(model.config),
     .help = "from scratch: a model config of OpenCLIP\n(ViT-B-32.json, open_clip_config.json)"},
    {"weights", KEY_PATH, 0, AT(model.weights),
     .help = "go on from this checkpoint: a file, its folder,\nor a name (coop models)"},
    {"vocab", KEY_PATH, 0, AT(model.vocab), .word = "auto", .fallback = "auto",
     .help = "merges file; auto looks beside config or weights"},
    {"activation", KEY_CHOICE, 0, AT(model.activation), .choices = "auto|quick_gelu|gelu", .fallback = "auto",
     .help = "of weights, where their config does not tell"},
    {"heads", KEY_INT, 0, AT(model.heads), .low = 1, .high = 1024, .word = "auto", .fallback = "auto",
     .help = "of their image tower, likewise"},
    {"precision", KEY_CHOICE, 0, AT(model.precision), .choices = "float32|bfloat16|auto",
     .fallback = "float32", .help = "of products; weights stay float32"},
};

static const KeySpec data_keys[] = {
    {"train", KEY_SECTION, KEY_REQUIRED, 0, .help = "pairs to train on"},
    {"val", KEY_SECTION, 0, 0, .help = "pairs to evaluate on: loss, recall, ranks"},
    {"zeroshot", KEY_SECTION, 0, 0, .help = "labelled images: zero-shot accuracy"},
};

static const KeySpec pair_keys[] = {
    {"csv", KEY_PATH, 0, OF_PAIRS(csv), .help = "a table with a column of paths and one of captions"},
    {"separator", KEY_TEXT, KEY_TAB, OF_PAIRS(separator), .fallback = "\"\\t\"", .help = "of its columns"},
    {"image_key", KEY_TEXT, 0, OF_PAIRS(image_key), .fallback = "filepath", .help = "the column of paths"},
    {"caption_key", KEY_TEXT, 0, OF_PAIRS(caption_key), .fallback = "title",
     .help = "the column of captions"},
    {"root", KEY_PATH, 0, OF_PAIRS(root), .help = "the folder that paths start from\n(default: the table's)"},
    {"webdataset", KEY_TEXT, 0, OF_PAIRS(webdataset),
     .help = "instead: tar files, \"shards/{000..099}.tar\",\nseveral joined by ::"},
    {"dataset", KEY_SECTION, 0, 0, .help = "instead: labelled images, as in an experiment"},
    {"templates", KEY_TEXT, KEY_LIST | KEY_TEMPLATES, OF_PAIRS(templates), .fallback = "default",
     .help = "their captions, one of these drawn each epoch:\ndefault, ensemble, texts with {}, or files"},
};

static const KeySpec zeroshot_keys[] = {
    {"dataset", KEY_SECTION, KEY_REQUIRED, 0, .help = "its test images, as in an experiment"},
    {"templates", KEY_TEXT, KEY_LIST | KEY_TEMPLATES, OF_PAIRS(templates), .fallback = "default",
     .help = "of the prompts, whose features are averaged"},
};

static const KeySpec optim_keys[] = {
    {"name", KEY_CHOICE, 0, AT(optim.name), .choices = "adamw|sgd", .fallback = "adamw",
     .help = "gains, biases and the temperature are not decayed"},
    {"lr", KEY_REAL, KEY_ABOVE, AT(optim.lr), .low = 0, .high = 1e6, .fallback = "5.0e-4",
     .help = "the highest learning rate"},
    {"beta1", KEY_REAL, KEY_BELOW, AT(optim.beta1), .low = 0, .high = 1, .fallback = "0.9",
     .help = "of adamw"},
    {"beta2", KEY_REAL, KEY_ABOVE | KEY_BELOW, AT(optim.beta2), .low = 0, .high = 1, .word = "auto",
     .fallback = "auto", .help = "auto: 0.98 for a ViT, 0.999 for a ResNet"},
    {"eps", KEY_REAL, KEY_ABOVE, AT(optim.eps), .low = 0, .high = 1, .word = "auto", .fallback = "auto",
     .help = "auto: 1e-6 for a ViT, 1e-8 for a ResNet"},
    {"momentum", KEY_REAL, KEY_BELOW, AT(optim.momentum), .low = 0, .high = 1, .fallback = "0.9",
     .help = "of sgd"},
    {"weight_decay", KEY_REAL, 0, AT(optim.weight_decay), .low = 0, .high = 1e3, .fallback = "0.2",
     .help = "decoupled for adamw, an L2 term for sgd"},
    {"warmup", KEY_INT, 0, AT(optim.warmup), .low = 0, .high = 2e9, .fallback = "10000",
     .help = "steps in which the rate grows to lr"},
    {"lr_scheduler", KEY_CHOICE, 0, AT(optim.lr_scheduler), .choices = "cosine|const|const-cooldown",
     .fallback = "cosine", .help = "after that"},
    {"epochs", KEY_INT, 0, AT(optim.epochs), .low = 1, .high = 1e6, .fallback = "32",
     .help = "times that every pair is seen"},
    {"epochs_cooldown", KEY_INT, 0, AT(optim.epochs_cooldown), .low = 1, .high = 1e6,
     .help = "const-cooldown: the last so many are its end"},
    {"lr_cooldown_end", KEY_REAL, 0, AT(optim.lr_cooldown_end), .low = 0, .high = 1e6, .fallback = "0",
     .help = "the rate to which it falls"},
    {"lr_cooldown_power", KEY_REAL, KEY_ABOVE, AT(optim.lr_cooldown_power), .low = 0, .high = 1e3,
     .fallback = "1", .help = "of the polynomial by which it does"},
    {"batch_size", KEY_INT, 0, AT(optim.batch_size), .low = 1, .high = 1e6, .fallback = "64",
     .help = "pairs that are encoded together"},
    {"accum_freq", KEY_INT, 0, AT(optim.accum_freq), .low = 1, .high = 1e6, .fallback = "1",
     .help = "batches of one step: exactly the gradient of the\nlarge batch, in the memory of a small one"},
    {"parts", KEY_INT, 0, AT(optim.parts), .low = 1, .high = PRETRAIN_MOST_PARTS, .fallback = "1",
     .help = "into which these batches fall: up to so many ranks\nshare a step; the number is part of the "
             "result"},
    {"grad_clip_norm", KEY_REAL, KEY_ABOVE, AT(optim.grad_clip_norm), .low = 0, .high = 1e9, .word = "none",
     .fallback = "none", .help = "longer gradients are cut to this length"},
};

static const KeySpec augment_keys[] = {
    {"scale", KEY_REAL, KEY_LIST | KEY_ABOVE, AT(augment.scale), .low = 0, .high = 1, .fallback = "[0.9,1.0]",
     .help = "a random crop has this share of the area;\nits sides are 3/4 to 4/3"},
};

static const KeySpec lock_keys[] = {
    {"image", KEY_BOOL, 0, AT(lock.image), .fallback = "false",
     .help = "the image tower, with its batch norms' statistics"},
    {"image_unlocked_groups", KEY_INT, 0, AT(lock.image_unlocked_groups), .low = 0, .high = 1000,
     .fallback = "0",
     .help = "but for its last so many groups: projection, last\nblock, block before, ... (ViT)"},
    {"text", KEY_BOOL, 0, AT(lock.text), .fallback = "false", .help = "the text tower"},
};

static const KeyGroup top_group = KEY_GROUP(top_keys), model_group = KEY_GROUP(model_keys),
                      data_group = KEY_GROUP(data_keys), pair_group = KEY_GROUP(pair_keys),
                      zeroshot_group = KEY_GROUP(zeroshot_keys), optim_group = KEY_GROUP(optim_keys),
                      augment_group = KEY_GROUP(augment_keys), lock_group = KEY_GROUP(lock_keys);

static const SectionSpec sections[] = {
    {"", "top level", {&top_group}},
    {"model", "config or weights", {&model_group}},
    {"data", NULL, {&data_group}},
    {"data.train", "csv, webdataset or dataset; data.val takes the same", {&pair_group}},
    {"data.zeroshot", NULL, {&zeroshot_group}},
    {"optim", NULL, {&optim_group}},
    {"augment", NULL, {&augment_group}},
    {"lock", NULL, {&lock_group}},
};
enum { N_SECTIONS = sizeof sections / sizeof *sections };

const SectionSpec *pretrain_section_at(const void *context, int index) {
    (void)context;
    return index < N_SECTIONS ? &sections[index] : NULL;
}

const SectionSpec *pretrain_section(const char *name) {
    for (int i = 0; i < N_SECTIONS; i++)
        if (strcmp(sections[i].name, name) == 0)
            return &sections[i];
    return NULL;
}

void pretrain_help(FILE *out) {
    fprintf(out, "Keys of its file (key, type, default, meaning):\n");
    for (int i = 0; i < N_SECTIONS; i++)
        section_help(out, &sections[i]);
}
