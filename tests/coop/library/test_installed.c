/* test_installed.c: what `make install` puts where a stranger finds it. Programs see nothing but that: they
 * are compiled as C99 and as C++17 with every warning an error, the two examples, the one of the README, and
 * then they run. Only coop_* is visible; the manual says all that there is; and all of it goes again.
 */
#include "clip/base/files.h"
#include "tests/coop/library/learned_files.h"
#include "tests/support/cli_support.h"
#include "tests/support/scratch.h"

#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define IMAGE "tests/fixtures/images/shape00/0000.jpg"
#define OTHER "tests/fixtures/images/shape01/0000.jpg"
#define WARNINGS "-Wall -Wextra -pedantic -Werror"

static const char *const LANGUAGES[] = {"cc -std=c99", "c++ -std=c++17 -x c++"};

/* The status of a shell command, in which $ROOT is what was installed, $BUILD the build and $WORK a folder.
 * What it prints is cli->out. */
static int shell(Cli *cli, const char *command) {
    const char *out = cli_path(cli, "out");
    char *line = arena_printf(cli->arena, "{ %s; } >'%s' 2>&1", command, out);
    const int status = system(line);
    cli->out = cli_read(cli, out, NULL);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}

static void shell_ok(Cli *cli, const char *command) {
    if (shell(cli, command) != 0)
        fail_msg("%s:\n%s", command, cli->out);
}

/* BUILD of BUILD/coop, as make was told it. */
static const char *build_folder(Cli *cli) {
    char here[4096];
    assert_non_null(getcwd(here, sizeof here));
    const size_t n = strlen(here);
    char *build = path_folder(cli->arena, cli->program);
    return strncmp(build, here, n) == 0 && build[n] == '/' ? build + n + 1 : build;
}

static int setup(void **state) {
    if (cli_setup(state) != 0)
        return -1;
    Cli *cli = *state;
    setenv("BUILD", build_folder(cli), 1);
    setenv("WORK", cli_path(cli, "work"), 1);
    setenv("ROOT", cli_path(cli, "root"), 1);
    setenv("LD_LIBRARY_PATH", arena_printf(cli->arena, "%s/opt/lib", getenv("ROOT")), 1);
    setenv("PKG_CONFIG_PATH", arena_printf(cli->arena, "%s/opt/lib/pkgconfig", getenv("ROOT")), 1);
    unsetenv("MAKEFLAGS"); /* of a make that runs the tests */
    unsetenv("MAKELEVEL");
    shell_ok(cli, "mkdir \"$WORK\"; make -s BUILD=\"$BUILD\" DESTDIR=\"$ROOT\" PREFIX=/opt install");
    return 0;
}

/* An instrumented library wants an instrumented program. */
static bool is_instrumented(void) {
    return scratch_instrumented();
}

static void test_files(void **state) {
    Cli *cli = *state;
    shell_ok(cli, "cd \"$ROOT/opt\" && find . ! -type d | sort | tr '\\n' ' '");
    char *version = strstr(cli->out, "libcoop.so.0."), *end = version ? strchr(version, ' ') : NULL;
    assert_non_null(end);
    *end = '\0';
    const char *number = arena_printf(cli->arena, "%s", version + strlen("libcoop.so."));
    *end = ' ';
    assert_string_equal(cli->out,
                        arena_printf(cli->arena,
                                     "./bin/coop ./include/coop.h ./lib/libcoop.a ./lib/libcoop.so "
                                     "./lib/libcoop.so.0 ./lib/libcoop.so.%s ./lib/pkgconfig/coop.pc "
                                     "./share/coop/coop.py ./share/doc/coop/examples/label.c "
                                     "./share/doc/coop/examples/watch.c ./share/man/man1/coop.1 "
                                     "./share/man/man3/coop.3 ",
                                     number));
    shell_ok(cli, "pkg-config --modversion coop");
    assert_string_equal(cli->out, arena_printf(cli->arena, "%s\n", number));
    /* Where the headers of the libraries below are not installed, too. */
    shell_ok(cli, "PKG_CONFIG_LIBDIR=\"$PKG_CONFIG_PATH\" pkg-config --cflags --libs coop");
    shell_ok(cli, "\"$ROOT/opt/bin/coop\" --version");
    assert_string_equal(cli->out, arena_printf(cli->arena, "coop %s\n", number));
    shell_ok(cli, "readelf -d \"$ROOT/opt/lib/libcoop.so\" | grep 'SONAME.*libcoop.so.0\\]'");
    shell_ok(cli,
             "make -s BUILD=\"$BUILD\" DESTDIR=\"$ROOT\" PREFIX=/opt uninstall; find \"$ROOT\" ! -type d");
    assert_string_equal(cli->out, "");
}

