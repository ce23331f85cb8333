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
    const char **choices; /* (n_choices) */
    int n_choices;
} Asked;

typedef struct {
    QuestionSet *set;
    TextPool pool;
    ListBuilder images;
    const char *subset; /* "val2014" */
    const char *kind;   /* "mscoco" */
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
                         .type = fields[3] && *fields[3] ? text_join(&reader->pool, NULL, fields[3]) : NULL,
                         .answers = ARENA_NEW(reader->pool.arena, const char *, 1),
                         .n_answers = 1,
                         .id = reader->set->n};
    if (!question.text || !question.answers || (fields[3] && *fields[3] && !question.type) ||
        !(question.answers[0] = text_join(&reader->pool, NULL, fields[2])))
        return error_memory(err);
    return put(reader, fields[0], question, err);
}

/* Texts of a list (1 to most), each by itself or as the member `key` of an object. */
static int take_texts(Reader *reader, const char ***texts, int *n_texts, const json_t *list, const char *name,
                      const char *key, Error *err) {
    const size_t n = json_array_size(list);
    if (n == 0 || n > 1000)
        return error_set(err, "no list '%s'", name);
    *texts = ARENA_NEW(reader->pool.arena, const char *, n);
    for (size_t i = 0; i < n; i++) {
        const json_t *entry = json_array_get(list, i);
        const char *text = json_string_value(key ? json_object_get(entry, key) : entry);
        if (!text)
            return error_set(err, "%s[%zu]: no text%s%s%s", name, i, key ? " '" : "", key ? key : "",
                             key ? "'" : "");
        text = text_join(&reader->pool, NULL, text);
        if (!text || !*texts)
            return error_memory(err);
        (*texts)[(*n_texts)++] = text;
    }
    return 0;
}

static int take_asked(void *context, const char *place, const json_t *item, Error *err) {
    (void)place;
    Reader *reader = context;
    const json_t *id = json_object_get(item, "question_id"), *image = json_object_get(item, "image_id"),
                 *choices = json_object_get(item, "multiple_choices");
    const char *text = json_string_value(json_object_get(item, "question"));
    if (!json_is_integer(id) || !json_is_integer(image) || !text)
        return error_set(err, "no numbers 'question_id' and 'image_id' with a text 'question'");
    Asked all = {.id = json_integer_value(id), .image = json_integer_value(image)};
    if (choices &&
        take_texts(reader, &all.choices, &all.n_choices, choices, "multiple_choices", NULL, err) < 0)
        return -1;
    if (reader->n_asked > 0 && (all.n_choices > 0) != (reader->asked[0].n_choices > 0))
        return error_set(err, "multiple_choices for some questions, none for others");
    Asked *asked = arena_grow(reader->pool.arena, reader->asked, &reader->asked_capacity, reader->n_asked + 1,
                              sizeof *asked);
    all.text = text_join(&reader->pool, NULL, text);
    if (!asked || !all.text)
        return error_memory(err);
    reader->asked = asked;
    asked[reader->n_asked++] = all;
    return 0;
}

static int take_word(const char **word, Reader *reader, const json_t *item, Error *err) {
    const char *text = json_string_value(item);
    if (!text)
        return error_set(err, "no text");
    *word = text_join(&reader->pool, NULL, text);
    return *word ? 0 : error_memory(err);
}

static int take_subset(void *context, const char *place, const json_t *item, Error *err) {
    (void)place;
    Reader *reader = context;
    return take_word(&reader->subset, reader, item, err);
}

static int take_kind(void *context, const char *place, const json_t *item, Error *err) {
    (void)place;
    Reader *reader = context;
    if (take_word(&reader->kind, reader, item, err) < 0)
        return -1;
    return strcmp(reader->kind, "mscoco") == 0 || strncmp(reader->kind, "abstract", 8) == 0
               ? 0
               : error_set(err, "'%s': mscoco or abstract_v002 is needed", reader->kind);
}

static int compare_asked(const void *a, const void *b) {
    const long long x = ((const Asked *)a)->id, y = ((const Asked *)b)->id;
    return (x > y) - (x < y);
}

