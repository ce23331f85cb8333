/* answer_list.h: candidate answers: a text per line, or those of VQA's annotations that come most often. */
#ifndef DATASETS_CAPTIONS_ANSWER_LIST_H
#define DATASETS_CAPTIONS_ANSWER_LIST_H

#include "clip/base/arena.h"
#include "clip/base/error.h"

typedef struct {
    const char **answers; /* (n) distinct */
    int n;
    int n_all;    /* of annotations: how many different ones there are; 0: it was no file of annotations */
    double share; /* of the annotations that those taken are right for */
} AnswerList;

/* A file: lines, or where it begins with '{' annotations, of whose multiple_choice_answer, the one that most
 * annotators gave, the `most` most frequent are taken; of equally frequent ones the first. */
int answer_list_read(AnswerList *list, const char *path, int most, Arena *arena, Error *err);

/* "cat, dog": the texts between the commas, without the blanks around them. */
int answer_list_split(AnswerList *list, const char *text, Arena *arena, Error *err);

#endif
