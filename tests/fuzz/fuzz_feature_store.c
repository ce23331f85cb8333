/* fuzz_feature_store.c: the file of one shelf of the cache of encoded images. Nothing of it is ever refused:
 * what is damaged is not there, and a new feature can always be added. Read: one of the seeds' images is
 * there. */
#include "tests/fuzz/fuzz.h"

#include "clip/base/files.h"
#include "datasets/features/feature_store.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { E = 3 };

static Digest image(int i) {
    return digest_of(&i, sizeof i);
}

static FeatureStore *open_shelf(FuzzFile *input, const FeatureSource *source) {
    FeatureStore *store = feature_store_open(input->folder, source, &input->err);
    if (!store || feature_store_select(store, (FeatureView){0}, &input->err) < 0)
        abort();
    return store;
}

static void add_feature(FuzzFile *input, const FeatureSource *source, int i) {
    const float feature[E] = {(float)i, 0.5f, -1};
    Digest key = image(i);
    FeatureStore *store = open_shelf(input, source);
    if (feature_store_add(store, &key, feature, 1, &input->err) < 0)
        abort();
    feature_store_close(store);
}

static bool has_feature(FuzzFile *input, const FeatureSource *source, int i) {
    float feature[E] = {0};
    Digest key = image(i);
    FeatureStore *store = open_shelf(input, source);
    bool found = feature_store_find(store, &key, feature);
    feature_store_close(store);
    return found && feature[0] == (float)i;
}

/* "<16 digits>/centre.features", for fuzz_write: the only folder there is. */
static void find_name(const char *folder, char *out, size_t size) {
    DIR *names = opendir(folder);
    out[0] = '\0';
    for (struct dirent *entry; names && (entry = readdir(names));)
        if (strlen(entry->d_name) == 16)
            snprintf(out, size, "%.16s/centre.features", entry->d_name);
    if (names)
        closedir(names);
}

int fuzz_feature_store(const uint8_t *data, size_t size) {
    const FeatureSource source = {
        .transform.size = 4, .embed_dim = E, .std = {1, 1, 1}, .model_digest = "abc"};
    FuzzFile input;
    char name[64];
    fuzz_open(&input, data, 0);
    fuzz_write(&input, "empty", "", 0);
    add_feature(&input, &source, 0); /* makes the folder */
    find_name(input.folder, name, sizeof name);
    fuzz_write(&input, name, data, size);
    bool found = has_feature(&input, &source, 1) || has_feature(&input, &source, 2);
    add_feature(&input, &source, 9);
    if (!has_feature(&input, &source, 9))
        abort();
    fuzz_close(&input, true, NULL);
    return found;
}

FUZZ_ENTRY(fuzz_feature_store)
