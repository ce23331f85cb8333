/* provenance.h: how something was learned and how accurate it is, as metadata of its file.
 *
 * All texts: method, num_shots (a number or "all"), seed, val_accuracy and accuracy (in 0..1), key, program.
 */
#ifndef COOP_LEARNED_PROVENANCE_H
#define COOP_LEARNED_PROVENANCE_H

#include "clip/base/arena.h"
#include "clip/tensors/tensors.h"

/* NULL, -1 and NAN: not known; without a method nothing is, as of what earlier versions have written. */
typedef struct {
    const char *method;            /* the section of an experiment file: "coop", "linear_probe" */
    int num_shots, seed;           /* images of each class; 0: it needs none; ALL_SHOTS: all there were */
    double val_accuracy, accuracy; /* on validation and on test images, in 0..1 */
    const char *key, *program;     /* of its result (results.jsonl); "coop 1.2.3" */
} Provenance;
enum { ALL_SHOTS = 1 << 30 };

/* As metadata; returns how many. The texts are in it as long as it lasts, or borrowed. */
enum { PROVENANCE_METADATA = 7 };
typedef struct {
    char num_shots[16], seed[16], val_accuracy[32], accuracy[32];
} ProvenanceTexts;
int provenance_metadata(MetadataOut out[PROVENANCE_METADATA], ProvenanceTexts *texts, const Provenance *made);

/* Texts are owned by the arena. */
int provenance_read(Provenance *made, const TensorFile *file, Arena *arena, Error *err);

/* Writes a file of tensors again, atomically, with this provenance and a checksum: accuracies are known once
 * it has been used. */
int provenance_put(const char *path, const Provenance *made, Error *err);

#endif