static void test_symbols(void **state) {
    Cli *cli = *state;
    if (is_instrumented())
        skip();
    static const char *const listings[] = {"nm -D --defined-only \"$ROOT/opt/lib/libcoop.so\"",
                                           "nm -g --defined-only \"$ROOT/opt/lib/libcoop.a\" | grep ' '"};
    for (int i = 0; i < 2; i++) {
        shell_ok(cli, arena_printf(cli->arena, "%s | grep -c ' T coop_' && grep -c '^COOP_API' coop/coop.h",
                                   listings[i]));
        assert_true(atoi(cli->out) > 20 && atoi(cli->out) == atoi(strchr(cli->out, '\n')));
        assert_int_equal(shell(cli, arena_printf(cli->arena, "%s | grep -v ' T coop_'", listings[i])), 1);
    }
    /* What would change the process, and what would end it. */
    assert_int_equal(shell(cli, "nm -D --undefined-only \"$ROOT/opt/lib/libcoop.so\" | grep -E "
                                "' "
                                "(openblas_set_num_threads|setlocale|setenv|putenv|unsetenv|exit|_exit|abort|"
                                "sigaction|signal|fork|"
                                "chdir|umask|sched_setaffinity|printf|puts|putchar|perror)(@|$)'"),
                     1);
}

/* --- programs --- */

static void compile(Cli *cli, const char *language, const char *source, const char *program,
                    const char *link) {
    shell_ok(cli, arena_printf(cli->arena,
                               "%s " WARNINGS " %s $(pkg-config --define-variable=prefix=\"$ROOT/opt\" "
                               "--define-variable=libdir=\"$ROOT/opt/lib\" "
                               "--define-variable=includedir=\"$ROOT/opt/include\" --cflags coop) "
                               "-o \"$WORK/%s\" -x none %s",
                               language, source, program, link));
}

#define SHARED_LINK "-L\"$ROOT/opt/lib\" -lcoop"
#define STATIC_LINK                                                                                          \
    "\"$ROOT/opt/lib/libcoop.a\" $(sed -n 's/^Libs.private: //p' \"$PKG_CONFIG_PATH/coop.pc\")"

static void check_label(Cli *cli, const char *learned) {
    cli_ok(cli, "classify", learned, IMAGE, OTHER);
    const char *expected = cli->out;
    shell_ok(cli, arena_printf(cli->arena, "\"$WORK/label\" '%s' " IMAGE " " OTHER " 2>/dev/null", learned));
    assert_string_equal(cli->out, expected);
    const char *bad = arena_printf(cli->arena, "\"$WORK/label\" '%s' none.jpg " IMAGE, learned);
    assert_int_equal(shell(cli, bad), 1);
    assert_non_null(strstr(cli->out, "none.jpg: cannot open"));
    assert_non_null(strstr(cli->out, IMAGE "  "));
    assert_int_equal(shell(cli, "\"$WORK/label\" README.md " IMAGE), 3);
    assert_int_equal(shell(cli, "\"$WORK/label\""), 2);
}

