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

/* A candidate, and how sure it is: the softmax of the cosines at the model's own scale, a share among the
 * candidates. */
typedef struct {
    int answer;
    double score, share;
} Ranked;

/* ranked (K), the best first, of equal ones the first; features of unit length. Fails when a score is not
 * finite. */
int ask_rank(Ranked *ranked, const float *image, const float *texts, int K, const Clip *clip, Error *err);

typedef struct {
    const char *answer;
    double share;
} Pick;

/* picks (n): of each question the candidate that its picture is nearest to. Without candidates in `with` each
 * question has its own choices. */
int ask_all(Pick *picks, const LoadedModel *model, const QuestionSet *set, const AskWith *with,
            const ImageFolder *folder, Error *err);

#endif
