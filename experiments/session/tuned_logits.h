/* tuned_logits.h: the test images of a session under towers that a tuner has changed. */
#ifndef EXPERIMENTS_SESSION_TUNED_LOGITS_H
#define EXPERIMENTS_SESSION_TUNED_LOGITS_H

#include "coop/tuned_clip.h"
#include "experiments/session/session.h"

/* logits (n_test, K) of the session's test images, and val (n_val, K) of its validation images unless it is
 * NULL, for its classes, whose texts are those of the templates. file is the one that tuned was read from.
 * Images are encoded anew where the tower changed, or the session has no features of theirs. ERROR_SIGNAL
 * when a signal came. */
int tuned_logits(float *logits, float *val, const Tuned *tuned, const TensorFile *file,
                 const Session *session, const TextList *templates, Progress *progress, Arena *arena,
                 Error *err);

#endif
