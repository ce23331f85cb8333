/* config_keys.c: the table of keys (config_keys.h), and the help made from it. */
#include "experiments/config_keys.h"

#include <stddef.h>
#include <string.h>

#define COUNT(array) ((int)(sizeof(array) / sizeof((array)[0])))
#define AT(field) offsetof(Experiment, field)
#define IN_METHOD(field) offsetof(MethodSpec, field)

static const KeySpec top_keys[] = {
    {"name", KEY_TEXT, 0, AT(name), .help = "title of tables (default: the file's name)"},
    {"output", KEY_PATH, 0, AT(output), .help = "folder of results and runs (default: runs/NAME)"},
    {"model", KEY_SECTION, KEY_REQUIRED, 0, .help = "the checkpoint"},
    {"dataset", KEY_SECTION, KEY_REQUIRED, 0, .help = "the images"},
    {"grid", KEY_SECTION, 0, 0, .help = "shots and seeds"},
    {"methods", KEY_METHODS, KEY_REQUIRED, 0, .help = "what is compared"},
    {"transfer", KEY_TARGETS, 0, 0,
     .help = "other datasets to test on: names, or keys of\ndataset that differ"},
    {"optim", KEY_SECTION, 0, 0, .help = "how prompts are trained"},
    {"augment", KEY_SECTION, 0, 0, .help = "views of training images"},
    {"outputs", KEY_SECTION, 0, 0, .help = "further files of each run"},
    {"memory_budget", KEY_BYTES, 0, AT(memory_budget), .low = 1 << 24, .high = 1e15, .word = "auto",
     .fallback = "auto", .help = "for activations; auto: a quarter of the memory"},
    {"cache", KEY_PATH, 0, AT(cache), .help = "folder of encoded images (default: OUTPUT/cache)"},
};

static const KeySpec model_keys[] = {
    {"weights", KEY_PATH, KEY_REQUIRED | KEY_EACH, AT(model.weights),
     .help = "a CLIP checkpoint, or the folder of one"},
    {"vocab", KEY_PATH, 0, AT(model.vocab), .word = "auto", .fallback = "auto",
     .help = "merges file; auto looks beside the weights"},
    {"activation", KEY_CHOICE, 0, AT(model.activation), .choices = "auto|quick_gelu|gelu", .fallback = "auto",
     .help = "auto: as the config beside the weights says,\n"
             "else quick_gelu, as OpenAI's models have it"},
};

static const KeySpec dataset_keys[] = {
    {"name", KEY_TEXT, KEY_EACH, AT(dataset.name), .help = "a known dataset, or with format any name"},
    {"root", KEY_PATH, 0, AT(dataset.root), .help = "known name: the folder of all datasets"},
    {"format", KEY_TEXT, 0, AT(dataset.format), .choices = "folder|split|csv",
     .help = "own data: how it is kept"},
    {"images", KEY_PATH, 0, AT(dataset.images),
     .help = "folder: all images, a subfolder per class;\n"
             "split, csv: the folder that paths start from"},
    {"train", KEY_PATH, 0, AT(dataset.train), .help = "folder: instead of images, those to train on"},
    {"val", KEY_PATH, 0, AT(dataset.val), .help = "folder: those for validation (may be absent)"},
    {"test", KEY_PATH, 0, AT(dataset.test), .help = "folder: those to test on"},
    {"split", KEY_PATH, 0, AT(dataset.split), .help = "split: a JSON file as split_zhou_*.json"},
    {"csv", KEY_PATH, 0, AT(dataset.csv), .help = "csv: columns path, class or label, maybe split"},
    {"p_trn", KEY_REAL, KEY_ABOVE | KEY_BELOW, AT(dataset.p_trn), .low = 0, .high = 1, .fallback = "0.5",
     .help = "folder with images, csv without split: the share\n"
             "of each class to train on, drawn at random"},
    {"p_val", KEY_REAL, KEY_BELOW, AT(dataset.p_val), .low = 0, .high = 1, .fallback = "0.2",
     .help = "and that for validation; the rest is for testing"},
    {"split_seed", KEY_INT, 0, AT(dataset.split_seed), .low = 0, .high = 2147483647, .fallback = "1",
     .help = "of that draw"},
    {"class_names", KEY_PATH, 0, AT(dataset.class_names),
     .help = "own data: names for prompts; a line per class:\n"
             "folder or name in the list, a tab, new name"},
    {"template", KEY_TEXT, 0, AT(dataset.template),
     .help = "the default prompt, {} for the class (default:\n"
             "that of a known name, or \"a photo of a {}.\")"},
    {"subsample_classes", KEY_TEXT, 0, AT(dataset.subsample_classes), .choices = "all|base|new",
     .fallback = "all", .help = "first half of the classes, second, or all"},
};

