/* catalog.c: the fifteen datasets of the CoOp project, as they lie on disk.
 *
 * Folders, split files, class names and hand-written prompts follow DATASETS.md, datasets/ and
 * trainers/zsclip.py of github.com/KaiyangZhou/CoOp. ImageNet's own lists are sorted here; there they follow
 * an unsorted directory, so its published few-shot subsets cannot be drawn again, but taken where they are
 * kept. Its validation list is its test list, as there. Sizes are those of the appendix of Zhou et al. 2022.
 */
#include "datasets/lists/catalog.h"
#include "clip/base/files.h"
#include "clip/base/nearest.h"
#include "datasets/lists/folder.h"
#include "datasets/lists/lists.h"
#include "datasets/lists/original_lists.h"
#include "datasets/lists/split_file.h"
#include "datasets/lists/text_lines.h"

#include <string.h>

/* The published split file of Caltech-101 has the new names; one that was drawn from its folders has the old.
 */
static const ClassRename caltech_renames[] = {
    {"airplanes", "airplane"},   {"Faces", "face"}, {"Leopards", "leopard"},
    {"Motorbikes", "motorbike"}, {NULL, NULL},
};

static const ClassRename eurosat_renames[] = {
    {"AnnualCrop", "Annual Crop Land"},
    {"Forest", "Forest"},
    {"HerbaceousVegetation", "Herbaceous Vegetation Land"},
    {"Highway", "Highway or Road"},
    {"Industrial", "Industrial Buildings"},
    {"Pasture", "Pasture Land"},
    {"PermanentCrop", "Permanent Crop Land"},
    {"Residential", "Residential Buildings"},
    {"River", "River"},
    {"SeaLake", "Sea or Lake"},
    {NULL, NULL},
};

#define PHOTO "a photo of a {}."

static const CatalogEntry catalog[] = {
    {"caltech101", "Caltech-101", "caltech-101", "101_ObjectCategories", "split_zhou_Caltech101.json", PHOTO,
     CATALOG_SPLIT, 100, 4128, 1649, 2465, caltech_renames},
    {"oxford_pets", "Oxford-IIIT Pets", "oxford_pets", "images", "split_zhou_OxfordPets.json",
     "a photo of a {}, a type of pet.", CATALOG_SPLIT, 37, 2944, 736, 3669, NULL},
    {"stanford_cars", "Stanford Cars", "stanford_cars", NULL, "split_zhou_StanfordCars.json", PHOTO,
     CATALOG_SPLIT, 196, 6509, 1635, 8041, NULL},
    {"oxford_flowers", "Oxford Flowers 102", "oxford_flowers", "jpg", "split_zhou_OxfordFlowers.json",
     "a photo of a {}, a type of flower.", CATALOG_SPLIT, 102, 4093, 1633, 2463, NULL},
    {"food101", "Food-101", "food-101", "images", "split_zhou_Food101.json", "a photo of {}, a type of food.",
     CATALOG_SPLIT, 101, 50500, 20200, 30300, NULL},
    {"fgvc_aircraft", "FGVC-Aircraft", "fgvc_aircraft", "images", NULL,
     "a photo of a {}, a type of aircraft.", CATALOG_VARIANTS, 100, 3334, 3333, 3333, NULL},
    {"sun397", "SUN397", "sun397", "SUN397", "split_zhou_SUN397.json", PHOTO, CATALOG_SPLIT, 397, 15880, 3970,
     19850, NULL},
    {"dtd", "Describable Textures", "dtd", "images", "split_zhou_DescribableTextures.json", "{} texture.",
     CATALOG_SPLIT, 47, 2820, 1128, 1692, NULL},
    {"eurosat", "EuroSAT", "eurosat", "2750", "split_zhou_EuroSAT.json", "a centered satellite photo of {}.",
     CATALOG_SPLIT, 10, 13500, 5400, 8100, eurosat_renames},
    {"ucf101", "UCF101 middle frames", "ucf101", "UCF-101-midframes", "split_zhou_UCF101.json",
     "a photo of a person doing {}.", CATALOG_SPLIT, 101, 7639, 1898, 3783, NULL},
    {"imagenet", "ImageNet", "imagenet", "images", NULL, PHOTO, CATALOG_IMAGENET, 1000, 1281167, 50000, 50000,
     NULL},
    {"imagenetv2", "ImageNetV2", "imagenetv2", "imagenetv2-matched-frequency-format-val", NULL, PHOTO,
     CATALOG_NUMBERED, 1000, 0, 0, 10000, NULL},
    {"imagenet_sketch", "ImageNet-Sketch", "imagenet-sketch", "images", NULL, PHOTO, CATALOG_WNID, 1000, 0, 0,
     50889, NULL},
    {"imagenet_a", "ImageNet-A", "imagenet-adversarial", "imagenet-a", NULL, PHOTO, CATALOG_WNID, 200, 0, 0,
     7500, NULL},
    {"imagenet_r", "ImageNet-R", "imagenet-rendition", "imagenet-r", NULL, PHOTO, CATALOG_WNID, 200, 0, 0,
     30000, NULL},
};
#define N_CATALOG ((int)(sizeof catalog / sizeof *catalog))

