/* test_catalog.c: datasets/lists/catalog.c, each layout in miniature. */
#include "clip/base/files.h"
#include "datasets/lists/catalog.h"
#include "datasets/lists/dataset_open.h"
#include "datasets/lists/list_check.h"
#include "tests/support/catalog_support.h"
#include "tests/support/list_support.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static int open_named(Lists *lists, const char *name) {
    DatasetSpec spec = {.name = name, .root = lists_path(lists, "@")};
    return dataset_open(&lists->dataset, &spec, lists->arena, &lists->err);
}

/* PROTOCOL: name, where an image "x/1.jpg" of the list lies, split file, template. */
static const struct {
    const char *name, *image, *split, *prompt;
} splits[] = {
    {"caltech101", "@/caltech-101/101_ObjectCategories/x/1.jpg", "@/caltech-101/split_zhou_Caltech101.json",
     "a photo of a {}."},
    {"oxford_pets", "@/oxford_pets/images/x/1.jpg", "@/oxford_pets/split_zhou_OxfordPets.json",
     "a photo of a {}, a type of pet."},
    {"stanford_cars", "@/stanford_cars/x/1.jpg", "@/stanford_cars/split_zhou_StanfordCars.json",
     "a photo of a {}."},
    {"oxford_flowers", "@/oxford_flowers/jpg/x/1.jpg", "@/oxford_flowers/split_zhou_OxfordFlowers.json",
     "a photo of a {}, a type of flower."},
    {"food101", "@/food-101/images/x/1.jpg", "@/food-101/split_zhou_Food101.json",
     "a photo of {}, a type of food."},
    {"sun397", "@/sun397/SUN397/x/1.jpg", "@/sun397/split_zhou_SUN397.json", "a photo of a {}."},
    {"dtd", "@/dtd/images/x/1.jpg", "@/dtd/split_zhou_DescribableTextures.json", "{} texture."},
    {"eurosat", "@/eurosat/2750/x/1.jpg", "@/eurosat/split_zhou_EuroSAT.json",
     "a centered satellite photo of {}."},
    {"ucf101", "@/ucf101/UCF-101-midframes/x/1.jpg", "@/ucf101/split_zhou_UCF101.json",
     "a photo of a person doing {}."},
};

static void test_split_layouts(void **state) {
    Lists *lists = *state;
    for (size_t i = 0; i < sizeof splits / sizeof *splits; i++) {
        lists_file(lists, splits[i].image, "x");
        lists_file(lists, splits[i].split,
                   "{\"train\":[[\"x/1.jpg\",0,\"some_class\"]],\"val\":[],\"test\":[[\"x/"
                   "1.jpg\",0,\"some_class\"]]}");
        lists_assert_ok(lists, open_named(lists, splits[i].name));
        lists_assert_ok(lists, dataset_check_images(&lists->dataset, NULL, &lists->err));
        lists_assert_items(lists, &lists->dataset.train, "x/1.jpg 0");
        lists_assert_classes(lists, "some_class");
        assert_string_equal(lists->dataset.name, splits[i].name);
        assert_string_equal(lists->dataset.source, lists_path(lists, splits[i].split));
        assert_string_equal(dataset_template(splits[i].name), splits[i].prompt);
    }
}

/* All fifteen side by side, as on a user's disk. */
static void test_all(void **state) {
    Lists *lists = *state;
    mini_write(lists_path(lists, "@"));
    for (int i = 0; i < N_MINI; i++) {
        const MiniDataset *mini = &mini_datasets[i];
        lists_assert_ok(lists, open_named(lists, mini->name));
        lists_assert_ok(lists, dataset_check_images(&lists->dataset, NULL, &lists->err));
        lists_assert_classes(lists, mini->class_names);
        lists_assert_items(lists, &lists->dataset.train, mini->train);
        lists_assert_items(lists, &lists->dataset.val, mini->val);
        lists_assert_items(lists, &lists->dataset.test, mini->test);
        assert_string_equal(lists->dataset.name, mini->name);
        assert_string_equal(lists->dataset.root,
                            arena_printf(lists->arena, "%s/%s", lists_path(lists, "@"), mini->root));
        assert_string_equal(catalog_at(i)->name, mini->name);
        DatasetSpec spec = {.name = mini->name, .root = lists_path(lists, "@"), .subsample_classes = "new"};
        int n_classes = lists->dataset.n_classes;
        lists_assert_ok(lists, dataset_open(&lists->dataset, &spec, lists->arena, &lists->err));
        assert_int_equal(lists->dataset.n_classes, n_classes / 2);
    }
}

