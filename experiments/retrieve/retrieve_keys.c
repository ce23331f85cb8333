/* retrieve_keys.c: the table of keys (retrieve_keys.h), and the help made from it. */
#include "experiments/retrieve/retrieve_keys.h"

#include "experiments/config/config_keys.h"
#include "experiments/retrieve/retrieve_config.h"

#include <assert.h>

#define AT(field) offsetof(RetrieveConfig, field)

static_assert(sizeof(ClipActivation) == sizeof(int) && sizeof(Precision) == sizeof(int) &&
                  sizeof(ExifUse) == sizeof(int),
              "enums are stored as int");

static const KeySpec top_keys[] = {
    {"name", KEY_TEXT, 0, AT(name), .help = "title of the table (default: the file's name)"},
    {"output", KEY_PATH, 0, AT(output), .help = "folder of results (default: runs/NAME)"},
    {"model", KEY_SECTION, KEY_REQUIRED, 0, .help = "the checkpoints"},
    {"data", KEY_SECTION, KEY_REQUIRED, 0, .help = "images with their captions"},
    {"template", KEY_TEXT, 0, AT(template), .fallback = "\"{}\"",
     .help = "what is encoded, {} for the caption:\n\"a photo of {}\""},
    {"cache", KEY_PATH, 0, AT(cache), .help = "folder of encoded images (default: OUTPUT/cache)"},
};

static const KeySpec model_keys[] = {
    {"weights", KEY_PATH, KEY_REQUIRED | KEY_LIST, AT(model.weights),
     .help = "one or more, side by side: files, their folders,\nor names (coop models)"},
    {"vocab", KEY_PATH, 0, AT(model.vocab), .word = "auto", .fallback = "auto",
     .help = "merges file of all; auto looks beside the weights"},
    {"activation", KEY_CHOICE, 0, AT(model.activation), .choices = "auto|quick_gelu|gelu", .fallback = "auto",
     .help = "of all, where their configs do not tell"},
    {"heads", KEY_INT, 0, AT(model.heads), .low = 1, .high = 1024, .word = "auto", .fallback = "auto",
     .help = "of their image towers, likewise"},
    {"precision", KEY_CHOICE, 0, AT(model.precision), .choices = "float32|bfloat16|auto",
     .fallback = "float32", .help = "of products with weights"},
};

static const KeySpec data_keys[] = {
    {"captions", KEY_PATH, KEY_REQUIRED, AT(data.captions),
     .help = "Karpathy's dataset_*.json, COCO's annotations, a list\n"
             "of image and caption in JSON, Flickr's text files, or\n"
             "a table with these columns (or filepath and title)"},
    {"images", KEY_PATH, 0, AT(data.images),
     .help = "the folder that paths start from\n(default: that of captions)"},
    {"split", KEY_TEXT, 0, AT(data.split), .choices = "train|restval|val|test|all",
     .help = "of Karpathy's files (default: test)"},
    {"name", KEY_TEXT, 0, AT(data.name),
     .help = "of the dataset (default: as the file says, or its\n"
             "name). Of flickr30k and coco published numbers\nstand beside ours"},
    {"exif", KEY_CHOICE, 0, AT(data.exif), .choices = "ignore|rotate", .fallback = "ignore",
     .help = "rotate: photos are turned upright first"},
};

static const KeyGroup top_group = KEY_GROUP(top_keys), model_group = KEY_GROUP(model_keys),
                      data_group = KEY_GROUP(data_keys);

static const SectionSpec sections[] = {
    {"", "top level", {&top_group}},
    {"model", NULL, {&model_group}},
    {"data", NULL, {&data_group}},
};
enum { N_SECTIONS = sizeof sections / sizeof *sections };

const SectionSpec *retrieve_section_at(const void *context, int index) {
    (void)context;
    return index < N_SECTIONS ? &sections[index] : NULL;
}

void retrieve_help(FILE *out) {
    fprintf(out, "Keys of its file (key, type, default, meaning):\n");
    for (int i = 0; i < N_SECTIONS; i++)
        section_help(out, &sections[i]);
}
