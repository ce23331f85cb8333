/* ask.h: answers by ranking: question and candidate make one text, and the nearest to the picture wins. */
#ifndef EXPERIMENTS_RETRIEVE_ASK_H
#define EXPERIMENTS_RETRIEVE_ASK_H

#include "datasets/captions/question_set.h"
#include "experiments/retrieve/encoding.h"

typedef struct {
    const char *const
        *templates; /* (n_templates) with {answer}, maybe {question}; their features are averaged */
    int n_templates;
    const char *const *answers; /* (n_answers) candidates */
    int n_answers;
} AskWith;

/* Fails unless every template has {answer}, and no other word in braces than that and {question};
 * ERROR_USAGE. */
int ask_check(const AskWith *with, Error *err);

/* features (n_answers, E), unit length, of the candidates of one question. */
int ask_texts(float *features, const LoadedModel *model, const char *question, const AskWith *with,
              Error *err);

/* picks (n): of each question the candidate that its picture is nearest to; of equal ones the first. Without
 * candidates in `with` each question has its own choices. */
int ask_all(const char **picks, const LoadedModel *model, const QuestionSet *set, const AskWith *with,
            const ImageFolder *folder, Error *err);

#endif