/* NULL when memory is out. */
static const char *image_name(const Reader *reader, long long image) {
    const char *kind = reader->kind && strcmp(reader->kind, "mscoco") != 0 ? reader->kind : NULL;
    return arena_printf(reader->pool.arena, "%s_%s_%012lld.%s", kind ? kind : "COCO", reader->subset, image,
                        kind ? "png" : "jpg");
}

static int take_annotation(void *context, const char *place, const json_t *item, Error *err) {
    (void)place;
    Reader *reader = context;
    const json_t *id = json_object_get(item, "question_id");
    const char *types[2] = {json_string_value(json_object_get(item, "question_type")),
                            json_string_value(json_object_get(item, "answer_type"))};
    if (!json_is_integer(id))
        return error_set(err, "no number 'question_id'");
    const Asked wanted = {.id = json_integer_value(id)};
    const Asked *asked = reader->n_asked > 0 ? bsearch(&wanted, reader->asked, (size_t)reader->n_asked,
                                                       sizeof wanted, compare_asked)
                                             : NULL;
    if (!asked)
        return error_set(err, "there is no question %lld", wanted.id);
    Question question = {
        .text = asked->text, .choices = asked->choices, .n_choices = asked->n_choices, .id = asked->id};
    for (int i = 0; i < 2; i++)
        if (types[i] && !(types[i] = text_join(&reader->pool, NULL, types[i])))
            return error_memory(err);
    question.type = types[0];
    question.answer_type = types[1];
    if (take_texts(reader, &question.answers, &question.n_answers, json_object_get(item, "answers"),
                   "answers", "answer", err) < 0)
        return -1;
    const char *image = image_name(reader, asked->image);
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

/* Sorts the questions by their id. */
static int sort_asked(Reader *reader, const char *path, Error *err) {
    if (reader->n_asked > 1)
        qsort(reader->asked, (size_t)reader->n_asked, sizeof *reader->asked, compare_asked);
    for (int i = 1; i < reader->n_asked; i++)
        if (reader->asked[i].id == reader->asked[i - 1].id)
            return error_set(err, "%s: question %lld comes twice", path, reader->asked[i].id);
    return 0;
}

static int read_vqa(Reader *reader, const char *questions, const char *annotations, Error *err) {
    JsonPart asked[] = {{.key = "questions", .take = take_asked, .is_list = true, .needed = true},
                        {.key = "data_subtype", .take = take_subset, .needed = true},
                        {.key = "data_type", .take = take_kind}};
    JsonPart answered[] = {{.key = "annotations", .take = take_annotation, .is_list = true, .needed = true}};
    if (json_parts_read(questions, asked, 3, reader, err) < 0 || sort_asked(reader, questions, err) < 0 ||
        json_parts_read(annotations, answered, 1, reader, err) < 0 ||
        check_once(reader->set, annotations, reader->pool.arena, err) < 0)
        return -1;
    reader->set->n_unanswered = reader->n_asked - reader->set->n;
    reader->set->has_choices = reader->n_asked > 0 && reader->asked[0].n_choices > 0;
    return 0;
}

int question_set_read(QuestionSet *set, const char *questions, const char *annotations, Arena *arena,
                      Error *err) {
    static const TableColumn columns[] = {
        {.name = "image"}, {.name = "question"}, {.name = "answer"}, {.name = "type", .optional = true}};
    const TextTable table = {
        .path = questions, .max_size = MAX_LIST_BYTES, .strict = true, .columns = columns, .n_columns = 4};
    *set = (QuestionSet){0};
    Reader reader = {.set = set, .pool = {.arena = arena}};
    const int first = json_first(questions, err);
    if (first < 0)
        return -1;
    if (!annotations && (first == '{' || first == '['))
        return error_set(err, "%s: VQA's questions want their --annotations", questions);
    if ((annotations ? read_vqa(&reader, questions, annotations, err)
                     : text_table_read(&table, take_row, &reader, arena, err)) < 0)
        return -1;
    set->images = reader.images.list;
    return set->n > 0 ? 0 : error_set(err, "%s: no questions", annotations ? annotations : questions);
}
