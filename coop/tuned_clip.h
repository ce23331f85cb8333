/* tuned_clip.h: a checkpoint with what a tuner has learned in place: its towers as in a test.
 *
 *     tuned_read(&tuned, file, arena, err);
 *     tuned_clip_open(&clip, &tuned, file, &model, &source, err);
 *
 * A tower that did not change is the frozen one of the model.
 */
#ifndef COOP_TUNED_CLIP_H
#define COOP_TUNED_CLIP_H

#include "coop/loaded_model.h"
#include "coop/tuned_file.h"

/* The checkpoint, as it was opened for the model. */
typedef struct {
    const char *weights;
    ClipActivation activation;
    int heads;
    size_t memory_budget;
} TunedSource;

typedef struct {
    TrainableClip *clip;
    ImageTrainer *images; /* NULL: did not change */
    TextTrainer *text;    /* the same */
    LoadedModel *model;   /* borrowed */
} TunedClip;

/* Checks that the file belongs to the model's checkpoint. Caller closes, also after a failure. */
int tuned_clip_open(TunedClip *tuned_clip, const Tuned *tuned, const TensorFile *file, LoadedModel *model,
                    const TunedSource *source, Error *err);
void tuned_clip_close(TunedClip *tuned_clip);

/* Lets whatever encodes images with the model (loaded_model_source) take the changed tower from now on. */
void tuned_clip_lend(TunedClip *tuned_clip);

/* features (K, E), of unit length, as zeroshot_features. */
int tuned_clip_texts(TunedClip *tuned_clip, float *features, const char *const *templates, int n_templates,
                     const char *const *class_names, int n_classes, Error *err);

#endif
