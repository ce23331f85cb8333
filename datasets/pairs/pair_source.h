/* pair_source.h: what the kinds of sources (pairs.h) are made of. */
#ifndef DATASETS_PAIRS_PAIR_SOURCE_H
#define DATASETS_PAIRS_PAIR_SOURCE_H

#include "datasets/pairs/pairs.h"

#include <nettle/sha2.h>

typedef int (*PairGetFn)(const PairSource *source, int index, uint32_t seed, int epoch, Pair *pair,
                         Arena *arena, Error *err);

/* Nothing of it changes once it is open: pairs are got from several threads. */
struct PairSource {
    Arena *arena; /* of all that belongs to it, itself included */
    int n;        /* pairs */
    Remarks remarks;
    PairGetFn get;
    void (*close)(PairSource *source); /* what is no memory of the arena; or NULL */
    void *kind;                        /* of the kind of source */
    struct sha256_ctx sha;             /* of all that was hashed so far */
    char digest[65];
};

/* Empty, without a kind. NULL when memory is out. The caller closes it with pairs_close. */
PairSource *pair_source_create(PairGetFn get, Error *err);
void pair_source_hash(PairSource *source, const void *data, size_t size);
void pair_source_hash_text(PairSource *source, const char *text); /* and the NUL behind it */
/* Takes the digest of what was hashed. A source without pairs is an error. Returns the source, or closes it
 * and returns NULL. */
PairSource *pair_source_finish(PairSource *source, const char *name, Error *err);

/* The bytes of a file of its own, owned by the arena. */
int pair_read_file(Pair *pair, const char *path, Arena *arena, Error *err);

#endif
