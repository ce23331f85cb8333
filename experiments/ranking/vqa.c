/* vqa.c: see vqa.h. Texts are UTF-8. Digits are ASCII's and letters change their case one by one, as in the
 * original under Python 2. */
#include "experiments/ranking/vqa.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>
#include <unicase.h>
#include <unistr.h>

typedef struct {
    const char *from, *to;
} Change;

static const Change contractions[] = {
    {"'ow'sat", "'ow's'at"},
    {"'ows'at", "'ow's'at"},
    {"aint", "ain't"},
    {"arent", "aren't"},
    {"cant", "can't"},
    {"couldn'tve", "couldn't've"},
    {"couldnt", "couldn't"},
    {"couldnt've", "couldn't've"},
    {"couldve", "could've"},
    {"didnt", "didn't"},
    {"doesnt", "doesn't"},
    {"dont", "don't"},
    {"hadn'tve", "hadn't've"},
    {"hadnt", "hadn't"},
    {"hadnt've", "hadn't've"},
    {"hasnt", "hasn't"},
    {"havent", "haven't"},
    {"he'dve", "he'd've"},
    {"hed", "he'd"},
    {"hed've", "he'd've"},
    {"hes", "he's"},
    {"howd", "how'd"},
    {"howll", "how'll"},
    {"hows", "how's"},
    {"isnt", "isn't"},
    {"it'dve", "it'd've"},
    {"itd", "it'd"},
    {"itd've", "it'd've"},
    {"itll", "it'll"},
    {"maam", "ma'am"},
    {"mightn'tve", "mightn't've"},
    {"mightnt", "mightn't"},
    {"mightnt've", "mightn't've"},
    {"mightve", "might've"},
    {"mustnt", "mustn't"},
    {"mustve", "must've"},
    {"neednt", "needn't"},
    {"notve", "not've"},
    {"oclock", "o'clock"},
    {"oughtnt", "oughtn't"},
    {"ow's'at", "'ow's'at"},
    {"shant", "shan't"},
    {"she'dve", "she'd've"},
    {"shed've", "she'd've"},
    {"shouldn'tve", "shouldn't've"},
    {"shouldnt", "shouldn't"},
    {"shouldnt've", "shouldn't've"},
    {"shouldve", "should've"},
    {"somebody'd", "somebodyd"},
    {"somebody'dve", "somebody'd've"},
    {"somebodyd've", "somebody'd've"},
    {"somebodyll", "somebody'll"},
    {"somebodys", "somebody's"},
    {"someone'dve", "someone'd've"},
    {"someoned", "someone'd"},
    {"someoned've", "someone'd've"},
    {"someonell", "someone'll"},
    {"someones", "someone's"},
    {"something'dve", "something'd've"},
    {"somethingd", "something'd"},
    {"somethingd've", "something'd've"},
    {"somethingll", "something'll"},
    {"thats", "that's"},
    {"there'dve", "there'd've"},
    {"thered", "there'd"},
    {"thered've", "there'd've"},
    {"therere", "there're"},
    {"theres", "there's"},
    {"they'dve", "they'd've"},
    {"theyd", "they'd"},
    {"theyd've", "they'd've"},
    {"theyll", "they'll"},
    {"theyre", "they're"},
    {"theyve", "they've"},
    {"twas", "'twas"},
    {"wasnt", "wasn't"},
    {"we'dve", "we'd've"},
    {"wed've", "we'd've"},
    {"werent", "weren't"},
    {"weve", "we've"},
    {"whatll", "what'll"},
    {"whatre", "what're"},
    {"whats", "what's"},
    {"whatve", "what've"},
    {"whens", "when's"},
    {"whered", "where'd"},
    {"wheres", "where's"},
    {"whereve", "where've"},
    {"who'dve", "who'd've"},
    {"whod", "who'd"},
    {"whod've", "who'd've"},
    {"wholl", "who'll"},
    {"whos", "who's"},
    {"whove", "who've"},
    {"whyll", "why'll"},
    {"whyre", "why're"},
    {"whys", "why's"},
    {"wont", "won't"},
    {"wouldn'tve", "wouldn't've"},
    {"wouldnt", "wouldn't"},
    {"wouldnt've", "wouldn't've"},
    {"wouldve", "would've"},
    {"y'all'dve", "y'all'd've"},
    {"y'alld've", "y'all'd've"},
    {"y'allll", "y'all'll"},
    {"yall", "y'all"},
    {"yall'd've", "y'all'd've"},
    {"yall'll", "y'all'll"},
    {"you'dve", "you'd've"},
    {"youd", "you'd"},
    {"youd've", "you'd've"},
    {"youll", "you'll"},
    {"youre", "you're"},
    {"youve", "you've"},
};

static const Change numbers[] = {{"none", "0"},  {"zero", "0"},  {"one", "1"},  {"two", "2"},
                                 {"three", "3"}, {"four", "4"},  {"five", "5"}, {"six", "6"},
                                 {"seven", "7"}, {"eight", "8"}, {"nine", "9"}, {"ten", "10"}};

static const char punctuation[] = ";/[]\"{}()=+\\_-><@`,?!";

/* Which bytes of a letter are white space to Python; 0: it is none. */
static int blank_at(const char *text) {
    const unsigned char c = (unsigned char)*text;
    if (c == '\0')
        return 0;
    if ((c >= 9 && c <= 13) || (c >= 28 && c <= 32))
        return 1;
    ucs4_t letter;
    const int n = u8_strmbtouc(&letter, (const uint8_t *)text);
    if (n <= 1)
        return 0;
    const bool blank = letter == 0x85 || letter == 0xA0 || letter == 0x1680 || letter == 0x202F ||
                       letter == 0x205F || letter == 0x3000 || (letter >= 0x2000 && letter <= 0x200A) ||
                       letter == 0x2028 || letter == 0x2029;
    return blank ? n : 0;
}

