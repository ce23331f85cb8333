/* test_trainers.c: what the original's names stand for is there. */
#include "experiments/original/trainers.h"

#include "datasets/lists/catalog.h"
#include "experiments/methods/methods.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void test_trainers(void **state) {
    static const char *const names[] = {"CoOp", "CoCoOp",       "KgCoOp",       "ProGrad",
                                        "TCP",  "ZeroshotCLIP", "ZeroshotCLIP2"};
    char text[ORIGINAL_TRAINERS_TEXT];
    (void)state;
    original_trainers_text(text);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const OriginalTrainer *trainer = original_trainer(names[i]);
        assert_non_null(trainer);
        assert_non_null(strstr(text, names[i]));
        assert_true(trainer->trains == (strncmp(names[i], "Zeroshot", 8) != 0));
        assert_true(!trainer->precision || yacs_key_find(trainer->precision, trainer->code) >= 0);
        bool there = false;
        for (int m = 0; m < method_list()->n; m++)
            there |= strcmp(method_list()->specs[m]->section.name, trainer->method) == 0;
        assert_true(there);
    }
    assert_null(original_trainer("coop"));
    assert_null(original_trainer(""));
}

static void test_datasets(void **state) {
    static const char *const titles[] = {
        "Caltech101",   "OxfordPets", "StanfordCars",        "OxfordFlowers", "Food101",
        "FGVCAircraft", "SUN397",     "DescribableTextures", "EuroSAT",       "UCF101",
        "ImageNet",     "ImageNetV2", "ImageNetSketch",      "ImageNetA",     "ImageNetR"};
    (void)state;
    for (size_t i = 0; i < sizeof titles / sizeof *titles; i++) {
        const char *name = original_dataset(titles[i]);
        assert_non_null(name);
        assert_non_null(catalog_find(name));
        assert_string_equal(original_dataset_title(name), titles[i]);
    }
    assert_null(original_dataset("CIFAR10"));
    assert_null(original_dataset_title("cifar10"));
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_trainers), cmocka_unit_test(test_datasets)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
