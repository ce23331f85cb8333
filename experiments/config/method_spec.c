/* method_spec.c: the keys that several methods have. */
#include "experiments/config/method_spec.h"

static const KeySpec name_key[] = {
    {"name", KEY_TEXT, 0, offsetof(MethodOptions, name), .help = "label in tables"},
};

static const KeySpec templates_key[] = {
    {"templates", KEY_TEXT, KEY_LIST | KEY_TEMPLATES, offsetof(MethodOptions, templates),
     .fallback = "default",
     .help = "together one ensemble: default (the dataset's),\n"
             "ensemble (seven for ImageNet), a text with {}\n"
             "for the class, a file of such texts"},
};

static const KeySpec optim_keys[] = {
    {"lr", KEY_REAL, KEY_LIST | KEY_ABOVE | KEY_OPTIM, offsetof(MethodOptions, lr), .low = 0, .high = 1e3,
     .help = "instead of optim.lr"},
    {"max_epoch", KEY_INT, KEY_LIST | KEY_OPTIM, offsetof(MethodOptions, max_epoch), .low = 1, .high = 1e6,
     .word = "auto", .help = "instead of optim.max_epoch"},
};

const KeyGroup method_name_key = KEY_GROUP(name_key);
const KeyGroup method_templates_key = KEY_GROUP(templates_key);
const KeyGroup method_optim_keys = KEY_GROUP(optim_keys);
