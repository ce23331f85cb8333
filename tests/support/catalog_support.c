/* catalog_support.c: see catalog_support.h */
#include "tests/support/catalog_support.h"

#include "clip/base/files.h"
#include "tests/support/scratch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* Of a split file with two classes named `first` and `second`. */
#define SPLIT(first, second)                                                                                 \
    "{\"train\": [[\"a/1.JPG\", 0, \"" first "\"], [\"b/no suffix\", 1, \"" second "\"]],\n"                 \
    " \"val\": [[\"b/3.jpeg\", 1, \"" second "\"]], \"test\": [[\"a/4.png\", 0, \"" first "\"]]}\n"
#define TRAIN "a/1.JPG 0, b/no suffix 1"
#define VAL "b/3.jpeg 1"
#define TEST "a/4.png 0"
#define V2 "imagenetv2/imagenetv2-matched-frequency-format-val"

const MiniDataset mini_datasets[N_MINI] = {
    {"caltech101", "caltech-101", "face, airplane", TRAIN, VAL, TEST, "caltech-101/101_ObjectCategories"},
    {"oxford_pets", "oxford_pets", "Birman, basset_hound", TRAIN, VAL, TEST, "oxford_pets/images"},
    {"stanford_cars", "stanford_cars", "2012 Tesla Model S, 2011 BMW X6",
     "cars_train/1.jpg 0, cars_train/2.jpg 1", "cars_train/3.jpg 1", "cars_test/1.jpg 0", "stanford_cars"},
    {"oxford_flowers", "oxford_flowers", "pink primrose, tree_mallow", TRAIN, VAL, TEST,
     "oxford_flowers/jpg"},
    {"food101", "food-101", "apple_pie, waffles", TRAIN, VAL, TEST, "food-101/images"},
    {"fgvc_aircraft", "fgvc_aircraft", "707-320, Boeing 717", "0034309.jpg 1, 7.jpg 0", "1.jpg 0", "2.jpg 1",
     "fgvc_aircraft/images"},
    {"sun397", "sun397", "abbey, indoor_arena", TRAIN, VAL, TEST, "sun397/SUN397"},
    {"dtd", "dtd", "banded, zigzagged", TRAIN, VAL, TEST, "dtd/images"},
    {"eurosat", "eurosat", "Annual Crop Land, Sea or Lake", TRAIN, VAL, TEST, "eurosat/2750"},
    {"ucf101", "ucf101", "Apply_Eye_Makeup, Yo_Yo", TRAIN, VAL, TEST, "ucf101/UCF-101-midframes"},
    {"imagenet", "imagenet", "great white shark, missile, missile",
     "train/n01/x 0, train/n02/b.JPEG 1, train/n03/y 2",
     "val/n01/v.JPEG 0, val/n02/v.JPEG 1, val/n03/v.JPEG 2",
     "val/n01/v.JPEG 0, val/n02/v.JPEG 1, val/n03/v.JPEG 2", "imagenet/images"},
    {"imagenetv2", "imagenetv2", "missile, great white shark, unused, missile", "", "",
     "0/0.jpeg 0, 1/1.jpeg 1, 2/2.jpeg 2, 3/3.jpeg 3", V2},
    {"imagenet_sketch", "imagenet-sketch", "great white shark, missile, missile", "", "",
     "n01/sketch_1.JPEG 0, n02/sketch_2.JPEG 1, n03/sketch_3.JPEG 2", "imagenet-sketch/images"},
    {"imagenet_a", "imagenet-adversarial", "great white shark, missile", "", "", "n01/1.jpg 0, n03/2.jpg 1",
     "imagenet-adversarial/imagenet-a"},
    {"imagenet_r", "imagenet-rendition", "missile, missile", "", "", "n02/art_0.jpg 0, n03/toy_1.jpg 1",
     "imagenet-rendition/imagenet-r"},
};