/* PROTOCOL 1: classes; train/val/test. Those of the ImageNet family are the paper's. */
static void test_published_sizes(void **state) {
    static const int sizes[N_MINI][4] = {{100, 4128, 1649, 2465},
                                         {37, 2944, 736, 3669},
                                         {196, 6509, 1635, 8041},
                                         {102, 4093, 1633, 2463},
                                         {101, 50500, 20200, 30300},
                                         {100, 3334, 3333, 3333},
                                         {397, 15880, 3970, 19850},
                                         {47, 2820, 1128, 1692},
                                         {10, 13500, 5400, 8100},
                                         {101, 7639, 1898, 3783},
                                         {1000, 1281167, 50000, 50000},
                                         {1000, 0, 0, 10000},
                                         {1000, 0, 0, 50889},
                                         {200, 0, 0, 7500},
                                         {200, 0, 0, 30000}};
    (void)state;
    for (int i = 0; i < N_MINI; i++) {
        const CatalogEntry *entry = catalog_at(i);
        assert_int_equal(entry->n_classes, sizes[i][0]);
        assert_int_equal(entry->n_train, sizes[i][1]);
        assert_int_equal(entry->n_val, sizes[i][2]);
        assert_int_equal(entry->n_test, sizes[i][3]);
    }
}

static void test_templates(void **state) {
    static const char *const others[] = {"imagenet",   "imagenetv2", "imagenet_sketch",
                                         "imagenet_a", "imagenet_r", "own"};
    (void)state;
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        assert_string_equal(dataset_template(others[i]), "a photo of a {}.");
    assert_string_equal(dataset_template(NULL), "a photo of a {}.");
    assert_string_equal(dataset_template("fgvc_aircraft"), "a photo of a {}, a type of aircraft.");
    int n = 0;
    for (; catalog_at(n); n++)
        assert_ptr_equal(catalog_find(catalog_at(n)->name), catalog_at(n));
    assert_int_equal(n, 15);
    assert_null(catalog_at(-1));
}

static void test_eurosat_names(void **state) {
    static const char *const olds[] = {"AnnualCrop", "Forest",  "HerbaceousVegetation", "Highway",
                                       "Industrial", "Pasture", "PermanentCrop",        "Residential",
                                       "River",      "SeaLake", "Sea or Lake"};
    Lists *lists = *state;
    const char *text = "{\"val\":[],\"test\":[],\"train\":[";
    for (int i = 0; i < 11; i++)
        text = arena_printf(lists->arena, "%s%s[\"a\",%d,\"%s\"]", text, i ? "," : "", i, olds[i]);
    lists_file(lists, "@/eurosat/split_zhou_EuroSAT.json", arena_printf(lists->arena, "%s]}", text));
    lists_assert_ok(lists, open_named(lists, "eurosat"));
    lists_assert_classes(lists,
                         "Annual Crop Land, Forest, Herbaceous Vegetation Land, Highway or Road, Industrial "
                         "Buildings, Pasture Land, Permanent Crop Land, Residential Buildings, River, Sea or "
                         "Lake, Sea or Lake");
}

#define AIRCRAFT "@/fgvc_aircraft/"

static void test_aircraft(void **state) {
    Lists *lists = *state;
    lists_file(lists, AIRCRAFT "variants.txt", "707-320\nF-16A/B\r\nBoeing 717 \n");
    lists_file(lists, AIRCRAFT "images_variant_train.txt", "0034309 Boeing 717\n1 707-320\r\n2 F-16A/B\n");
    lists_file(lists, AIRCRAFT "images_variant_val.txt", "");
    lists_file(lists, AIRCRAFT "images_variant_test.txt", "0000007 F-16A/B");
    lists_assert_ok(lists, open_named(lists, "fgvc_aircraft"));
    lists_assert_classes(lists, "707-320, F-16A/B, Boeing 717");
    lists_assert_items(lists, &lists->dataset.train, "0034309.jpg 2, 1.jpg 0, 2.jpg 1");
    lists_assert_items(lists, &lists->dataset.val, "");
    lists_assert_items(lists, &lists->dataset.test, "0000007.jpg 1");
    assert_string_equal(lists->dataset.root, lists_path(lists, AIRCRAFT "images"));
}