const CatalogEntry *catalog_at(int index) {
    return index >= 0 && index < N_CATALOG ? &catalog[index] : NULL;
}

const CatalogEntry *catalog_find(const char *name) {
    for (int i = 0; i < N_CATALOG; i++)
        if (strcmp(catalog[i].name, name) == 0)
            return &catalog[i];
    return NULL;
}

const char *dataset_template(const char *name) {
    const CatalogEntry *entry = name ? catalog_find(name) : NULL;
    return entry ? entry->template : PHOTO;
}

const char *catalog_nearest(const char *name) {
    const char *names[N_CATALOG];
    for (int i = 0; i < N_CATALOG; i++)
        names[i] = catalog[i].name;
    return nearest_word(name, names, N_CATALOG);
}

/* --- FGVC-Aircraft --- */

static int read_variant_list(ItemList *out, const char *path, const NamedValue *variants, int n,
                             TextPool *pool, Error *err) {
    ListBuilder list = {0};
    TextLines lines;
    if (lines_open(&lines, path, pool->arena, err) < 0)
        return -1;
    for (char *line; (line = lines_next(&lines));) {
        const char *name = line_cut(&lines, line, err);
        if (!name)
            return -1;
        const NamedValue *variant = names_find(variants, n, name);
        if (!variant)
            return error_set(err, "%s: line %d: unknown variant '%s'", path, lines.line, name);
        const char *image = arena_printf(pool->arena, "%s.jpg", line);
        if (!image)
            return error_memory(err);
        if (list_push(&list, image, variant->value, pool->arena, err) < 0)
            return -1;
    }
    *out = list.list;
    return 0;
}

/* variants.txt has a class name per line; images_variant_train.txt and so on "0034309 Boeing 747-100". */
static int read_variants(Dataset *dataset, const char *folder, Arena *arena, Error *err) {
    TextPool pool = {.arena = arena};
    TextLines lines;
    ClassTable classes = {0};
    const char *path = path_join(arena, folder, "variants.txt");
    const char *train = path_join(arena, folder, "images_variant_train.txt");
    const char *val = path_join(arena, folder, "images_variant_val.txt");
    const char *test = path_join(arena, folder, "images_variant_test.txt");
    if (!test)
        return error_memory(err);
    if (lines_open(&lines, path, arena, err) < 0)
        return -1;
    for (const char *name; (name = lines_next(&lines));)
        if (class_put(&classes, classes.n_classes, name, &pool, err) < 0)
            return error_prefix(err, "%s: line %d", path, lines.line);
    NamedValue *variants = ARENA_NEW(arena, NamedValue, classes.n_classes);
    if (!variants)
        return error_memory(err);
    for (int i = 0; i < classes.n_classes; i++)
        variants[i] = (NamedValue){.name = classes.names[i], .value = i};
    names_sort(variants, classes.n_classes);
    for (int i = 1; i < classes.n_classes; i++)
        if (strcmp(variants[i - 1].name, variants[i].name) == 0)
            return error_set(err, "%s: '%s' comes twice", path, variants[i].name);
    if (read_variant_list(&dataset->train, train, variants, classes.n_classes, &pool, err) < 0 ||
        read_variant_list(&dataset->val, val, variants, classes.n_classes, &pool, err) < 0 ||
        read_variant_list(&dataset->test, test, variants, classes.n_classes, &pool, err) < 0)
        return -1;
    dataset->source = folder;
    dataset->class_names = classes.names;
    dataset->n_classes = classes.n_classes;
    return 0;
}

