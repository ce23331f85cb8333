/* learned_file.c: see learned_file.h. */
#include "experiments/results/learned_file.h"

#include "coop/classifier_file.h"
#include "coop/tuned_file.h"

#include <stddef.h>

const char *learned_file_name(int index) {
    static const char *const names[] = {PROMPT_FILE, CLASSIFIER_FILE, TUNED_WEIGHTS_FILE, TUNED_LOW_RANK_FILE,
                                        NULL};
    return names[index];
}
