/* methods.h: the methods there are. */
#ifndef EXPERIMENTS_METHODS_METHODS_H
#define EXPERIMENTS_METHODS_METHODS_H

#include "experiments/config/method_spec.h"

/* In the order of the help. */
const MethodList *method_list(void);

#endif