static const KeySpec grid_keys[] = {
    {"num_shots", KEY_INT, KEY_LIST, AT(grid.num_shots), .low = 1, .high = 1e6, .word = "all",
     .fallback = "[1,2,4,8,16]", .help = "training images per class; all: the whole split"},
    {"seed", KEY_INT, KEY_LIST, AT(grid.seed), .low = 0, .high = 2147483647, .fallback = "[1,2,3]",
     .help = "of the few-shot draw, the start and the order"},
};

static const KeySpec optim_keys[] = {
    {"name", KEY_TEXT, 0, KEY_NOWHERE, .choices = "sgd", .fallback = "sgd", .help = "SGD with momentum"},
    {"lr", KEY_REAL, KEY_ABOVE, AT(optim.lr), .low = 0, .high = 1e3, .fallback = "0.002",
     .help = "learning rate"},
    {"momentum", KEY_REAL, KEY_BELOW, AT(optim.momentum), .low = 0, .high = 1, .fallback = "0.9",
     .help = "of the velocity"},
    {"weight_decay", KEY_REAL, 0, AT(optim.weight_decay), .low = 0, .high = 1e3, .fallback = "5.0e-4",
     .help = "L2 term of the gradient"},
    {"max_epoch", KEY_INT, 0, AT(optim.max_epoch), .low = 1, .high = 1e6, .word = "auto", .fallback = "auto",
     .help = "auto: 50, 100 from 2 shots, 200 from 5"},
    {"batch_size", KEY_INT, 0, AT(optim.batch_size), .low = 1, .high = 1e6, .fallback = "32",
     .help = "images per step; an incomplete batch is dropped"},
    {"lr_scheduler", KEY_CHOICE, 0, AT(optim.lr_scheduler), .choices = "cosine|constant",
     .fallback = "cosine", .help = "after the warm-up"},
    {"warmup_epoch", KEY_INT, 0, AT(optim.warmup_epoch), .low = 0, .high = 1e6, .fallback = "1",
     .help = "epochs of constant warm-up"},
    {"warmup_cons_lr", KEY_REAL, 0, AT(optim.warmup_cons_lr), .low = 0, .high = 1e3, .fallback = "1.0e-5",
     .help = "learning rate of the warm-up"},
    {"shuffle", KEY_BOOL, 0, AT(optim.shuffle), .fallback = "true",
     .help = "a fresh order of the images every epoch"},
};

static const KeySpec augment_keys[] = {
    {"views", KEY_INT, 0, AT(augment.views), .low = 0, .high = 1e5, .fallback = "0",
     .help = "random crops per training image; 0: centre crop"},
};

static const KeySpec outputs_keys[] = {
    {"logits", KEY_BOOL, 0, AT(outputs.logits), .fallback = "false", .help = "write test_logits.safetensors"},
};

static const KeySpec zeroshot_keys[] = {
    {"name", KEY_TEXT, 0, IN_METHOD(name), .help = "label in tables"},
    {"templates", KEY_TEXT, KEY_LIST, IN_METHOD(templates), .fallback = "default",
     .help = "together one ensemble: default (the dataset's),\n"
             "ensemble (seven for ImageNet), a text with {}\n"
             "for the class, a file of such texts"},
};

static const KeySpec linear_probe_keys[] = {
    {"name", KEY_TEXT, 0, IN_METHOD(name), .help = "label in tables"},
};

