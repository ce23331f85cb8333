/* config_keys.c: the table of keys (config_keys.h), and the help made from it. Those of the methods are with
 * the methods. */
#include "experiments/config/config_keys.h"

#include "experiments/config/experiment.h"

#include <assert.h>
#include <stddef.h>
#include <string.h>

#define AT(field) offsetof(Experiment, field)

static_assert(sizeof(Schedule) == sizeof(int) && sizeof(ClipActivation) == sizeof(int) &&
                  sizeof(Precision) == sizeof(int) && sizeof(ExifUse) == sizeof(int) &&
                  sizeof(OptimizerKind) == sizeof(int) && sizeof(Warmup) == sizeof(int),
              "enums are stored as int");

static const KeySpec top_keys[] = {
    {"name", KEY_TEXT, 0, AT(name), .help = "title of tables (default: the file's name)"},
    {"output", KEY_PATH, 0, AT(output), .help = "folder of results and runs (default: runs/NAME)"},
    {"model", KEY_SECTION, KEY_REQUIRED | KEY_EACH, 0, .help = "the checkpoint, or several"},
    {"dataset", KEY_SECTION, KEY_REQUIRED | KEY_EACH, 0, .help = "the images, or several sets of them"},
    {"grid", KEY_SECTION, 0, 0, .help = "shots and seeds"},
    {"methods", KEY_METHODS, KEY_REQUIRED, 0, .help = "what is compared"},
    {"transfer", KEY_TARGETS, 0, 0,
     .help = "other datasets to test on: names, or keys of\ndataset that differ"},
    {"optim", KEY_SECTION, 0, 0, .help = "how prompts are trained"},
    {"augment", KEY_SECTION, 0, 0, .help = "views of training images"},
    {"outputs", KEY_SECTION, 0, 0, .help = "further files of each run"},
    {"memory_budget", KEY_BYTES, 0, AT(memory_budget), .low = 1 << 24, .high = 1e15, .word = "auto",
     .fallback = "auto", .help = "for activations; auto: a quarter of the memory,\nat most 3 GiB"},
    {"parallel", KEY_CHOICE, 0, AT(parallel), .choices = PARALLELS, .fallback = "auto",
     .help = "what several ranks share: points, or the classes\n"
             "of each training; auto: what is faster"},
    {"cache", KEY_PATH, 0, AT(cache), .help = "folder of encoded images (default: OUTPUT/cache)"},
};

static const KeySpec model_keys[] = {
    {"weights", KEY_PATH, KEY_REQUIRED | KEY_EACH, AT(model.weights),
     .help = "a CLIP checkpoint, the folder of one, or a name\n(coop models)"},
    {"vocab", KEY_PATH, 0, AT(model.vocab), .word = "auto", .fallback = "auto",
     .help = "merges file; auto looks beside the weights"},
    {"activation", KEY_CHOICE, 0, AT(model.activation), .choices = "auto|quick_gelu|gelu", .fallback = "auto",
     .help = "auto: as the config beside the weights says,\n"
             "else quick_gelu, as OpenAI's models have it"},
    {"heads", KEY_INT, 0, AT(model.heads), .low = 1, .high = 1024, .word = "auto", .fallback = "auto",
     .help =
         "of the image tower; auto: as its config says,\nelse as published models of its width have them"},
    {"precision", KEY_CHOICE, 0, AT(model.precision), .choices = "float32|bfloat16|auto",
     .fallback = "float32",
     .help = "of products with weights. bfloat16 is faster\n"
             "where the processor has AMX or AVX-512 BF16;\n"
             "auto: bfloat16 there, else float32"},
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
    {"exif", KEY_CHOICE, 0, AT(dataset.exif), .choices = "ignore|rotate", .fallback = "ignore",
     .help = "rotate: photos are turned upright first, as\n"
             "their camera noted; ignore: as the original\n"
             "code reads them. `coop init` writes rotate"},
    {"features", KEY_PATH, 0, AT(dataset.features),
     .help = "known name, split: a folder of train, val and\n"
             "test.npz as CoOp's lpclip writes them: no image\n"
             "is read, they are taken for the model's"},
    {"original_caches", KEY_BOOL, 0, AT(dataset.original_caches), .fallback = "false",
     .help = "known name: lists that the original has kept go\n"
             "first, split_fewshot/shot_N-seed_S.pkl and\n"
             "ImageNet's preprocessed.pkl"},
};

