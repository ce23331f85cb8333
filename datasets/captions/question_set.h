/* question_set.h: questions about pictures with what people answered: VQA's two files, or a table with the
 * columns image, question and answer. */
#ifndef DATASETS_CAPTIONS_QUESTION_SET_H
#define DATASETS_CAPTIONS_QUESTION_SET_H

#include "datasets/lists/dataset.h"

typedef struct {
    const char *text, *type; /* type: of its answer ("yes/no"), or NULL */
    const char **answers;    /* (n_answers) of the annotators */
    int n_answers;
    long long id;
} Question;

typedef struct {
    ItemList images; /* (n) of each question */
    Question *questions;
    int n;
} QuestionSet;

/* annotations NULL: `questions` is a table. Else they are VQA's files: picture 42 of the subset val2014 is
 * COCO_val2014_000000000042.jpg. Questions come in the order of the annotations. All is owned by the arena.
 */
int question_set_read(QuestionSet *set, const char *questions, const char *annotations, Arena *arena,
                      Error *err);

#endif