static void test_label(void **state) {
    Cli *cli = *state;
    const char *learned = cli_path(cli, "learned.safetensors");
    if (is_instrumented())
        skip();
    learned_file_write(learned, LEARNED_CACHE);
    for (int i = 0; i < 2; i++) {
        compile(cli, LANGUAGES[i], "\"$ROOT/opt/share/doc/coop/examples/label.c\"", "label", SHARED_LINK);
        check_label(cli, learned);
    }
    compile(cli, LANGUAGES[0], "\"$ROOT/opt/share/doc/coop/examples/label.c\"", "label", STATIC_LINK);
    check_label(cli, learned);
    assert_int_equal(shell(cli, "readelf -d \"$WORK/label\" | grep libcoop"), 1);
}

/* A line of what it prints within ten seconds. */
static void expect_line(int out, const char *part) {
    char line[1024] = "";
    size_t n = 0;
    struct pollfd ready = {.fd = out, .events = POLLIN};
    while (n + 1 < sizeof line && !strchr(line, '\n') && poll(&ready, 1, 10000) == 1 &&
           read(out, line + n, 1) == 1)
        line[++n] = '\0';
    if (!strstr(line, part))
        fail_msg("'%s' where '%s' is needed", line, part);
}

static void check_watch(Cli *cli, const char *learned) {
    int out[2], status;
    const char *folder = cli_path(cli, "incoming"), *program = cli_path(cli, "work/watch");
    make_folders(folder, NULL);
    assert_int_equal(pipe(out), 0);
    const pid_t child = fork();
    if (child == 0) {
        dup2(out[1], STDOUT_FILENO);
        dup2(out[1], STDERR_FILENO);
        execl(program, program, learned, folder, (char *)NULL);
        _exit(127);
    }
    close(out[1]);
    expect_line(out[0], "watching ");
    cli_copy(IMAGE, cli_path(cli, "incoming/a.jpg"));
    expect_line(out[0], "/a.jpg  ");
    shell_ok(cli, "cp README.md \"$ROOT/../incoming/b.jpg\"");
    expect_line(out[0], "/b.jpg: ");
    shell_ok(cli, "cp " OTHER " \"$ROOT/../incoming/.c.tmp\"; mv \"$ROOT/../incoming/.c.tmp\" "
                  "\"$ROOT/../incoming/c.jpg\"");
    expect_line(out[0], "/c.jpg  ");
    kill(child, SIGTERM);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    close(out[0]);
    shell_ok(cli, "rm -r \"$ROOT/../incoming\"");
}

static void test_watch(void **state) {
    Cli *cli = *state;
    const char *learned = cli_path(cli, "learned.safetensors");
    if (is_instrumented())
        skip();
    learned_file_write(learned, LEARNED_PROMPT);
    for (int i = 0; i < 2; i++) {
        compile(cli, LANGUAGES[i], "\"$ROOT/opt/share/doc/coop/examples/watch.c\"", "watch", SHARED_LINK);
        check_watch(cli, learned);
    }
}

static void test_program_of_the_readme(void **state) {
    Cli *cli = *state;
    const char *learned = cli_path(cli, "work/prompt.safetensors");
    if (is_instrumented())
        skip();
    learned_file_write(learned, LEARNED_PROMPT);
    cli_copy(IMAGE, cli_path(cli, "work/photo.jpg"));
    shell_ok(cli, "sed -n '/^    #include <coop.h>/,/^    }$/s/^    //p' README.md >\"$WORK/readme.c\"");
    cli_ok(cli, "classify", learned, IMAGE);
    const char *expected = strstr(cli->out, "  ") + 2;
    for (int i = 0; i < 2; i++) {
        compile(cli, LANGUAGES[i], "\"$WORK/readme.c\"", "readme", SHARED_LINK);
        shell_ok(cli, "ln -sfn \"$PWD/tests\" \"$WORK/tests\"; cd \"$WORK\" && ./readme");
        assert_string_equal(cli->out, expected);
    }
}

/* --- the manual --- */

