/* lists.h: lists of values of one key. */
#ifndef EXPERIMENTS_CONFIG_LISTS_H
#define EXPERIMENTS_CONFIG_LISTS_H

typedef struct {
    int *values;
    int n;
} IntList;

typedef struct {
    double *values;
    int n;
} RealList;

typedef struct {
    const char **values;
    int n;
} TextList;

#endif
