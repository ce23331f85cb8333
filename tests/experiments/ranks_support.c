/* ranks_support.c: see ranks_support.h */
#include "tests/experiments/ranks_support.h"

#include "clip/base/buffer.h"

#include <ctype.h>
#include <dirent.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

const char *ranks_launcher(const char *program) {
    char command[4200], line[512];
    const char *name = NULL;
    snprintf(command, sizeof command, "ldd '%s'", program);
    FILE *pipe = popen(command, "r");
    assert_non_null(pipe);
    while (fgets(line, sizeof line, pipe))
        name = strstr(line, "libmpich") ? "mpiexec.hydra" : strstr(line, "libmpi.") ? "mpirun.openmpi" : name;
    pclose(pipe);
    if (!name) {
        print_message("skipped: built without MPI (make MPI=1)\n");
        skip();
    }
    setenv("OMPI_ALLOW_RUN_AS_ROOT", "1", 1);
    setenv("OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "1", 1);
    setenv("OMPI_MCA_rmaps_base_oversubscribe", "1", 1);
    setenv("OMPI_MCA_btl_vader_single_copy_mechanism", "none", 1); /* wants a right that containers lack */
    return name;
}

void ranks_start(Cli *cli, int n, const char *const *words) {
    char coop[sizeof cli->program];
    Buffer line = {0};
    buffer_printf(&line, "exec %s -n %d '%s'", ranks_launcher(cli->program), n, cli->program);
    for (int i = 0; words[i]; i++)
        buffer_printf(&line, " '%s'", words[i]);
    buffer_puts(&line, " --threads 1");
    const char *text = buffer_take(&line, cli->arena);
    assert_non_null(text);
    snprintf(coop, sizeof coop, "%s", cli->program);
    snprintf(cli->program, sizeof cli->program, "/bin/sh");
    cli_start(cli, (const char *const[]){"-c", text, NULL});
    snprintf(cli->program, sizeof cli->program, "%s", coop);
}

int ranks_find(pid_t *pids, int most, const char *command, const char *yaml) {
    int n = 0;
    DIR *entries = opendir("/proc");
    assert_non_null(entries);
    for (const struct dirent *entry; (entry = readdir(entries)) && n < most;) {
        char path[300], words[8192] = "";
        snprintf(path, sizeof path, "/proc/%s/cmdline", entry->d_name);
        FILE *file = isdigit((unsigned char)*entry->d_name) ? fopen(path, "r") : NULL;
        const size_t size = file ? fread(words, 1, sizeof words - 1, file) : 0;
        if (file)
            fclose(file);
        const char *second = words + strlen(words) + 1; /* "coop", the command, the file */
        if (size > 0 && strcmp(second, command) == 0 && strcmp(second + strlen(second) + 1, yaml) == 0)
            pids[n++] = (pid_t)atoi(entry->d_name);
    }
    closedir(entries);
    return n;
}

bool ranks_kill_one(Cli *cli, int n, const char *command, const char *yaml, double delay, int signal,
                    Rng *rng) {
    enum { MOST = 8 };
    pid_t pids[MOST];
    int found = 0;
    for (int i = 0; signal && i < 5000 && ranks_find(pids, MOST, command, yaml) < n; i++)
        usleep(1000);
    if (signal) {
        usleep((useconds_t)(1e6 * delay));
        found = ranks_find(pids, MOST, command, yaml);
    }
    const bool killed = found > 0 && kill(pids[rng_below(rng, (uint32_t)found)], signal) == 0;
    cli_wait(cli);
    if (!killed && cli->status != 0)
        fail_msg("status %d:\n%s", cli->status, cli->err);
    return killed;
}