static void test_manual(void **state) {
    Cli *cli = *state;
    shell_ok(cli, "for name in $(\"$ROOT/opt/bin/coop\" --help | sed -n 's/^  \\([a-z]*\\) .*/\\1/p'); do "
                  "grep -q \"^.SS coop $name$\" \"$ROOT/opt/share/man/man1/coop.1\" || echo \"no $name\"; "
                  "\"$ROOT/opt/bin/coop\" $name --help | sed 's/\\\\/\\\\e/g; s/-/\\\\-/g' | "
                  "grep -m 1 -A 3 '^options' | while IFS= read -r line; do grep -qF -- \"$line\" "
                  "\"$ROOT/opt/share/man/man1/coop.1\" || echo \"no $line\"; done; done");
    assert_string_equal(cli->out, "");
    shell_ok(cli, "for name in $(nm -D --defined-only \"$ROOT/opt/lib/libcoop.so\" | sed -n 's/.* T //p') "
                  "COOP_VERSION COOP_STOPPED reserved val_accuracy; do grep -q $name "
                  "\"$ROOT/opt/share/man/man3/coop.3\" || echo \"no $name\"; done");
    if (!is_instrumented())
        assert_string_equal(cli->out, "");
    shell_ok(cli, "command -v man >/dev/null && command -v groff >/dev/null || exit 0; for n in 1 3; do "
                  "man --warnings -l \"$ROOT/opt/share/man/man$n/coop.$n\" 2>&1 >/dev/null; done");
    assert_string_equal(cli->out, "");
}

/* What the program links is in the table of the README, with its terms. */
static void test_terms(void **state) {
    Cli *cli = *state;
    if (is_instrumented())
        skip();
    shell_ok(cli, "readelf -d \"$ROOT/opt/bin/coop\" \"$ROOT/opt/lib/libcoop.so\" | "
                  "sed -n 's/.*NEEDED.*\\[\\(lib[a-z]*\\)[-.0-9].*/\\1/p' | sort -u | while read -r name; do "
                  "sed -n '/^| library | /,/^$/p' README.md | grep -qw $name || echo \"no $name\"; done");
    assert_string_equal(cli->out, "");
}

/* --- Python --- */

static void test_python(void **state) {
    Cli *cli = *state;
    if (is_instrumented() || shell(cli, "${PYTHON:-python3} -c 'import ctypes'") != 0) {
        print_message("no python3 with ctypes here: coop.py is not tested\n");
        skip();
    }
    const char *learned = cli_path(cli, "learned.safetensors");
    for (LearnedKind kind = 0; kind < LEARNED_KINDS; kind++) {
        learned_file_write(learned, kind);
        cli_ok(cli, "classify", learned, IMAGE, OTHER, "--top", "2", "--json");
        const char *json = cli_path(cli, "expected.json");
        assert_int_equal(file_write(json, cli->out, strlen(cli->out), NULL), 0);
        for (int one = 0; one < 2; one++) { /* the threads of OpenBLAS, and what the last digits may be */
            shell_ok(cli,
                     arena_printf(cli->arena,
                                  "%s PYTHONPATH=\"$ROOT/opt/share/coop\" ${PYTHON:-python3} -B "
                                  "tests/coop/library/check_coop.py %s '%s' '%s' " IMAGE " " OTHER,
                                  one ? "OPENBLAS_NUM_THREADS=1" : "", one ? "1e-8" : "1e-5", learned, json));
            assert_non_null(strstr(cli->out, "as the command line says"));
        }
    }
    if (strstr(cli->out, "no NumPy"))
        print_message("%s", cli->out);
}

#define INSTALLED(function) cmocka_unit_test_setup_teardown(function, setup, cli_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {INSTALLED(test_files),  INSTALLED(test_symbols),
                                       INSTALLED(test_label),  INSTALLED(test_watch),
                                       INSTALLED(test_manual), INSTALLED(test_program_of_the_readme),
                                       INSTALLED(test_terms),  INSTALLED(test_python)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