static void test_aircraft_errors(void **state) {
    Lists *lists = *state;
    lists_file(lists, AIRCRAFT "images_variant_train.txt", "1 A380\n");
    lists_assert_error(lists, open_named(lists, "fgvc_aircraft"),
                       AIRCRAFT "variants.txt: cannot open: No such file or directory");
    lists_file(lists, AIRCRAFT "variants.txt", "A380\nA330\n");
    lists_file(lists, AIRCRAFT "images_variant_val.txt", "\n2 A380\n3 Boeing 717\n");
    lists_assert_error(lists, open_named(lists, "fgvc_aircraft"),
                       AIRCRAFT "images_variant_val.txt: line 3: unknown variant 'Boeing 717'");
    lists_file(lists, AIRCRAFT "images_variant_val.txt", "0034309\n");
    lists_assert_error(lists, open_named(lists, "fgvc_aircraft"),
                       AIRCRAFT "images_variant_val.txt: line 1: '0034309' has no name behind it");
    lists_file(lists, AIRCRAFT "images_variant_val.txt", "");
    lists_file(lists, AIRCRAFT "images_variant_test.txt", "");
    lists_assert_error(lists, open_named(lists, "fgvc_aircraft"),
                       "@/fgvc_aircraft: class 'A330' (label 1): no training images");
    lists_file(lists, AIRCRAFT "variants.txt", "A380\nA330\nA380\n");
    lists_assert_error(lists, open_named(lists, "fgvc_aircraft"),
                       AIRCRAFT "variants.txt: 'A380' comes twice");
}

/* Lines out of order, one class that is not on disk, two that share a name. */
#define NAMES "n03 missile\nn01 great white shark\nn09 unused\nn02 missile"

static void test_imagenet(void **state) {
    Lists *lists = *state;
    lists_file(lists, "@/imagenet/classnames.txt", NAMES);
    lists_files(lists, (const char *const[]){
                           "@/imagenet/images/train/n02/b.JPEG", "@/imagenet/images/train/n02/a.JPEG",
                           "@/imagenet/images/train/n01/x", "@/imagenet/images/train/n03/y.JPEG",
                           "@/imagenet/images/train/n01/.hidden", "@/imagenet/images/val/n03/v3.JPEG",
                           "@/imagenet/images/val/n01/v1.JPEG", "@/imagenet/images/val/n02/v2.JPEG", NULL});
    lists_assert_ok(lists, open_named(lists, "imagenet"));
    lists_assert_classes(lists, "great white shark, missile, missile");
    lists_assert_items(lists, &lists->dataset.train,
                       "train/n01/x 0, train/n02/a.JPEG 1, train/n02/b.JPEG 1, train/n03/y.JPEG 2");
    lists_assert_items(lists, &lists->dataset.test,
                       "val/n01/v1.JPEG 0, val/n02/v2.JPEG 1, val/n03/v3.JPEG 2");
    lists_assert_items(lists, &lists->dataset.val, "val/n01/v1.JPEG 0, val/n02/v2.JPEG 1, val/n03/v3.JPEG 2");
    lists_assert_ok(lists, dataset_check_images(&lists->dataset, NULL, &lists->err));
}

static void test_imagenet_errors(void **state) {
    Lists *lists = *state;
    lists_assert_error(lists, open_named(lists, "imagenet"), "@/imagenet: no such folder (dataset imagenet)");
    lists_files(lists,
                (const char *const[]){"@/imagenet/images/train/n01/x", "@/imagenet/images/val/n02/v", NULL});
    lists_assert_error(lists, open_named(lists, "imagenet"),
                       "@/imagenet/classnames.txt: cannot open: No such file or directory");
    lists_file(lists, "@/imagenet/classnames.txt", "n02 cat\n");
    lists_assert_error(lists, open_named(lists, "imagenet"),
                       "@/imagenet/images/train/n01: this class is not in @/imagenet/classnames.txt");
    lists_file(lists, "@/imagenet/classnames.txt", "n02 cat\nn01\n");
    lists_assert_error(lists, open_named(lists, "imagenet"),
                       "@/imagenet/classnames.txt: line 2: 'n01' has no name behind it");
    lists_file(lists, "@/imagenet/classnames.txt", "n01 cat\nn01 dog\n");
    lists_assert_error(lists, open_named(lists, "imagenet"), "@/imagenet/classnames.txt: 'n01' comes twice");
    lists_file(lists, "@/imagenet/classnames.txt", NAMES);
    lists_assert_error(
        lists, open_named(lists, "imagenet"),
        "@/imagenet/images/val: class 'n01' of @/imagenet/images/train is missing (an empty folder "
        "will do)");
    lists_file(lists, "@/imagenet/classnames.txt", "");
    lists_assert_error(lists, open_named(lists, "imagenet"),
                       "@/imagenet/images/train/n01: this class is not in @/imagenet/classnames.txt");
}

/* The variants take imagenet's class names when they have none of their own; their labels count their own
 * folders. */
