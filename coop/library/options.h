/* options.h: the options of coop.h, as a program of any age has filled them. */
#ifndef COOP_LIBRARY_OPTIONS_H
#define COOP_LIBRARY_OPTIONS_H

#include "clip/base/error.h"
#include "coop/classifier.h"
#include "coop/coop.h"

/* *options as the caller's (which may be NULL) say; what his header did not know is zero. ERROR_USAGE where a
 * value is out of range, or set behind what this library knows. */
int options_read(coop_options *options, const coop_options *given, Error *err);

/* For the room below, without `stop`. */
LoadedModelOptions options_of_model(const coop_options *options);
ClassifierOptions options_of_classifier(const coop_options *options);

#endif
