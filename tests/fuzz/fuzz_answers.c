/* fuzz_answers.c: candidate answers: lines, or VQA's annotations. */
#include "tests/fuzz/fuzz.h"

#include "datasets/captions/answer_list.h"

#include <stdlib.h>

int fuzz_answers(const uint8_t *data, size_t size) {
    FuzzFile input;
    AnswerList list;
    fuzz_open(&input, data, size);
    const bool was_read = answer_list_read(&list, input.path, 3, input.arena, &input.err) == 0;
    for (int i = 0; was_read && i < list.n; i++)
        if (!*list.answers[i])
            abort();
    if (was_read && list.n < 1)
        abort();
    return fuzz_close(&input, was_read, NULL);
}

FUZZ_ENTRY(fuzz_answers)
