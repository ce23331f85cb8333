/* test_csv.c: datasets/lists/csv.c */
#include "datasets/lists/csv.h"
#include "tests/support/list_support.h"
#include "tests/support/scratch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static int read_path(Lists *lists, const char *path) {
    bool has_parts;
    lists->dataset = (Dataset){0};
    return csv_read(&lists->dataset, &has_parts, "images", path, lists->arena, &lists->err);
}

static int read_text(Lists *lists, const char *text) {
    return read_path(lists, lists_file(lists, "@/a.csv", text));
}

static void test_label_and_class(void **state) {
    Lists *lists = *state;
    lists_assert_ok(lists, read_text(lists, "split,class,label,path\n"
                                            "train,cat,1,b/1.jpg\n"
                                            "test,dog,0,a/2.jpg\n"
                                            "train,dog,0,/abs/3.jpg\n"
                                            "val,cat,1,../4.jpg"));
    lists_assert_classes(lists, "dog, cat");
    lists_assert_items(lists, &lists->dataset.train, "b/1.jpg 1, /abs/3.jpg 0");
    lists_assert_items(lists, &lists->dataset.val, "../4.jpg 1");
    lists_assert_items(lists, &lists->dataset.test, "a/2.jpg 0");
    assert_string_equal(lists->dataset.root, "images");
    assert_string_equal(lists->dataset.source, lists_path(lists, "@/a.csv"));
}

static void test_class_alone(void **state) {
    Lists *lists = *state;
    lists_assert_ok(
        lists, read_text(lists, "path,class,split\n1,cat,train\n2,Zebu,train\n3,big_cat,test\n4,cat,val\n"));
    lists_assert_classes(lists, "Zebu, big_cat, cat");
    lists_assert_items(lists, &lists->dataset.train, "1 2, 2 0");
    lists_assert_items(lists, &lists->dataset.val, "4 2");
    lists_assert_items(lists, &lists->dataset.test, "3 1");
}

static void test_label_alone(void **state) {
    Lists *lists = *state;
    lists_assert_ok(lists, read_text(lists, "path,label,split\n1,1,train\n2,0,test\n3,1,train\n"));
    lists_assert_classes(lists, "0, 1");
    lists_assert_items(lists, &lists->dataset.train, "1 1, 3 1");
}

/* Byte order mark, CR LF, a lone CR, quotes, commas and line ends in fields, blanks, other columns, empty
 * lines. */
static void test_dialects(void **state) {
    Lists *lists = *state;
    lists_assert_ok(lists, read_text(lists, "\xEF\xBB\xBF\r\n id , path,\tclass , \"split\" \r\n\r\n"
                                            "7, \"a, \"\"b\"\".jpg\" ,say \"hi\",train\r\n"
                                            ",\" c.jpg \",\"two\nlines\",train\r"
                                            "\"\", d \"e\".jpg ,say \"hi\",\"test\"\n\n\n"));
    lists_assert_classes(lists, "say \"hi\", two\nlines");
    lists_assert_items(lists, &lists->dataset.train, "a, \"b\".jpg 0,  c.jpg  1");
    lists_assert_items(lists, &lists->dataset.test, "d \"e\".jpg 0");
}

#define HEAD "path,label,class,split\n"