static void test_variants(void **state) {
    static const struct {
        const char *name, *images;
    } variants[] = {{"imagenet_sketch", "@/imagenet-sketch/images"},
                    {"imagenet_a", "@/imagenet-adversarial/imagenet-a"},
                    {"imagenet_r", "@/imagenet-rendition/imagenet-r"}};
    Lists *lists = *state;
    for (int i = 0; i < 3; i++) {
        const char *images = lists_path(lists, variants[i].images);
        lists_file(lists, arena_printf(lists->arena, "%s/n03/2.png", images), "x");
        lists_file(lists, arena_printf(lists->arena, "%s/n01/1.png", images), "x");
        lists_file(lists, arena_printf(lists->arena, "%s/README.txt", images), "x");
        if (i == 0)
            lists_assert_error(lists, open_named(lists, variants[i].name),
                               "@/imagenet-sketch/classnames.txt: cannot open: No such file or directory");
        lists_file(lists, "@/imagenet/classnames.txt", NAMES);
        lists_assert_ok(lists, open_named(lists, variants[i].name));
        lists_assert_classes(lists, "great white shark, missile");
        lists_assert_items(lists, &lists->dataset.test, "n01/1.png 0, n03/2.png 1");
        assert_int_equal(lists->dataset.train.n, 0);
        assert_int_equal(lists->dataset.val.n, 0);
        lists_assert_ok(lists, dataset_check_images(&lists->dataset, NULL, &lists->err));
        lists_file(lists, arena_printf(lists->arena, "%s/../classnames.txt", images), "n03 own\nn01 name\n");
        lists_assert_ok(lists, open_named(lists, variants[i].name));
        lists_assert_classes(lists, "name, own");
    }
    assert_int_equal(make_folders(lists_path(lists, "@/imagenet-sketch/images/n02"), NULL), 0);
    assert_int_equal(unlink(lists_path(lists, "@/imagenet-sketch/classnames.txt")), 0);
    lists_assert_error(lists, open_named(lists, "imagenet_sketch"),
                       "@/imagenet-sketch/images: class 'missile' (label 1): no test images");
}

/* Folder 10 follows 9, not 1. */
static void test_imagenetv2(void **state) {
    Lists *lists = *state;
    const char *names = "";
    for (int i = 0; i < 12; i++) {
        names = arena_printf(lists->arena, "%sn%02d class %d\n", names, 99 - i, i);
        lists_file(lists,
                   arena_printf(lists->arena,
                                "@/imagenetv2/imagenetv2-matched-frequency-format-val/%d/%x.jpeg", i, i),
                   "x");
    }
    lists_file(lists, "@/imagenet/classnames.txt", names);
    lists_assert_ok(lists, open_named(lists, "imagenetv2"));
    lists_assert_items(
        lists, &lists->dataset.test,
        "0/0.jpeg 0, 1/1.jpeg 1, 2/2.jpeg 2, 3/3.jpeg 3, 4/4.jpeg 4, 5/5.jpeg 5, 6/6.jpeg 6, 7/7.jpeg 7, "
        "8/8.jpeg 8, 9/9.jpeg 9, 10/a.jpeg 10, 11/b.jpeg 11");
    assert_string_equal(lists->dataset.class_names[10], "class 10");
    assert_int_equal(lists->dataset.train.n, 0);
    lists_file(lists, "@/imagenetv2/classnames.txt", arena_printf(lists->arena, "%sn00 one more", names));
    lists_assert_error(
        lists, open_named(lists, "imagenetv2"),
        "@/imagenetv2/imagenetv2-matched-frequency-format-val/12: cannot open the folder: No such file or "
        "directory");
}

static void test_nearest(void **state) {
    Lists *lists = *state;
    assert_string_equal(catalog_nearest("oxford_pet"), "oxford_pets");
    assert_string_equal(catalog_nearest("imagenet_v2"), "imagenetv2");
    assert_string_equal(catalog_nearest("OxfordPets"), "oxford_pets");
    assert_string_equal(catalog_nearest("FGVCAircraft"), "fgvc_aircraft");
    assert_string_equal(catalog_nearest("DTD"), "dtd");
    assert_string_equal(catalog_nearest("oxford_pest"), "oxford_pets");
    static const char *const far[] = {"", "foo", "pets", "mnist", "cifar10"};
    for (size_t i = 0; i < sizeof far / sizeof *far; i++)
        assert_null(catalog_nearest(far[i]));
    char huge[5000];
    memset(huge, 'x', sizeof huge - 1);
    huge[sizeof huge - 1] = '\0';
    assert_null(catalog_nearest(huge));
    lists_assert_error(lists, open_named(lists, "foo"), "dataset: unknown name 'foo'");
    lists_assert_error(lists, open_named(lists, "oxford_pet"),
                       "dataset: unknown name 'oxford_pet' (did you mean 'oxford_pets'?)");
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, lists_setup, lists_teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_split_layouts),   TEST(test_all),      TEST(test_published_sizes), TEST(test_templates),
        TEST(test_eurosat_names),   TEST(test_aircraft), TEST(test_aircraft_errors), TEST(test_imagenet),
        TEST(test_imagenet_errors), TEST(test_variants), TEST(test_imagenetv2),      TEST(test_nearest)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