static const KeySpec grid_keys[] = {
    {"num_shots", KEY_INT, KEY_LIST, AT(grid.num_shots), .low = 1, .high = 1e6, .word = "all",
     .fallback = "[1,2,4,8,16]", .help = "training images per class; all: the whole split"},
    {"seed", KEY_INT, KEY_LIST, AT(grid.seed), .low = 0, .high = 2147483647, .fallback = "[1,2,3]",
     .help = "of the few-shot draw, the start and the order"},
};

static const KeySpec optim_keys[] = {
    {"name", KEY_CHOICE, 0, AT(optim.optimizer), .choices = "sgd|adamw|adam|amsgrad|rmsprop|radam",
     .fallback = "sgd",
     .help = "SGD with momentum, or others as CoOp's code has\n"
             "them; not of methods with an optimizer key"},
    {"lr", KEY_REAL, KEY_ABOVE, AT(optim.lr), .low = 0, .high = 1e3, .fallback = "0.002",
     .help = "learning rate"},
    {"momentum", KEY_REAL, KEY_BELOW, AT(optim.momentum), .low = 0, .high = 1, .fallback = "0.9",
     .help = "of the velocity (sgd, rmsprop)"},
    {"weight_decay", KEY_REAL, 0, AT(optim.weight_decay), .low = 0, .high = 1e3, .fallback = "5.0e-4",
     .help = "L2 term of the gradient"},
    {"beta1", KEY_REAL, KEY_BELOW | KEY_LATER, AT(optim.beta1), .low = 0, .high = 1, .fallback = "0.9",
     .help = "of adam, adamw, amsgrad and radam"},
    {"beta2", KEY_REAL, KEY_BELOW | KEY_LATER, AT(optim.beta2), .low = 0, .high = 1, .fallback = "0.999",
     .help = "of the same"},
    {"alpha", KEY_REAL, KEY_BELOW | KEY_LATER, AT(optim.alpha), .low = 0, .high = 1, .fallback = "0.99",
     .help = "of rmsprop"},
    {"max_epoch", KEY_INT, 0, AT(optim.max_epoch), .low = 1, .high = 1e6, .word = "auto", .fallback = "auto",
     .help = "auto: 50, 100 from 2 shots, 200 from 5"},
    {"batch_size", KEY_INT, 0, AT(optim.batch_size), .low = 1, .high = 1e6, .fallback = "32",
     .help = "images per step; an incomplete batch is dropped"},
    {"lr_scheduler", KEY_CHOICE, 0, AT(optim.lr_scheduler), .choices = "cosine|constant|step",
     .fallback = "cosine", .help = "after the warm-up"},
    {"step_epochs", KEY_INT, KEY_LATER, AT(optim.step_epochs), .low = 0, .high = 1e6, .fallback = "0",
     .help = "step: every so many epochs (0: never)"},
    {"milestones", KEY_TEXT, KEY_LATER, AT(optim.milestones), .fallback = "\"\"",
     .help = "step: and after so many epochs each, as \"30 60\""},
    {"gamma", KEY_REAL, KEY_LATER, AT(optim.gamma), .low = 0, .high = 1e3, .fallback = "0.1",
     .help = "step: what the rate is multiplied by"},
    {"warmup_epoch", KEY_INT, 0, AT(optim.warmup_epoch), .low = 0, .high = 1e6, .fallback = "1",
     .help = "epochs of warm-up"},
    {"warmup_cons_lr", KEY_REAL, 0, AT(optim.warmup_cons_lr), .low = 0, .high = 1e3, .fallback = "1.0e-5",
     .help = "learning rate of the warm-up"},
    {"warmup_type", KEY_CHOICE, KEY_LATER, AT(optim.warmup_type), .choices = "constant|linear",
     .fallback = "constant", .help = "linear: from the second epoch on up to lr"},
    {"shuffle", KEY_BOOL, 0, AT(optim.shuffle), .fallback = "true",
     .help = "a fresh order of the images every epoch"},
};

