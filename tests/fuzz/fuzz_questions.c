/* fuzz_questions.c: questions: a table, or where there is a byte 0x1E VQA's questions before and its
 * annotations behind it. */
#include "tests/fuzz/fuzz.h"

#include "datasets/captions/question_set.h"

#include <stdlib.h>
#include <string.h>

int fuzz_questions(const uint8_t *data, size_t size) {
    FuzzFile input;
    QuestionSet set;
    fuzz_open(&input, data, size);
    const uint8_t *cut = memchr(data, 0x1E, size);
    const char *questions = input.path, *annotations = NULL;
    if (cut) {
        const size_t first = (size_t)(cut - data);
        questions = fuzz_write(&input, "questions.json", data, first);
        annotations = fuzz_write(&input, "annotations.json", cut + 1, size - first - 1);
    }
    const bool was_read = question_set_read(&set, questions, annotations, input.arena, &input.err) == 0;
    if (was_read && (set.n < 1 || set.images.n != set.n))
        abort();
    for (int i = 0; was_read && i < set.n; i++)
        if (set.questions[i].n_answers < 1 || (set.questions[i].n_choices > 0) != set.has_choices)
            abort();
    return fuzz_close(&input, was_read, cut ? input.folder : NULL);
}

FUZZ_ENTRY(fuzz_questions)
