/* section_read.h: the keys of one section of a file, checked against its table and read into a struct. */
#ifndef EXPERIMENTS_CONFIG_SECTION_READ_H
#define EXPERIMENTS_CONFIG_SECTION_READ_H

#include "experiments/config/config_values.h"

/* All sections of a kind of file, one after the other; NULL past the end. What is said of a key in the wrong
 * section follows from them. */
typedef const SectionSpec *(*SectionAt)(const void *context, int index);

typedef struct {
    SectionAt at;
    const void *context;
} SectionList;

/* The plain keys of one section into base; map is NULL when the section is not there, parent the node to
 * blame then. Sections within it are only checked for being known. An unknown key is refused with the one
 * that was meant. */
int section_read(const SectionSpec *section, const Node *map, const Node *parent, void *base,
                 const SectionList *all, Arena *arena, Error *err);

#endif
