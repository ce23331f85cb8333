/* question_set.h: questions about pictures with what people answered: VQA's two files, or a table with the
 * columns image, question, answer and maybe type. */
#ifndef DATASETS_CAPTIONS_QUESTION_SET_H
#define DATASETS_CAPTIONS_QUESTION_SET_H

#include "datasets/lists/dataset.h"

typedef struct {
    const char *text;
    const char *type, *answer_type; /* "what color is the", "yes/no"; NULL: none given */
    const char **answers;           /* (n_answers) of the annotators */
    int n_answers;
    const char **choices; /* (n_choices) VQA's multiple_choices */
    int n_choices;
    long long id; /* question_id; of a table the place of the row, from 0 */
} Question;

typedef struct {
    ItemList images; /* (n) of each question */
    Question *questions;
    int n;
    int n_unanswered; /* questions that have no annotation, and are left out */
    bool has_choices; /* all have, or none */
} QuestionSet;

/* annotations NULL: `questions` is a table. Else they are VQA's files: picture 42 of the subset val2014 is
 * COCO_val2014_000000000042.jpg, and where their data_type begins with "abstract", as abstract_v002,
 * abstract_v002_val2015_000000000042.png. Questions come in the order of the annotations. All is owned by
 * the arena. */
int question_set_read(QuestionSet *set, const char *questions, const char *annotations, Arena *arena,
                      Error *err);

#endif
