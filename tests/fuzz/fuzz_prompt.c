/* fuzz_prompt.c: prompt files. */
#include "tests/fuzz/fuzz.h"

#include "coop/prompt_file.h"

#include <stdlib.h>
#include <string.h>

int fuzz_prompt(const uint8_t *data, size_t size) {
    FuzzFile input;
    Prompt prompt;
    fuzz_open(&input, data, size);
    bool was_read = prompt_read(&prompt, input.path, input.arena, &input.err) == 0;
    size_t length = 0;
    for (int k = 0; was_read && k < prompt.n_classes; k++)
        length += strlen(prompt.class_names[k]);
    if (was_read && (prompt.n_classes < 1 || prompt.n_ctx < 1 || prompt.width < 1 || length > size))
        abort();
    return fuzz_close(&input, was_read, NULL);
}

FUZZ_ENTRY(fuzz_prompt)
FUZZ_MUTATOR(fuzz_mutate_safetensors)