static const char *const texts[][2] = {
    {"caltech-101/split_zhou_Caltech101.json", SPLIT("Faces", "airplanes")},
    {"oxford_pets/split_zhou_OxfordPets.json", SPLIT("Birman", "basset_hound")},
    {"stanford_cars/split_zhou_StanfordCars.json", "{\"train\": [[\"cars_train/1.jpg\", 0, \"2012 Tesla "
                                                   "Model S\"], [\"cars_train/2.jpg\", 1, \"2011 BMW X6\"]],"
                                                   "\"val\": [[\"cars_train/3.jpg\", 1, \"2011 BMW X6\"]], "
                                                   "\"test\": [[\"cars_test/1.jpg\", 0, \"2012 Tesla Model "
                                                   "S\"]]}"},
    {"oxford_flowers/split_zhou_OxfordFlowers.json", SPLIT("pink primrose", "tree_mallow")},
    {"food-101/split_zhou_Food101.json", SPLIT("apple_pie", "waffles")},
    {"fgvc_aircraft/variants.txt", "707-320\nBoeing 717\n"},
    {"fgvc_aircraft/images_variant_train.txt", "0034309 Boeing 717\r\n7 707-320\n"},
    {"fgvc_aircraft/images_variant_val.txt", "1 707-320\n"},
    {"fgvc_aircraft/images_variant_test.txt", "2 Boeing 717"},
    {"sun397/split_zhou_SUN397.json", SPLIT("abbey", "indoor_arena")},
    {"dtd/split_zhou_DescribableTextures.json", SPLIT("banded", "zigzagged")},
    {"eurosat/split_zhou_EuroSAT.json", SPLIT("AnnualCrop", "SeaLake")},
    {"ucf101/split_zhou_UCF101.json", SPLIT("Apply_Eye_Makeup", "Yo_Yo")},
    {"imagenet/classnames.txt", "n03 missile\nn01 great white shark\nn09 unused\nn02 missile\n"},
};

/* Images that no list names but their folder, and files that belong to nobody. */
static const char *const others[] = {
    "imagenet/images/train/n02/b.JPEG",
    "imagenet/images/train/n01/x",
    "imagenet/images/train/n03/y",
    "imagenet/images/train/n01/.hidden.JPEG",
    "imagenet/images/val/n01/v.JPEG",
    "imagenet/images/val/n02/v.JPEG",
    "imagenet/images/val/n03/v.JPEG",
    "imagenet/images/val/valprep.sh",
    V2 "/0/0.jpeg",
    V2 "/1/1.jpeg",
    V2 "/2/2.jpeg",
    V2 "/3/3.jpeg",
    V2 "/.DS_Store",
    "imagenet-sketch/images/n01/sketch_1.JPEG",
    "imagenet-sketch/images/n02/sketch_2.JPEG",
    "imagenet-sketch/images/n03/sketch_3.JPEG",
    "imagenet-adversarial/imagenet-a/n01/1.jpg",
    "imagenet-adversarial/imagenet-a/n03/2.jpg",
    "imagenet-adversarial/imagenet-a/README.txt",
    "imagenet-rendition/imagenet-r/n02/art_0.jpg",
    "imagenet-rendition/imagenet-r/n03/toy_1.jpg",
    "imagenet-rendition/imagenet-r/n03/Thumbs.db",
    "imagenet-rendition/imagenet-r/README.txt",
    "caltech-101/101_ObjectCategories/BACKGROUND_Google/tmp",
    "caltech-101/101_ObjectCategories/Faces_easy/image_0001.jpg",
    "eurosat/2750/.DS_Store",
    "food-101/meta/classes.txt",
};

static void put(const char *root, const char *name, const char *text) {
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", root, name);
    char *slash = strrchr(path, '/');
    *slash = '\0';
    assert_int_equal(make_folders(path, NULL), 0);
    *slash = '/';
    scratch_file(path, text, strlen(text));
}

/* The images of "a/1.JPG 0, b/2 1". */
static void put_images(const char *root, const char *folder, const char *items) {
    while (*items) {
        char name[512];
        size_t n = strcspn(items, ",");
        snprintf(name, sizeof name, "%s/%.*s", folder, (int)n - 2, items);
        put(root, name, "not looked at");
        items += n + strspn(items + n, ", ");
    }
}

void mini_write(const char *root) {
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        put(root, texts[i][0], texts[i][1]);
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        put(root, others[i], "junk");
    for (int i = 0; i < 10; i++) { /* the others list folders */
        const MiniDataset *mini = &mini_datasets[i];
        put_images(root, mini->root, mini->train);
        put_images(root, mini->root, mini->val);
        put_images(root, mini->root, mini->test);
    }
}
