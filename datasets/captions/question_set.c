/* question_set.c: see question_set.h */
#include "datasets/captions/question_set.h"

#include "datasets/captions/json_items.h"
#include "datasets/lists/lists.h"
#include "datasets/lists/split_file.h"
#include "datasets/lists/text_table.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
    long long id, image;
    const char *text;
} Asked;

typedef struct {
    QuestionSet *set;
    TextPool pool;
    ListBuilder images;
    const char *subset; /* "val2014" */
    Asked *asked;       /* (n_asked) sorted by id once all are read */
    int n_asked, asked_capacity, capacity;
} Reader;

static int put(Reader *reader, const char *image, Question question, Error *err) {
    QuestionSet *set = reader->set;
    const char *fault = split_path_fault(image);
    if (fault)
        return error_set(err, "%s: '%s'", fault, image);
    if (set->n == INT_MAX / 2)
        return error_set(err, "too many questions");
    Question *questions =
        arena_grow(reader->pool.arena, set->questions, &reader->capacity, set->n + 1, sizeof *questions);
    const char *copy = text_join(&reader->pool, NULL, image);
    if (!questions || !copy)
        return error_memory(err);
    set->questions = questions;
    questions[set->n++] = question;
    return list_push(&reader->images, copy, 0, reader->pool.arena, err);
}

static int take_row(void *context, char *const *fields, int line, Error *err) {
    (void)line;
    Reader *reader = context;
    Question question = {.text = text_join(&reader->pool, NULL, fields[1]),
                         .answers = ARENA_NEW(reader->pool.arena, const char *, 1),
                         .n_answers = 1};
    if (!question.text || !question.answers ||
        !(question.answers[0] = text_join(&reader->pool, NULL, fields[2])))
        return error_memory(err);
    return put(reader, fields[0], question, err);
}

static int take_asked(void *context, const char *place, const json_t *item, Error *err) {
    (void)place;
    Reader *reader = context;
    const json_t *id = json_object_get(item, "question_id"), *image = json_object_get(item, "image_id");
    const char *text = json_string_value(json_object_get(item, "question"));
    if (!json_is_integer(id) || !json_is_integer(image) || !text)
        return error_set(err, "no numbers 'question_id' and 'image_id' with a text 'question'");
    Asked *asked = arena_grow(reader->pool.arena, reader->asked, &reader->asked_capacity, reader->n_asked + 1,
                              sizeof *asked);
    text = text_join(&reader->pool, NULL, text);
    if (!asked || !text)
        return error_memory(err);
    reader->asked = asked;
    asked[reader->n_asked++] = (Asked){json_integer_value(id), json_integer_value(image), text};
    return 0;
}

static int take_subset(void *context, const char *place, const json_t *item, Error *err) {
    (void)place;
    Reader *reader = context;
    const char *text = json_string_value(item);
    if (!text)
        return error_set(err, "no text");
    reader->subset = text_join(&reader->pool, NULL, text);
    return reader->subset ? 0 : error_memory(err);
}

static int compare_asked(const void *a, const void *b) {
    const long long x = ((const Asked *)a)->id, y = ((const Asked *)b)->id;
    return (x > y) - (x < y);
}

static int take_answers(Reader *reader, Question *question, const json_t *answers, Error *err) {
    const size_t n = json_array_size(answers);
    if (n == 0 || n > 1000)
        return error_set(err, "no list 'answers'");
    question->answers = ARENA_NEW(reader->pool.arena, const char *, n);
    for (size_t i = 0; i < n; i++) {
        const char *text = json_string_value(json_object_get(json_array_get(answers, i), "answer"));
        if (!text)
            return error_set(err, "answers[%zu]: no text 'answer'", i);
        text = text_join(&reader->pool, NULL, text);
        if (!text || !question->answers)
            return error_memory(err);
        question->answers[question->n_answers++] = text;
    }
    return 0;
}

static int take_annotation(void *context, const char *place, const json_t *item, Error *err) {
    (void)place;
    Reader *reader = context;
    const json_t *id = json_object_get(item, "question_id");
    const char *type = json_string_value(json_object_get(item, "answer_type"));
    if (!json_is_integer(id))
        return error_set(err, "no number 'question_id'");
    const Asked wanted = {.id = json_integer_value(id)};
    const Asked *asked = reader->n_asked > 0 ? bsearch(&wanted, reader->asked, (size_t)reader->n_asked,
                                                       sizeof wanted, compare_asked)
                                             : NULL;
    if (!asked)
        return error_set(err, "there is no question %lld", wanted.id);
    Question question = {.text = asked->text, .id = asked->id};
    if (type && !(question.type = text_join(&reader->pool, NULL, type)))
        return error_memory(err);
    if (take_answers(reader, &question, json_object_get(item, "answers"), err) < 0)
        return -1;
    char *image = arena_printf(reader->pool.arena, "COCO_%s_%012lld.jpg", reader->subset, asked->image);
    return image ? put(reader, image, question, err) : error_memory(err);
}

static int compare_ids(const void *a, const void *b) {
    const long long x = *(const long long *)a, y = *(const long long *)b;
    return (x > y) - (x < y);
}

static int check_once(const QuestionSet *set, const char *path, Arena *arena, Error *err) {
    long long *ids = ARENA_NEW(arena, long long, set->n);
    if (!ids)
        return error_memory(err);
    for (int i = 0; i < set->n; i++)
        ids[i] = set->questions[i].id;
    if (set->n > 1)
        qsort(ids, (size_t)set->n, sizeof *ids, compare_ids);
    for (int i = 1; i < set->n; i++)
        if (ids[i] == ids[i - 1])
            return error_set(err, "%s: question %lld comes twice", path, ids[i]);
    return 0;
}

static int read_vqa(Reader *reader, const char *questions, const char *annotations, Error *err) {
    JsonPart asked[] = {{.key = "questions", .take = take_asked, .is_list = true, .needed = true},
                        {.key = "data_subtype", .take = take_subset, .needed = true}};
    JsonPart answered[] = {{.key = "annotations", .take = take_annotation, .is_list = true, .needed = true}};
    if (json_parts_read(questions, asked, 2, reader, err) < 0)
        return -1;
    if (reader->n_asked > 1)
        qsort(reader->asked, (size_t)reader->n_asked, sizeof *reader->asked, compare_asked);
    if (json_parts_read(annotations, answered, 1, reader, err) < 0)
        return -1;
    return check_once(reader->set, annotations, reader->pool.arena, err);
}

int question_set_read(QuestionSet *set, const char *questions, const char *annotations, Arena *arena,
                      Error *err) {
    static const TableColumn columns[] = {{.name = "image"}, {.name = "question"}, {.name = "answer"}};
    const TextTable table = {
        .path = questions, .max_size = MAX_LIST_BYTES, .strict = true, .columns = columns, .n_columns = 3};
    *set = (QuestionSet){0};
    Reader reader = {.set = set, .pool = {.arena = arena}};
    if ((annotations ? read_vqa(&reader, questions, annotations, err)
                     : text_table_read(&table, take_row, &reader, arena, err)) < 0)
        return -1;
    set->images = reader.images.list;
    return set->n > 0 ? 0 : error_set(err, "%s: no questions", annotations ? annotations : questions);
}