static void test_errors(void **state) {
    static const struct {
        const char *text, *message;
    } cases[] = {
        {"", "@/a.csv: empty file"},
        {"\n\r\n", "@/a.csv: empty file"},
        {"\n\nfile,class,split\n", "@/a.csv: line 3: no column 'path'"},
        {"path,split\n", "@/a.csv: line 1: no column 'label' or 'class'"},
        {"path,split,class,path\n", "@/a.csv: line 1: column 'path' comes twice"},
        {HEAD, "@/a.csv: no images"},
        {HEAD "a,0,cat\n", "@/a.csv: line 2: 3 fields where the header has 4"},
        {HEAD "a,0,cat,train,\n", "@/a.csv: line 2: 5 fields where the header has 4"},
        {HEAD "a,0,cat,train\n ,0,cat,train\n", "@/a.csv: line 3: empty path"},
        {HEAD "a,0,cat,train\r\n\r\na,,cat,train\r\n", "@/a.csv: line 4: label '' is no integer"},
        {HEAD "a,0x1,cat,train\n", "@/a.csv: line 2: label '0x1' is no integer"},
        {HEAD "a,1.0,cat,train\n", "@/a.csv: line 2: label '1.0' is no integer"},
        {HEAD "a,-1,cat,train\n", "@/a.csv: line 2: label -1 is negative"},
        {HEAD "a,99999999999999999999,cat,train\n",
         "@/a.csv: line 2: label 9223372036854775807 is too large (at most 999999)"},
        {HEAD "a,0,cat,train\nb,0,dog,train\n", "@/a.csv: line 3: label 0 is 'cat' and 'dog'"},
        {HEAD "a,0,cat,train\nb,2,dog,train\n",
         "@/a.csv: no image has label 1 (labels go up to 2, without gaps)"},
        {HEAD "a,0,,train\n", "@/a.csv: line 2: empty class name"},
        {"path,class,split\na,,train\n", "@/a.csv: line 2: empty class name"},
        {"path,class,split\na,b\xFF,train\n", "@/a.csv: line 2: the class name of label 0 is not UTF-8"},
        {HEAD "a,0,cat,dev\n", "@/a.csv: line 2: split 'dev' (train, val or test)"},
        {HEAD "a,0,\"x\ny\",train\n\"b\"c,0,cat,train\n", "@/a.csv: line 4: text after a closing quote"},
        {HEAD "a,0,cat,train\n\"b,0,cat,train\nc,0\n", "@/a.csv: line 3: a quote is never closed"},
        {HEAD "\"", "@/a.csv: line 2: a quote is never closed"},
        {"\"path", "@/a.csv: line 1: a quote is never closed"},
    };
    Lists *lists = *state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        lists_assert_error(lists, read_text(lists, cases[i].text), cases[i].message);
    assert_int_equal(read_path(lists, "no/such.csv"), -1);
    assert_string_equal(lists->err.text, "no/such.csv: cannot open: No such file or directory");
}

/* Without a column split all rows are in one list, whatever their order. */
static void test_no_split(void **state) {
    Lists *lists = *state;
    bool has_parts;
    const char *path = lists_file(lists, "@/a.csv", "path,class\nb,dog\na,cat\n");
    lists_assert_ok(lists, csv_read(&lists->dataset, &has_parts, ".", path, lists->arena, &lists->err));
    assert_false(has_parts);
    lists_assert_items(lists, &lists->dataset.train, "b 1, a 0");
    path = lists_file(lists, "@/a.csv", "path,class,split\nb,dog,test\n");
    lists_assert_ok(lists, csv_read(&lists->dataset, &has_parts, ".", path, lists->arena, &lists->err));
    assert_true(has_parts);
}

/* UTF-16, and every cut of a good file: an error or a shorter list, never more. */
static void test_bytes(void **state) {
    static const char whole[] = HEAD "a,0,\"c\"\"at\",train\r\n\"b\",1,dog,test\r\n";
    Lists *lists = *state;
    const char *path = lists_path(lists, "@/a.csv");
    scratch_file(path, "\xFF\xFEp\0a\0", 6);
    lists_assert_error(lists, read_path(lists, path), "@/a.csv: not UTF-8 text (it holds a NUL byte)");
    for (size_t n = 0; n < sizeof whole; n++) {
        scratch_file(path, whole, n);
        if (read_path(lists, path) == 0) {
            assert_true(n > sizeof HEAD);
            assert_true(lists->dataset.train.n + lists->dataset.test.n <= 2);
        } else {
            assert_int_equal(lists->err.kind, ERROR_INPUT);
        }
    }
}

static void test_many_rows(void **state) {
    Lists *lists = *state;
    const char *path = lists_path(lists, "@/a.csv");
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs("path,class,split\n", file);
    for (int i = 0; i < 100000; i++)
        fprintf(file, "%d.jpg,class%04d,train\n", i, i * 7919 % 1000);
    fclose(file);
    lists_assert_ok(lists, read_path(lists, path));
    assert_int_equal(lists->dataset.train.n, 100000);
    assert_int_equal(lists->dataset.n_classes, 1000);
    assert_string_equal(lists->dataset.class_names[999], "class0999");
    for (int i = 0; i < 100000; i += 97)
        assert_int_equal(lists->dataset.train.items[i].label, i * 7919 % 1000);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, lists_setup, lists_teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_label_and_class), TEST(test_class_alone), TEST(test_label_alone), TEST(test_dialects),
        TEST(test_errors),          TEST(test_no_split),    TEST(test_bytes),       TEST(test_many_rows)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