/* --- ImageNet and its variants --- */

typedef struct {
    const char *path;
    NameList names;    /* in the order of the lines */
    NamedValue *wnids; /* (names.n), sorted; the value is the line */
} ClassNames;

/* classnames.txt ("n01440764 tench") of the dataset's own folder, else of imagenet's. */
static int read_class_names(ClassNames *out, const char *root, const char *folder, Arena *arena, Error *err) {
    TextLines lines;
    int capacity = 0;
    const char *own = path_join(arena, folder, "classnames.txt");
    const char *shared = path_join(arena, root, "imagenet/classnames.txt");
    if (!own || !shared)
        return error_memory(err);
    *out = (ClassNames){.path = file_exists(own) || !file_exists(shared) ? own : shared};
    if (lines_open(&lines, out->path, arena, err) < 0)
        return -1;
    for (const char *at = lines.at; *at; at++)
        capacity += *at == '\n' || !at[1];
    out->names.names = ARENA_NEW(arena, const char *, capacity);
    out->wnids = ARENA_NEW(arena, NamedValue, capacity);
    if (arena_failed(arena))
        return error_memory(err);
    for (char *line; (line = lines_next(&lines)); out->names.n++) {
        const char *name = line_cut(&lines, line, err);
        if (!name)
            return -1;
        out->names.names[out->names.n] = name;
        out->wnids[out->names.n] = (NamedValue){.name = line, .value = out->names.n};
    }
    names_sort(out->wnids, out->names.n);
    for (int i = 1; i < out->names.n; i++)
        if (strcmp(out->wnids[i - 1].name, out->wnids[i].name) == 0)
            return error_set(err, "%s: '%s' comes twice", out->path, out->wnids[i].name);
    return 0;
}

/* The classes of the subfolders of `images`, in the order of their names' bytes. */
static int name_wnids(ClassTable *classes, NameList *wnids, const ClassNames *names, const char *images,
                      TextPool *pool, Error *err) {
    if (folder_list(wnids, images, true, pool, err) < 0)
        return -1;
    for (int label = 0; label < wnids->n; label++) {
        const NamedValue *wnid = names_find(names->wnids, names->names.n, wnids->names[label]);
        if (!wnid)
            return error_set(err, "%s/%s: this class is not in %s", images, wnids->names[label], names->path);
        if (class_put(classes, label, names->names.names[wnid->value], pool, err) < 0)
            return error_prefix(err, "%s", names->path);
    }
    return 0;
}

static int read_wnid_folders(Dataset *dataset, CatalogKind kind, const ClassNames *names, ClassTable *classes,
                             TextPool *pool, Error *err) {
    bool both = kind == CATALOG_IMAGENET;
    ListBuilder train = {0}, test = {0};
    NameList wnids = {0};
    const char *images = dataset->root;
    const char *train_folder = both ? text_join(pool, images, "train") : images;
    const char *test_folder = both ? text_join(pool, images, "val") : images;
    if (!train_folder || !test_folder)
        return error_memory(err);
    if (name_wnids(classes, &wnids, names, train_folder, pool, err) < 0)
        return -1;
    if (both && folder_push_classes(&train, &wnids, train_folder, train_folder, "train", pool, err) < 0)
        return -1;
    if (folder_push_classes(&test, &wnids, train_folder, test_folder, both ? "val" : NULL, pool, err) < 0)
        return -1;
    dataset->train = train.list;
    dataset->test = test.list;
    if (both)
        dataset->val = test.list;
    return 0;
}

