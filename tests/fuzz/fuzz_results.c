/* fuzz_results.c: results.jsonl. */
#include "tests/fuzz/fuzz.h"

#include "experiments/results/results.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What readers of results rely on. */
static void check_result(const ResultList *list, const Result *result) {
    if (results_find(list, result->key) != result || strlen(result->key) != 64 || !result->dataset ||
        !result->method || !result->label || result->n_classes < 0 || result->epochs < 0)
        abort();
    const ResultSetting *start = result_setting(result, "ctx_init"), *csc = result_setting(result, "csc");
    if ((start && (start->kind != SETTING_TEXT || !start->text)) || (csc && csc->kind != SETTING_BOOL))
        abort();
    for (int k = 0; result->per_class && k < result->n_classes; k++)
        if (isinf(result->per_class[k]))
            abort();
}

int fuzz_results(const uint8_t *data, size_t size) {
    FuzzFile input;
    ResultList list;
    fuzz_open(&input, data, 0);
    char start[64];
    snprintf(start, sizeof start, "%s", fuzz_write(&input, "results.jsonl", data, size));
    input.size = size;
    bool was_read = results_read(&list, input.folder, input.arena, &input.err) == 0;
    for (int i = 0; was_read && i < list.n; i++)
        check_result(&list, &list.results[i]);
    return fuzz_close(&input, was_read, start);
}

FUZZ_ENTRY(fuzz_results)
