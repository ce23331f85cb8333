/* session.h: what the points of one experiment share: model, dataset, encoded images. */
#ifndef EXPERIMENTS_SESSION_SESSION_H
#define EXPERIMENTS_SESSION_SESSION_H

#include "clip/base/text_map.h"
#include "coop/loaded_model.h"
#include "coop/steps/text_parts.h"
#include "datasets/features/features.h"
#include "datasets/features/given_features.h"
#include "datasets/lists/dataset.h"
#include "experiments/config/experiment.h"
#include "experiments/session/image_notes.h"
#include "experiments/session/training_watch.h"
#include "experiments/terminal/progress.h"

#include <pthread.h>

/* Who else may have the features of a list in views first, first + 1, ..., or make them. 1: they are in
 * `features` (n_views, n, E); 0: what could be had is in the cache, which is asked next; -1 with an error.
 * progress is that of features_get. */
typedef int (*FeatureHelpFn)(void *context, FeatureCache *cache, float *features, const ItemList *items,
                             FeatureView first, int n_views, ProgressFn progress, void *progress_context,
                             Error *err);

typedef struct {
    const Experiment *experiment;
    Dataset dataset;
    const char *name;  /* of the dataset in results and titles: "oxford_pets_new" */
    LoadedModel model; /* set and borrowed by session_attach; a copy of the session may use another pool */
    FeatureCache *cache, *unprojected; /* the second of features before the tower's last layer */
    bool borrows_cache;
    GivenFeatures *given; /* in place of the images; NULL: these are encoded */
    FeatureHelpFn help;   /* asked before the cache; NULL: nobody */
    void *help_context;
    const PartLink *link;        /* ranks that take parts of a training's classes; borrowed, may be NULL */
    ImageNotes *notes;           /* while set, images are noted here instead of encoded */
    pthread_mutex_t *cache_lock; /* of a cache that points running side by side share; else NULL */
    Arena *arena;
    bool quiet;
    char split_digest[65];      /* SHA-256 of names, paths and labels */
    const TrainingWatch *watch; /* told of each training; borrowed, may be NULL */

    /* of the encoding since the last session_save */
    Progress progress;
    long n_encoded; /* images */
    double seconds; /* that they took */

    /* filled by session_encode_test */
    const float *test_raw, *test_unit; /* (n_test, E): as the tower gives them, and of unit length */
    const int *test_labels;            /* (n_test) */
    const float *test_unprojected;     /* (n_test, C), for methods that use them (MethodUse); else NULL */

    /* filled by session_encode_val */
    ItemList val;
    const float *val_raw, *val_unit; /* (val.n, E), as those of the test */
    const float *val_unprojected;    /* (val.n, C), as that of the test */
    const int *val_labels;           /* (val.n) */
} Session;

/* Reads the lists of the dataset. Caller closes, also after a failure. */
int session_open(Session *session, const Experiment *experiment, bool quiet, Error *err);

/* Gives the session a model, which it borrows, and a cache of image features: that of `from`, if given, whose
 * model must be the same, unless its images are turned otherwise. Nothing is written yet: encoded images wait
 * for session_save, or for features_get once the first has waited half a minute. */
int session_attach(Session *session, const LoadedModel *model, const Session *from, Error *err);
void session_close(Session *session);

/* Prints the remarks on the dataset (datasets/lists/remarks.h) that are not in `said`, and puts them there.
 * The map's arena must live as long as the session. */
int session_print_remarks(const Session *session, TextMap *said, Error *err);

/* Writes encoded images to the cache on disk and says on stderr how many there were. */
int session_save(Session *session, Error *err);

/* Fails if an image of the dataset is not there; several are listed on stderr. */
int session_check_images(const Session *session, Error *err);

/* Encodes the test images and fills in the fields above. */
int session_encode_test(Session *session, Error *err);

/* The same for the validation images on which all points are compared: those of 16 shots and seed 1, at most
 * four of each class, whatever a point itself is trained with. None where the dataset has none. */
int session_encode_val(Session *session, Error *err);

/* features (n, E; n, C of an unprojected view) as the tower gives them; label is for the progress bar.
 * ERROR_SIGNAL when a signal came; what was encoded until then is saved. */
int session_features(Session *session, float *features, const ItemList *items, FeatureView view,
                     const char *label, Error *err);
/* The same for views first, first + 1, ...: features (n_views, n, E). */
int session_views(Session *session, float *features, const ItemList *items, FeatureView first, int n_views,
                  Error *err);

/* The few-shot lists of (num_shots, seed); num_shots as in Point. Owned by the arena. */
int session_lists(Session *session, ItemList *train, ItemList *val, int num_shots, int seed, Arena *arena,
                  Error *err);

/* What a method may search its settings on, beside the training images. */
typedef enum {
    VALIDATION_MIN4,     /* min(num_shots, 4) images per class, as CoOp's splits have them */
    VALIDATION_AS_TRAIN, /* num_shots per class */
    VALIDATION_ALL,      /* the whole validation split */
    VALIDATION_NONE
} Validation;
#define VALIDATIONS "min4|as_train|all|none"
/* The same lists with so many validation images. */
int session_lists_with(Session *session, ItemList *train, ItemList *val, Validation validation, int num_shots,
                       int seed, Arena *arena, Error *err);

/* Fails unless there are training images. */
int session_check_training(const Session *session, Error *err);

/* Fails unless the prompts of these templates can be encoded for all classes; label names the point in the
 * error. */
int session_check_texts(const Session *session, const TextList *templates, const char *label, Error *err);
/* Their features (K, E), unit length, owned by the arena; NULL with an error. */
float *session_texts(const Session *session, const TextList *templates, Arena *arena, Error *err);
/* The same without unit lengths (zeroshot_raw_features). */
float *session_raw_texts(const Session *session, const TextList *templates, Arena *arena, Error *err);
/* logits (n_test, K) of the test images for the classes of these text features (K, E), unit length; or
 * (n_val, K) of the validation images. */
void session_classify(const Session *session, float *logits, const float *text);
void session_classify_val(const Session *session, float *logits, const float *text);

/* The labels (n) of a list, owned by the arena; NULL when memory is out. */
int *list_labels(const ItemList *list, Arena *arena);

#endif