static int read_numbered_folders(Dataset *dataset, const ClassNames *names, ClassTable *classes,
                                 TextPool *pool, Error *err) {
    ListBuilder test = {0};
    for (int label = 0; label < names->names.n; label++) {
        const char *number = arena_printf(pool->arena, "%d", label);
        const char *folder = number ? text_join(pool, dataset->root, number) : NULL;
        if (!folder)
            return error_memory(err);
        if (class_put(classes, label, names->names.names[label], pool, err) < 0)
            return error_prefix(err, "%s", names->path);
        if (folder_push(&test, folder, number, label, pool, err) < 0)
            return -1;
    }
    dataset->test = test.list;
    return 0;
}

static int read_imagenet(Dataset *dataset, const CatalogEntry *entry, const char *root, const char *folder,
                         Arena *arena, Error *err) {
    TextPool pool = {.arena = arena};
    ClassNames names = {0};
    ClassTable classes = {0};
    if (read_class_names(&names, root, folder, arena, err) < 0)
        return -1;
    int result = entry->kind == CATALOG_NUMBERED
                     ? read_numbered_folders(dataset, &names, &classes, &pool, err)
                     : read_wnid_folders(dataset, entry->kind, &names, &classes, &pool, err);
    dataset->source = dataset->root;
    dataset->class_names = classes.names;
    dataset->n_classes = classes.n_classes;
    return result;
}

/* --- all --- */

static void rename_classes(Dataset *dataset, const ClassRename *renames) {
    for (int label = 0; label < dataset->n_classes; label++)
        for (const ClassRename *rename = renames; rename->from; rename++)
            if (strcmp(dataset->class_names[label], rename->from) == 0) {
                dataset->class_names[label] = rename->to;
                break;
            }
}

int catalog_use_kept(Dataset *dataset, const CatalogEntry *entry, const char *root, Arena *arena,
                     Error *err) {
    const char *folder = path_join(arena, root, entry->folder);
    dataset->kept_few_shot = path_join(arena, folder ? folder : "", "split_fewshot");
    dataset->kept_tail = entry->images ? path_join(arena, entry->folder, entry->images) : entry->folder;
    return arena_failed(arena) ? error_memory(err) : 0;
}

int catalog_read(Dataset *dataset, const CatalogEntry *entry, const char *root, Arena *arena, Error *err) {
    const char *folder = path_join(arena, root, entry->folder);
    const char *images = path_join(arena, folder ? folder : "", entry->images ? entry->images : "");
    const char *split = path_join(arena, folder ? folder : "", entry->split ? entry->split : "");
    if (!folder || !images || !split)
        return error_memory(err);
    if (!folder_exists(folder))
        return error_set(err, "%s: no such folder (dataset %s)", folder, entry->name);
    dataset->name = entry->name;
    dataset->root = entry->images ? images : folder;
    int result;
    const char *kept = path_join(arena, folder, "preprocessed.pkl");
    if (!kept)
        return error_memory(err);
    if (entry->kind == CATALOG_IMAGENET && dataset->kept_few_shot && file_exists(kept))
        result = original_lists_dataset(dataset, kept, arena, err);
    else if (entry->kind == CATALOG_SPLIT)
        result = split_file_read(dataset, dataset->root, split, arena, err);
    else if (entry->kind == CATALOG_VARIANTS)
        result = read_variants(dataset, folder, arena, err);
    else
        result = read_imagenet(dataset, entry, root, folder, arena, err);
    if (result == 0 && entry->renames)
        rename_classes(dataset, entry->renames);
    return result;
}