static const KeySpec augment_keys[] = {
    {"views", KEY_INT, 0, AT(augment.views), .low = 0, .high = 1e5, .fallback = "0",
     .help = "random crops per training image; 0: centre crop"},
};

static const KeySpec outputs_keys[] = {
    {"logits", KEY_BOOL, 0, AT(outputs.logits), .fallback = "false", .help = "write test_logits.safetensors"},
    {"report", KEY_BOOL, 0, AT(outputs.report), .fallback = "true", .help = "write report.html at the end"},
};

static const KeyGroup top_group = KEY_GROUP(top_keys), model_group = KEY_GROUP(model_keys),
                      dataset_group = KEY_GROUP(dataset_keys), grid_group = KEY_GROUP(grid_keys),
                      optim_group = KEY_GROUP(optim_keys), augment_group = KEY_GROUP(augment_keys),
                      outputs_group = KEY_GROUP(outputs_keys);

static const SectionSpec sections[] = {
    {"", "top level", {&top_group}},
    {"model", NULL, {&model_group}},
    {"dataset", "a known name with root, or own data with format", {&dataset_group}},
    {"grid", "every list is a dimension", {&grid_group}},
    {"optim", NULL, {&optim_group}}, /* the methods stand before it */
    {"augment", NULL, {&augment_group}},
    {"outputs", NULL, {&outputs_group}},
};
enum { N_SECTIONS = sizeof sections / sizeof *sections, FIRST_BEHIND_METHODS = 4 };

const SectionSpec *section_at(const MethodList *methods, int index) {
    if (index < FIRST_BEHIND_METHODS)
        return &sections[index];
    if (index < FIRST_BEHIND_METHODS + methods->n)
        return &methods->specs[index - FIRST_BEHIND_METHODS]->section;
    index -= methods->n;
    return index < N_SECTIONS ? &sections[index] : NULL;
}

const SectionSpec *section_find(const char *name) {
    for (int i = 0; i < N_SECTIONS; i++)
        if (strcmp(sections[i].name, name) == 0)
            return &sections[i];
    return NULL;
}

static void print_key(FILE *out, const KeySpec *key) {
    char type[KEY_TYPE_TEXT];
    key_type_text(key, type, sizeof type);
    const char *fallback = key->flags & KEY_REQUIRED ? "required" : key->fallback ? key->fallback : "-";
    fprintf(out, "  %-20s  %-22s", key->name, type);
    if (strlen(type) > 22) /* many choices: the rest has a line of its own */
        fprintf(out, "\n%46s", "");
    fprintf(out, "  %-12s  ", fallback);
    for (const char *line = key->help; line;) {
        const char *end = strchr(line, '\n');
        fprintf(out, "%.*s\n", end ? (int)(end - line) : (int)strlen(line), line);
        line = end ? end + 1 : NULL;
        if (line)
            fprintf(out, "%*s", 62, "");
    }
}

void section_help(FILE *out, const SectionSpec *section) {
    fprintf(out, "\n%s%s%s%s\n", section->name, *section->name ? ":" : "",
            *section->name && section->help ? "  # " : "", section->help ? section->help : "");
    const KeySpec *key;
    for (int k = 0; (key = section_key_at(section, k)); k++)
        print_key(out, key);
}

void experiment_help(FILE *out, const MethodList *methods) {
    fprintf(out, "Keys of an experiment file (key, type, default, meaning):\n");
    const SectionSpec *section;
    for (int i = 0; (section = section_at(methods, i)); i++)
        section_help(out, section);
}