static const KeySpec coop_keys[] = {
    {"name", KEY_TEXT, 0, IN_METHOD(name), .help = "label in tables"},
    {"n_ctx", KEY_INT, KEY_LIST, IN_METHOD(n_ctx), .low = 1, .high = 1000, .fallback = "16",
     .help = "M, the number of context vectors"},
    {"class_token_position", KEY_CHOICE, KEY_LIST, IN_METHOD(class_token_position),
     .choices = "end|middle|front", .fallback = "end", .help = "where the class name stands"},
    {"csc", KEY_BOOL, KEY_LIST, IN_METHOD(csc), .fallback = "false",
     .help = "contexts of its own for each class"},
    {"ctx_init", KEY_TEXT, KEY_LIST, IN_METHOD(ctx_init), .fallback = "\"\"",
     .help = "words, or FILE.safetensors; \"\" is random"},
    {"lr", KEY_REAL, KEY_LIST | KEY_ABOVE, IN_METHOD(lr), .low = 0, .high = 1e3,
     .help = "instead of optim.lr"},
    {"max_epoch", KEY_INT, KEY_LIST, IN_METHOD(max_epoch), .low = 1, .high = 1e6, .word = "auto",
     .help = "instead of optim.max_epoch"},
};

static const SectionSpec sections[] = {
    {"", top_keys, COUNT(top_keys), "top level"},
    {"model", model_keys, COUNT(model_keys), NULL},
    {"dataset", dataset_keys, COUNT(dataset_keys), "a known name with root, or own data with format"},
    {"grid", grid_keys, COUNT(grid_keys), "every list is a dimension"},
    {"zeroshot", zeroshot_keys, COUNT(zeroshot_keys), "a method: hand-written prompts"},
    {"linear_probe", linear_probe_keys, COUNT(linear_probe_keys),
     "a method: logistic regression on image features"},
    {"coop", coop_keys, COUNT(coop_keys), "a method: learned prompts; every list is a dimension"},
    {"optim", optim_keys, COUNT(optim_keys), NULL},
    {"augment", augment_keys, COUNT(augment_keys), NULL},
    {"outputs", outputs_keys, COUNT(outputs_keys), NULL},
};

const SectionSpec *section_at(int index) {
    return index >= 0 && index < COUNT(sections) ? &sections[index] : NULL;
}

const SectionSpec *section_find(const char *name) {
    for (int i = 0; i < COUNT(sections); i++)
        if (strcmp(sections[i].name, name) == 0)
            return &sections[i];
    return NULL;
}

const KeySpec *section_key(const SectionSpec *section, const char *name) {
    for (int i = 0; i < section->n_keys; i++)
        if (strcmp(section->keys[i].name, name) == 0)
            return &section->keys[i];
    return NULL;
}

void key_type_text(const KeySpec *key, char *out, size_t size) {
    static const char *const types[] = {
        "text", "path",        "integer",    "number",          "true or false",
        NULL,   "bytes, 4GiB", "keys below", "list of methods", "list of datasets"};
    const char *type = key->choices ? key->choices : types[key->type];
    snprintf(out, size, "%s%s%s%s", type, key->word ? "|" : "", key->word ? key->word : "",
             key->flags & (KEY_LIST | KEY_EACH) ? ", list" : "");
}

static void print_key(FILE *out, const KeySpec *key) {
    char type[64];
    key_type_text(key, type, sizeof type);
    const char *fallback = key->flags & KEY_REQUIRED ? "required" : key->fallback ? key->fallback : "-";
    fprintf(out, "  %-20s  %-22s  %-12s  ", key->name, type, fallback);
    for (const char *line = key->help; line;) {
        const char *end = strchr(line, '\n');
        fprintf(out, "%.*s\n", end ? (int)(end - line) : (int)strlen(line), line);
        line = end ? end + 1 : NULL;
        if (line)
            fprintf(out, "%*s", 62, "");
    }
}

void experiment_help(FILE *out) {
    fprintf(out, "Keys of an experiment file (key, type, default, meaning):\n");
    for (int i = 0; i < COUNT(sections); i++) {
        const SectionSpec *section = &sections[i];
        fprintf(out, "\n%s%s%s%s\n", section->name, *section->name ? ":" : "",
                *section->name && section->help ? "  # " : "", section->help ? section->help : "");
        for (int k = 0; k < section->n_keys; k++)
            print_key(out, &section->keys[k]);
    }
}
