/* test_report_configurations.c: experiments/report/report_configurations.c: YAML of every row, whether a file
 * or the result has it, and nothing in it becomes markup. */
#include "clip/base/files.h"
#include "experiments/config/yaml_tree.h"
#include "experiments/report/report.h"
#include "tests/support/report_support.h"
#include "tests/support/scratch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static const char *section(Cli *cli) {
    cli_ok(cli, "report", cli_path(cli, "out"), "--quiet");
    const char *page = page_read(cli, cli_path(cli, "out/" REPORT_FILE));
    const char *found = strstr(page, "<h3>Configuration</h3>");
    assert_non_null(found);
    return found;
}

static void test_from_result(void **state) {
    Cli *cli = *state;
    static const char config[] =
        "{\"method\":{\"name\":\"x\",\"lr\":0.002,\"csc\":true,\"</pre>\":\"</pre>\\n\\u001b\",\"none\":null,"
        "\"templates\":[\"a: {}\",\"- b\"],\"empty\":[],\"deep\":[[1,2],{\"a\":1}]},\"version\":1}";
    GIVE("out", "dtd", NULL, "x", 1, 1, 46, 50, config);
    const char *found = section(cli);
    page_has(found, "<pre>method:\n");
    page_has(found, "  &quot;&lt;/pre&gt;&quot;: &quot;&lt;/pre&gt;\\n\\u001B&quot;\n");
    page_has(found, "  csc: true\n");
    page_has(found, "  lr: 0.002\n");
    page_has(found, "  templates:\n    - &quot;a: {}&quot;\n    - &quot;- b&quot;\n");
    page_has(found, "version: 1\n</pre>");
    /* What stands there is YAML, short of the escapes. */
    size_t size = 0;
    const char *from = strstr(found, "<pre>") + 5, *to = strstr(from, "</pre>");
    char *yaml = arena_alloc(cli->arena, (size_t)(to - from) + 1, 1);
    for (const char *at = from; at < to; at++) {
        static const char *const entities[][2] = {{"&quot;", "\""}, {"&lt;", "<"}, {"&gt;", ">"}};
        for (int e = 0; e < 3; e++)
            if (strncmp(at, entities[e][0], strlen(entities[e][0])) == 0) {
                yaml[size++] = entities[e][1][0];
                at += strlen(entities[e][0]);
                e = -1;
            }
        yaml[size++] = *at;
    }
    Error err = {0};
    yaml = strstr(yaml, "  \"</pre>") ? yaml : NULL;
    assert_non_null(yaml);
    char *hostile = strstr(yaml, "\\n\\u001B"); /* the reader refuses control characters, also escaped */
    memset(hostile, '-', 8);
    const Node *root = yaml_parse(yaml, size, "yaml", true, cli->arena, &err);
    if (!root)
        fail_msg("%s in\n%s", err.text, yaml);
    assert_string_equal(node_find(node_find(root, "method"), "lr")->text, "0.002");
    assert_int_equal(node_find(node_find(root, "method"), "deep")->children[0]->n, 2);
}

static void test_from_file(void **state) {
    Cli *cli = *state;
    static const char yaml[] = "# <b>\nname: \"&\"\n";
    Error err = {0};
    GIVE("out", "dtd", NULL, "x", 1, 1, 46, 50, "{\"version\":1}");
    assert_int_equal(make_folders(cli_path(cli, "out/point"), &err), 0);
    scratch_file(cli_path(cli, "out/point/config.yaml"), yaml, strlen(yaml));
    page_has(section(cli), "<details><summary>x</summary><p>1 shot</p><pre># &lt;b&gt;\nname: "
                           "&quot;&amp;&quot;\n</pre></details>");
}

/* Epochs follow the shots: the fewer shots say what is theirs. */
static void test_difference(void **state) {
    Cli *cli = *state;
    GIVE("out", "dtd", NULL, "x", 16, 1, 46, 50, "{\"method\":{\"lr\":1,\"max_epoch\":200}}");
    GIVE("out", "dtd", NULL, "x", 1, 1, 46, 50, "{\"method\":{\"lr\":1,\"max_epoch\":50}}");
    const char *found = section(cli);
    page_has(found, "<p>16 shots</p><pre>method:\n  lr: 1\n  max_epoch: 200\n</pre>");
    page_has(found, "<p>1 shot: all the same but for</p><pre>  max_epoch: 50\n</pre>");
}

int main(void) {
    const struct CMUnitTest tests[] = {CLI_TEST(test_from_result), CLI_TEST(test_from_file),
                                       CLI_TEST(test_difference)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
