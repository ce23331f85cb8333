/* test_gather.c: what every rank has a part of comes to all of them; what is sent is counted. Started again
 * by itself as several ranks, where it was built with MPI. */
#include "experiments/ranks/gather.h"

#include "tests/experiments/ranks_support.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

enum { MOST = 9, KIND = 3 };

static unsigned char byte_of(size_t at) {
    return (unsigned char)(at * 2654435761u >> 13);
}

/* Rank r has r parts of so many bytes: none at all of the first. */
static int gather(RankGroup *ranks, size_t unit) {
    const int n = ranks_count(ranks), self = ranks_index(ranks);
    size_t offsets[MOST + 1] = {0};
    for (int r = 0; r < n; r++)
        offsets[r + 1] = offsets[r] + (size_t)r * unit;
    unsigned char *all = calloc(offsets[n] + 1, 1);
    for (size_t i = offsets[self]; i < offsets[self + 1]; i++)
        all[i] = byte_of(i);
    const size_t before = ranks_sent(ranks);
    ranks_gather(ranks, KIND, all, offsets);
    int wrong = ranks_sent(ranks) - before != (size_t)(n - 1) * (size_t)self * unit;
    for (size_t i = 0; i < offsets[n]; i++)
        wrong |= all[i] != byte_of(i);
    free(all);
    return wrong;
}

/* What each of several ranks does. */
static int be_a_rank(void) {
    RankGroup *ranks;
    Error err = {0};
    if (ranks_open(&ranks, &err) < 0 || ranks_count(ranks) == 1)
        return 1;
    int wrong = 0;
    for (int i = 0; i < 20; i++)
        wrong |= gather(ranks, (size_t)i * 7);
    wrong |= gather(ranks, 5000011);
    if (wrong)
        ranks_abort(ranks, "other bytes than were sent");
    ranks_close(ranks);
    return 0;
}

static void test_alone(void **state) {
    (void)state;
    char all[] = "mine";
    ranks_gather(NULL, KIND, all, (const size_t[]){0, 4});
    assert_string_equal(all, "mine");
    ranks_exchange(NULL, KIND, NULL, 0, NULL, 0);
    assert_int_equal(ranks_sent(NULL), 0);
}

static void test_several(void **state) {
    char self[4096] = {0}, command[8200];
    (void)state;
    assert_true(readlink("/proc/self/exe", self, sizeof self - 1) > 0);
    const char *name = ranks_launcher(self);
    for (int n = 2; n <= 5; n += 3) {
        snprintf(command, sizeof command, "%s -n %d '%s' rank", name, n, self);
        assert_int_equal(system(command), 0);
    }
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_alone), cmocka_unit_test(test_several)};
    if (argc == 2 && strcmp(argv[1], "rank") == 0)
        return be_a_rank();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
