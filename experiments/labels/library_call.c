/* library_call.c: see library_call.h */
#include "experiments/labels/library_call.h"

#include "experiments/terminal/interrupt.h"

int library_stop(void *context) {
    (void)context;
    return interrupt_signal() != 0;
}

int library_fail(Error *err, const coop_error *error) {
    if (error->code == COOP_STOPPED && interrupt_check(err) < 0)
        return -1;
    error_run(err, "%s", error->message);
    if (!err)
        return -1;
    err->is_memory = error->code == COOP_MEMORY;
    if (error->code <= COOP_FAILED) /* the kinds of errors begin like the codes */
        err->kind = (ErrorKind)error->code;
    return -1;
}

LoadedModel *library_model(const coop_classifier *classifier) {
    return classifier->model->loaded;
}

const ClassifierInfo *library_info(const coop_classifier *classifier) {
    return classifier_info(classifier->classifier);
}
