/* Digests of files as sha256sum and git hash-object give them. */
#include "experiments/fetch/file_digest.h"

#include "tests/support/scratch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static void test_digests(void **state) {
    static const struct {
        const char *text, *sha256, *git;
    } cases[] = {
        {"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
         "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391"},
        {"hello\n", "5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03",
         "ce013625030ba8dba906f756967f9e9ca394464a"},
    };
    char path[512], digest[65];
    Error err = {0};
    scratch_path(state, "file", path, sizeof path);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        scratch_file(path, cases[i].text, strlen(cases[i].text));
        file_digest(digest, DIGEST_SHA256, path, &err);
        assert_string_equal(digest, cases[i].sha256);
        file_digest(digest, DIGEST_GIT, path, &err);
        assert_string_equal(digest, cases[i].git);
    }
    unlink(path);
    file_digest(digest, DIGEST_SHA256, path, &err);
    assert_string_equal(digest, "");
    assert_non_null(strstr(err.text, "cannot open"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_digests, scratch_setup, scratch_teardown)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
