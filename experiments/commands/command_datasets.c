/* command_datasets.c: coop datasets */
#include "clip/base/files.h"
#include "clip/base/json.h"
#include "datasets/lists/catalog_check.h"
#include "experiments/commands/commands.h"
#include "experiments/terminal/printable.h"

#include <stdio.h>
#include <stdlib.h>

/* "-" for a part that a dataset does not have. */
static void print_counts(int n_classes, int n_train, int n_val, int n_test) {
    const int counts[] = {n_classes, n_train, n_val, n_test};
    for (int i = 0; i < 4; i++)
        if (counts[i] > 0)
            printf("  %8d", counts[i]);
        else
            printf("  %8s", "-");
}

static void print_entry(const CatalogEntry *entry) {
    printf("%-16s  %-20s", entry->name, entry->title);
    print_counts(entry->n_classes, entry->n_train, entry->n_val, entry->n_test);
    printf("  %s\n", entry->template);
}

static void print_check(const CatalogEntry *entry, const CatalogCheck *check, Arena *arena) {
    printf("%-16s  %-20s", entry->name, catalog_status_name(check->status));
    print_counts(check->n_classes, check->n_train, check->n_val, check->n_test);
    switch (check->status) {
    case CATALOG_ABSENT:
        printf("  no folder %s", entry->folder);
        break;
    case CATALOG_INCOMPLETE:
        printf("  %s lacks", entry->folder);
        for (int i = 0; i < check->n_missing; i++)
            printf("%s %s", i ? "," : "", check->missing[i]);
        break;
    case CATALOG_FAULTY:
        printf("  %s", printable(check->fault, arena));
        break;
    case CATALOG_DIFFERENT:
        printf("  published: %d, %d/%d/%d", entry->n_classes, entry->n_train, entry->n_val, entry->n_test);
        break;
    case CATALOG_READY:
        break;
    }
    printf("\n");
}

/* check is NULL without a root. */
static int print_json(const CatalogEntry *entry, const CatalogCheck *check, Arena *arena, Error *err) {
    json_t *object =
        json_pack("{s:s, s:s, s:s, s:i, s:i, s:i, s:i, s:s}", "name", entry->name, "title", entry->title,
                  "folder", entry->folder, "classes", entry->n_classes, "train", entry->n_train, "val",
                  entry->n_val, "test", entry->n_test, "template", entry->template);
    int failed = !object;
    if (check) {
        json_t *missing = json_array();
        for (int i = 0; i < check->n_missing; i++)
            failed |= json_array_append_new(missing, json_string(check->missing[i]));
        json_t *found = json_pack("{s:i, s:i, s:i, s:i}", "classes", check->n_classes, "train",
                                  check->n_train, "val", check->n_val, "test", check->n_test);
        failed |= json_object_set_new(object, "status", json_string(catalog_status_name(check->status)));
        failed |= json_object_set_new(object, "missing", missing);
        failed |= json_object_set_new(object, "found", found);
        if (check->fault)
            failed |= json_object_set_new(object, "fault", json_string(printable(check->fault, arena)));
    }
    char *text = failed || arena_failed(arena) ? NULL : json_write(object, JSON_COMPACT);
    json_decref(object);
    if (!text)
        return error_memory(err);
    print_json_line(stdout, text);
    free(text);
    return 0;
}

static int print_dataset(const CatalogEntry *entry, const char *root, bool json, Arena *arena, Error *err) {
    CatalogCheck check;
    if (root && catalog_check(&check, entry, root, arena, err) < 0)
        return -1;
    if (json)
        return print_json(entry, root ? &check : NULL, arena, err);
    if (root)
        print_check(entry, &check, arena);
    else
        print_entry(entry);
    fflush(stdout); /* the next one may be millions of files */
    return 0;
}

static int unknown_dataset(const char *name, Error *err) {
    const char *nearest = catalog_nearest(name);
    return nearest ? error_usage(err, "'%s' is not known (did you mean '%s'?)", name, nearest)
                   : error_usage(err, "'%s' is not known; coop datasets lists what is", name);
}

static int print_datasets(const OptionTexts *names, const char *root, bool json, Arena *arena, Error *err) {
    for (int i = 0; i < names->n; i++)
        if (!catalog_find(names->values[i]))
            return unknown_dataset(names->values[i], err);
    if (root && !(root = path_expand(arena, root)))
        return error_memory(err);
    if (root && !folder_exists(root))
        return error_set(err, "%s: no such folder", root);
    if (!json)
        printf("%-16s  %-20s  %8s  %8s  %8s  %8s%s\n", "name", root ? "status" : "title", "classes", "train",
               "val", "test", root ? "" : "  template");
    for (int i = 0; names->n > 0 ? i < names->n : catalog_at(i) != NULL; i++) {
        const CatalogEntry *entry = names->n > 0 ? catalog_find(names->values[i]) : catalog_at(i);
        if (print_dataset(entry, root, json, arena, err) < 0)
            return -1;
    }
    return 0;
}

static int run(CommandLine *line, Error *err) {
    Arena *arena = line->arena;
    const char *root = NULL;
    bool json = false;
    const Option options[] = {{"root", OPTION_TEXT, &root, 0, 0, "DIR", "say what of each is in this folder"},
                              {"json", OPTION_FLAG, &json, 0, 0, NULL, "one JSON object per line"}};
    int status = command_parse(line, &command_datasets, options, 2, err);
    if (status != 0)
        return status < 0 ? -1 : 0;
    return print_datasets(&line->words, root, json, arena, err);
}

const Command command_datasets = {
    .name = "datasets",
    .usage = "coop datasets [NAME...] [--root DIR] [--json]",
    .summary = "the datasets known by name, and what of them is on this disk",
    .help = "An experiment file names one as dataset: {name: NAME, root: DIR}. With --root a dataset is\n"
            "  ready       as published\n"
            "  different   usable, with other numbers of classes or images\n"
            "  faulty      its lists cannot be read, or an image is missing: the first such line\n"
            "  incomplete  files or folders are missing\n"
            "  absent      its folder is not there\n",
    .example = "coop datasets --root ~/datasets",
    .min_words = 0,
    .max_words = ANY_NUMBER,
    .run = run};
