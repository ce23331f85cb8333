/* test_machine.c: limits of all kinds, in planted trees of /proc and /sys and in processes of their own. */
#define _GNU_SOURCE /* sched_setaffinity */
#include "clip/base/machine.h"

#include "clip/base/files.h"
#include "tests/support/scratch.h"

#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define MIB ((size_t)1 << 20)

static void plant(void **state, const char *name, const char *text) {
    char path[4096];
    scratch_path(state, name, path, sizeof path);
    *strrchr(path, '/') = '\0';
    assert_int_equal(make_folders(path, NULL), 0);
    path[strlen(path)] = '/';
    scratch_file(path, text, strlen(text));
}

static int threads(void **state) {
    return machine_threads(*state);
}

static size_t memory(void **state) {
    return machine_memory(*state);
}

#define CGROUP "sys/fs/cgroup/"

static void without_groups_the_whole_machine(void **state) {
    const size_t all = (size_t)sysconf(_SC_PHYS_PAGES) * (size_t)sysconf(_SC_PAGE_SIZE);
    assert_int_equal(memory(state), all);
    assert_in_range(threads(state), 1, sysconf(_SC_NPROCESSORS_CONF));
    plant(state, "proc/self/cgroup", "0::/\n");
    assert_int_equal(memory(state), all);
    plant(state, CGROUP "memory.max", "max\n");
    plant(state, CGROUP "cpu.max", "max 100000\n");
    assert_int_equal(memory(state), all);
    assert_in_range(threads(state), 1, sysconf(_SC_NPROCESSORS_CONF));
    assert_true(machine_threads("") >= 1 && machine_memory("") > 0);
}

static void a_group_of_v2(void **state) {
    plant(state, "proc/self/cgroup", "0::/a/b\n");
    plant(state, CGROUP "a/b/memory.max", "104857600\n");
    plant(state, CGROUP "a/b/cpu.max", "50000 100000\n");
    assert_int_equal(memory(state), 100 * MIB);
    assert_int_equal(threads(state), 1);
    plant(state, CGROUP "a/memory.max", "52428800\n"); /* one above it gives less */
    assert_int_equal(memory(state), 50 * MIB);
    plant(state, CGROUP "memory.max", "20971520\n");
    assert_int_equal(memory(state), 20 * MIB);
    plant(state, CGROUP "a/memory.max", "max\n");
    plant(state, CGROUP "a/b/memory.max", "10485760\n");
    assert_int_equal(memory(state), 10 * MIB);
    plant(state, CGROUP "c/memory.max", "1048576\n"); /* a stranger's */
    assert_int_equal(memory(state), 10 * MIB);
}

/* The path is that of the world outside; what is mounted is the container itself. */
static void a_container_of_v1(void **state) {
    plant(state, "proc/self/cgroup",
          "11:cpu,cpuacct:/docker/1f2e\n5:memory:/docker/1f2e\n1:name=systemd:/docker/1f2e\n");
    plant(state, CGROUP "memory/memory.limit_in_bytes", "209715200\n");
    plant(state, CGROUP "cpu/cpu.cfs_quota_us", "20000\n");
    plant(state, CGROUP "cpu/cpu.cfs_period_us", "100000\n");
    assert_int_equal(memory(state), 200 * MIB);
    assert_int_equal(threads(state), 1);
}

static void a_group_of_v1(void **state) {
    plant(state, "proc/self/cgroup", "4:memory:/jobs/7\n2:cpuacct,cpu:/jobs\n1:cpuset:/\n0::/\n");
    plant(state, CGROUP "memory/memory.limit_in_bytes", "9223372036854771712\n");
    plant(state, CGROUP "memory/jobs/memory.limit_in_bytes", "104857600\n");
    plant(state, CGROUP "memory/jobs/7/memory.limit_in_bytes", "209715200\n");
    plant(state, CGROUP "cpu/cpu.cfs_quota_us", "-1\n");
    plant(state, CGROUP "cpu/jobs/cpu.cfs_quota_us", "100000\n");
    plant(state, CGROUP "cpu/jobs/cpu.cfs_period_us", "100000\n");
    assert_int_equal(memory(state), 100 * MIB);
    assert_int_equal(threads(state), 1);
}

static void what_cannot_be_read_limits_nothing(void **state) {
    static const char *const groups[] = {"",        "0::\n", "nonsense\n", "0::/../x\n",
                                         ":::::\n", "0::/a", "5:memory"};
    const size_t all = memory(state);
    for (size_t i = 0; i < sizeof groups / sizeof *groups; i++) {
        plant(state, "proc/self/cgroup", groups[i]);
        plant(state, CGROUP "a/memory.max", "many\n");
        plant(state, CGROUP "a/cpu.max", "");
        assert_int_equal(memory(state), all);
        assert_true(threads(state) >= 1);
    }
    plant(state, "proc/self/cgroup", "0::/../x\n");
    plant(state, CGROUP "memory.max", "1048576\n");
    assert_int_equal(memory(state), MIB);
}

/* The status of run in a process of its own. */
static int status_of(int (*run)(void **state), void **state) {
    int status;
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0)
        _exit(run(state));
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static int on_one_processor(void **state) {
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(sched_getcpu(), &one);
    return sched_setaffinity(0, sizeof one, &one) == 0 ? threads(state) : 99;
}

static int in_little_space(void **state) {
    const struct rlimit limit = {1024 * MIB, RLIM_INFINITY};
    return setrlimit(RLIMIT_AS, &limit) == 0 && memory(state) == 1024 * MIB;
}

static void limits_of_a_process(void **state) {
    assert_int_equal(status_of(on_one_processor, state), 1);
    if (!scratch_instrumented())
        assert_int_equal(status_of(in_little_space, state), 1);
}

/* A quota above the processors that there are changes nothing; below, it is rounded. */
static void a_quota_is_rounded(void **state) {
    const int all = threads(state);
    plant(state, "proc/self/cgroup", "0::/\n");
    plant(state, CGROUP "cpu.max", "150000 100000\n");
    assert_int_equal(threads(state), all < 2 ? all : 2);
    plant(state, CGROUP "cpu.max", "140000 100000\n");
    assert_int_equal(threads(state), 1);
    plant(state, CGROUP "cpu.max", "1000 100000\n");
    assert_int_equal(threads(state), 1);
    plant(state, CGROUP "cpu.max", "100000000 100000\n");
    assert_int_equal(threads(state), all);
}

static void slurm_gives_a_task_some(void **state) {
    const int all = machine_threads(*state);
    setenv("SLURM_CPUS_PER_TASK", "1", 1);
    assert_int_equal(machine_threads(*state), 1);
    setenv("SLURM_CPUS_PER_TASK", "100000", 1);
    assert_int_equal(machine_threads(*state), all);
    setenv("SLURM_CPUS_PER_TASK", "", 1);
    assert_int_equal(machine_threads(*state), all);
    unsetenv("SLURM_CPUS_PER_TASK");
}

#define SCRATCH_TEST(function) cmocka_unit_test_setup_teardown(function, scratch_setup, scratch_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        SCRATCH_TEST(without_groups_the_whole_machine),
        SCRATCH_TEST(a_group_of_v2),
        SCRATCH_TEST(a_container_of_v1),
        SCRATCH_TEST(a_group_of_v1),
        SCRATCH_TEST(what_cannot_be_read_limits_nothing),
        SCRATCH_TEST(limits_of_a_process),
        SCRATCH_TEST(a_quota_is_rounded),
        SCRATCH_TEST(slurm_gives_a_task_some),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
