/* test_ask.c: templates are filled once and averaged, misspelt ones refused; candidates of one question win
 * by cosine, and each question may have its own. */
#include "experiments/retrieve/ask.h"

#include "clip/math/ops.h"
#include "tests/experiments/retrieve/demo_model.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void gaps_are_known(void **state) {
    (void)state;
    static const char *const bad[] = {"a photo", "{question}", "{answer} {Answer}", "{answer}{questions}"};
    static const char *const good[] = {"{answer}", "{question} {answer} {answer}", "{answer} {1} { } {"};
    for (size_t i = 0; i < 4 + 3; i++) {
        Error err = {0};
        const char *const *templates = i < 4 ? &bad[i] : &good[i - 4];
        const AskWith with = {.templates = templates, .n_templates = 1};
        assert_int_equal(ask_check(&with, &err), i < 4 ? -1 : 0);
        assert_true(i >= 4 || err.kind == ERROR_USAGE);
    }
}

static void templates_are_averaged(void **state) {
    Demo *demo = *state;
    const int E = demo->model.clip->embed_dim;
    static const char *const templates[] = {"Question: {question} Answer: {answer}.", "{answer} {answer}"};
    static const char *const answers[] = {"key", "{question}"};
    static const char *const texts[] = {"Question: What {answer}? Answer: key.",
                                        "Question: What {answer}? Answer: {question}.", "key key",
                                        "{question} {question}"};
    const AskWith with = {templates, 2, answers, 2};
    float *found = arena_floats(demo->arena, 2, (size_t)E), *each = arena_floats(demo->arena, 4, (size_t)E);
    TextCuts cuts;
    assert_int_equal(ask_texts(found, &demo->model, "What {answer}?", &with, &demo->err), 0);
    assert_int_equal(encode_captions(each, &cuts, &demo->model, texts, 4, true, &demo->err), 0);
    for (int i = 0; i < 2 * E; i++)
        each[i] += each[2 * E + i];
    unit_rows_forward(each, NULL, each, 2, E);
    for (int i = 0; i < 2 * E; i++)
        assert_true(fabsf(found[i] - each[i]) < 1e-5F);
    char question[2000] = "";
    for (int i = 0; i < 300; i++)
        strcat(question, "key ");
    assert_int_equal(ask_texts(found, &demo->model, question, &with, &demo->err), -1);
    assert_non_null(strstr(demo->err.text, "more tokens than the model's 77 positions"));
}

static void each_question_may_have_its_own_candidates(void **state) {
    Demo *demo = *state;
    static const char *const templates[] = {"a photo of a {answer}."};
    static const char *const all[] = {"star", "key", "cup"};
    const char *own[][2] = {{"key", "star"}, {"cup", "star"}, {"cup", "boat"}};
    Question questions[] = {{.text = "Q", .choices = own[0], .n_choices = 2},
                            {.text = "Q", .choices = own[1], .n_choices = 2},
                            {.text = "Q", .choices = own[2], .n_choices = 2}};
    Item items[] = {{"key/test_030.jpg", 0}, {"star/test_030.jpg", 0}, {"key/test_030.jpg", 0}};
    const QuestionSet set = {.images = {.items = items, .n = 3}, .questions = questions, .n = 3};
    const ImageFolder folder = {.root = DEMO_DRAWINGS, .quiet = true};
    Pick picks[3];
    AskWith with = {templates, 1, NULL, 0};
    assert_int_equal(ask_all(picks, &demo->model, &set, &with, &folder, &demo->err), 0);
    assert_string_equal(picks[0].answer, "key");
    assert_string_equal(picks[1].answer, "star");
    assert_true(picks[2].answer == own[2][0] || picks[2].answer == own[2][1]);
    with = (AskWith){templates, 1, all, 3};
    assert_int_equal(ask_all(picks, &demo->model, &set, &with, &folder, &demo->err), 0);
    assert_string_equal(picks[1].answer, "star");
    assert_string_equal(picks[2].answer, "key");
}

static void shares_are_a_softmax_at_the_models_scale(void **state) {
    Demo *demo = *state;
    Clip clip = *demo->model.clip;
    clip.embed_dim = 2;
    clip.logit_scale = 2;
    const float image[] = {1, 0}, texts[] = {0.25F, 0, 0.5F, 0, 0.5F, 9}, bad[] = {NAN, 0};
    Ranked ranked[3];
    assert_int_equal(ask_rank(ranked, image, texts, 3, &clip, &demo->err), 0);
    assert_true(ranked[0].answer == 1 && ranked[1].answer == 2 &&
                ranked[2].answer == 0); /* equal: the first */
    const double least = exp(-exp(2) * 0.25);
    assert_true(fabs(ranked[0].share - 1 / (2 + least)) < 1e-7);
    assert_true(ranked[0].share == ranked[1].share && fabs(ranked[2].share - least / (2 + least)) < 1e-7);
    assert_int_equal(ask_rank(ranked, image, bad, 1, &clip, &demo->err), -1);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(gaps_are_known), DEMO_TEST(templates_are_averaged),
                                       DEMO_TEST(shares_are_a_softmax_at_the_models_scale),
                                       DEMO_TEST(each_question_may_have_its_own_candidates)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