const char *vqa_trim(const char *answer, Arena *arena) {
    char *text = arena_strdup(arena, answer);
    if (!text)
        return NULL;
    for (char *c = text; *c; c++)
        *c = *c == '\n' || *c == '\t' ? ' ' : *c;
    for (int n; (n = blank_at(text)) > 0;)
        text += n;
    char *end = text;
    for (char *c = text; *c;) {
        const int n = blank_at(c);
        c += n > 0 ? n : 1;
        if (n == 0)
            end = c;
    }
    *end = '\0';
    return text;
}

static bool has_grouped_digits(const char *text) {
    for (const char *c = strchr(text, ','); c; c = strchr(c + 1, ','))
        if (c > text && isdigit((unsigned char)c[-1]) && isdigit((unsigned char)c[1]))
            return true;
    return false;
}

/* Whether a mark stands beside a blank anywhere: then all of its kind go, else blanks take their place. */
static bool is_beside_blank(const char *text, char mark) {
    for (const char *c = strchr(text, mark); c; c = strchr(c + 1, mark))
        if (c[1] == ' ' || (c > text && c[-1] == ' '))
            return true;
    return false;
}

static char *strip_punctuation(const char *text, Arena *arena) {
    enum { MOST_PERIODS = 32 }; /* the flag that the original gives as a count */
    char *out = ARENA_NEW(arena, char, strlen(text) + 1), *to = out;
    const bool grouped = has_grouped_digits(text);
    bool removed[sizeof punctuation];
    for (size_t i = 0; i + 1 < sizeof punctuation; i++)
        removed[i] = grouped || is_beside_blank(text, punctuation[i]);
    for (const char *c = text; out && *c; c++) {
        const char *mark = strchr(punctuation, *c);
        if (!mark)
            *to++ = *c;
        else if (!removed[mark - punctuation])
            *to++ = ' ';
    }
    if (!out)
        return NULL;
    *to = '\0';
    to = out;
    int periods = 0;
    for (const char *c = out; *c; c++) {
        const bool strip = *c == '.' && !isdigit((unsigned char)c[1]) && periods < MOST_PERIODS;
        periods += strip;
        if (!strip)
            *to++ = *c;
    }
    *to = '\0';
    return out;
}

static char *lower(const char *text, Arena *arena) {
    char *out = ARENA_NEW(arena, char, 2 * strlen(text) + 8), *to = out;
    while (out && *text) {
        ucs4_t letter;
        const int n = u8_strmbtouc(&letter, (const uint8_t *)text);
        if (n <= 0) {
            *to++ = *text++;
            continue;
        }
        const int wide = u8_uctomb((uint8_t *)to, uc_tolower(letter), 6);
        to += wide > 0 ? wide : 0;
        text += n;
    }
    return out;
}

static const char *changed(const char *word, const Change *changes, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (strcmp(word, changes[i].from) == 0)
            return changes[i].to;
    return word;
}

static bool is_article(const char *word) {
    return strcmp(word, "a") == 0 || strcmp(word, "an") == 0 || strcmp(word, "the") == 0;
}

const char *vqa_normalize(const char *answer, Arena *arena) {
    char *text = strip_punctuation(answer, arena);
    char *word = text ? lower(text, arena) : NULL;
    char *out = word ? ARENA_NEW(arena, char, 2 * strlen(word) + 2) : NULL, *to = out;
    while (out && *word) {
        int n = blank_at(word);
        if (n > 0) {
            word += n;
            continue;
        }
        char *end = word;
        while (*end && (n = blank_at(end)) == 0)
            end++;
        const bool last = *end == '\0';
        *end = '\0';
        const char *kept = changed(word, numbers, sizeof numbers / sizeof *numbers);
        if (!is_article(kept)) {
            kept = changed(kept, contractions, sizeof contractions / sizeof *contractions);
            if (to > out)
                *to++ = ' ';
            to = stpcpy(to, kept);
        }
        word = last ? end : end + n;
    }
    return out;
}

int vqa_accuracy(double *accuracy, const char *answer, const char *const *annotators, int n, Error *err) {
    Arena *arena = arena_create();
    const char **all = ARENA_NEW(arena, const char *, n);
    const char *own = arena_failed(arena) ? NULL : vqa_trim(answer, arena);
    bool differ = false;
    for (int i = 0; own && i < n; i++) {
        all[i] = vqa_trim(annotators[i], arena);
        differ |= all[i] && strcmp(all[i], all[0]) != 0;
    }
    for (int i = 0; own && differ && i < n && !arena_failed(arena); i++)
        all[i] = vqa_normalize(all[i], arena);
    own = differ && own && !arena_failed(arena) ? vqa_normalize(own, arena) : own;
    const int status = arena_failed(arena) ? error_memory(err) : 0;
    int equal = 0;
    for (int i = 0; i < n && status == 0; i++)
        equal += strcmp(all[i], own) == 0;
    double sum = 0;
    for (int i = 0; i < n && status == 0; i++) {
        const int others = equal - (strcmp(all[i], own) == 0);
        sum += others >= 3 ? 1 : others / 3.0;
    }
    *accuracy = n == 1 ? equal : n > 0 ? sum / n : 0;
    arena_free(arena);
    return status;
}
