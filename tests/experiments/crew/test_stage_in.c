/* test_stage_in.c: ranks that do not have the checkpoint's file get it from rank 0 (--stage-in), and leave
 * the files of one process; without it they say that they lack it. Skipped where coop was built without MPI.
 */
#include "clip/base/files.h"
#include "tests/experiments/ranks_support.h"
#include "tests/experiments/run_support.h"
#include "tests/support/cli_support.h"
#include "tests/support/scratch.h"
#include "tests/support/support.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

/* The checkpoint is in the home of rank 0, and the others have none. */
static const char *write_files(Cli *cli) {
    const char *home = cli_path(cli, "home"), *yaml = cli_path(cli, "staged.yaml"),
               *wrapper = cli_path(cli, "rank");
    char command[2000];
    assert_int_equal(make_folders(home, NULL), 0);
    snprintf(command, sizeof command,
             "cp '" FIXTURES "clip_vit.safetensors' '%s/model.safetensors' && "
             "cp '" FIXTURES "merges.txt.gz' '%s/' && echo '{' > '%s/other.json'",
             home, home, home);
    assert_int_equal(system(command), 0);
    char *text = arena_printf(cli->arena,
                              "output: %s\nmodel: {weights: ~/model.safetensors}\n"
                              "dataset: {format: split, images: " FIXTURES "images, split: " FIXTURES
                              "split_zhou_Golden.json}\ngrid: {num_shots: [2], seed: [1, 2]}\n"
                              "optim: {max_epoch: 4, batch_size: 5}\n"
                              "methods: [linear_probe: {}, coop: {n_ctx: 4, csc: true}, "
                              "clip_lora: {n_iters: 2}]\n",
                              cli_path(cli, "staged"));
    scratch_file(yaml, text, strlen(text));
    text =
        arena_printf(cli->arena,
                     "#!/bin/sh\n[ \"${OMPI_COMM_WORLD_RANK:-${PMI_RANK:-0}}\" = 0 ] && export HOME='%s' || "
                     "export HOME=/nowhere\nexec '%s' \"$@\"\n",
                     home, cli->program);
    scratch_file(wrapper, text, strlen(text));
    assert_int_equal(chmod(wrapper, 0700), 0);
    return yaml;
}

static int run(Cli *cli, const char *launcher, int n, const char *yaml, const char *options) {
    char coop[sizeof cli->program];
    char *line = arena_printf(cli->arena, "exec %s -n %d '%s' run '%s' --threads 1 %s", launcher, n,
                              cli_path(cli, "rank"), yaml, options);
    snprintf(coop, sizeof coop, "%s", cli->program);
    snprintf(cli->program, sizeof cli->program, "/bin/sh");
    cli_start(cli, (const char *const[]){"-c", line, NULL});
    snprintf(cli->program, sizeof cli->program, "%s", coop);
    return cli_wait(cli);
}

static void test_stage_in(void **state) {
    Cli *cli = *state;
    const char *launcher = ranks_launcher(cli->program), *yaml = write_files(cli);
    assert_int_equal(run(cli, launcher, 1, yaml, "--stage-in"), 0);
    assert_int_equal(rename(cli_path(cli, "staged"), cli_path(cli, "whole")), 0);
    assert_int_not_equal(run(cli, launcher, 3, yaml, "--set parallel=points"), 0);
    if (!strstr(cli->err, "/nowhere/model.safetensors"))
        fail_msg("%s", cli->err);
    static const char *const options[] = {"--stage-in --set parallel=points",
                                          "--stage-in --set parallel=classes"};
    for (int i = 0; i < 2; i++) {
        assert_int_equal(system(arena_printf(cli->arena, "rm -rf '%s'", cli_path(cli, "staged"))), 0);
        if (run(cli, launcher, 3, yaml, options[i]) != 0)
            fail_msg("%s:\n%s", options[i], cli->err);
        assert_same_runs(cli, cli_path(cli, "whole"), cli_path(cli, "staged"));
    }
}

/* What rank 0 does not have itself ends all, with its reason. */
static void test_refused(void **state) {
    Cli *cli = *state;
    const char *launcher = ranks_launcher(cli->program), *yaml = write_files(cli);
    assert_int_not_equal(run(cli, launcher, 2, yaml, "--stage-in --set model.weights=ViT-B/32"), 0);
    if (!strstr(cli->err, "--stage-in: model ViT-B/32 is a name, or not there; its file or folder is needed"))
        fail_msg("%s", cli->err);
}

int main(void) {
    const struct CMUnitTest tests[] = {CLI_TEST(test_stage_in), CLI_TEST(test_refused)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
