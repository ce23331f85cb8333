/* command_search.c: coop search */
#include "experiments/commands/commands.h"
#include "experiments/find/found_page.h"
#include "experiments/find/index_about.h"
#include "experiments/find/photo_json.h"
#include "experiments/session/cli_model.h"
#include "experiments/terminal/printable.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define NO_FOLD 3.0 /* no cosine is so high */

typedef struct {
    PhotoWish wish;
    const char *weights, *vocab, *html;
    int top, probes;
    double fold;
    bool json, approximate;
    PhotoLists lists;
} Request;

/* {"probes", "of", "photos", "texts"}: of the ten nearest, the parts that are found. NULL: the search is
 * exact, or memory ran out. */
static json_t *recall_json(const PhotoLists *lists) {
    const NearRecall *recall = lists->lists ? near_recall_of(lists->lists, lists->probes) : NULL;
    if (!recall)
        return NULL;
    json_t *texts = recall->texts >= 0 ? json_real((double)recall->texts) : json_null();
    return json_pack("{s:i, s:i, s:f, s:o}", "probes", lists->probes, "of", lists->lists->K, "photos",
                     (double)recall->photos, "texts", texts);
}

static int print_json(const FoundPhoto *photo, const PhotoLists *lists, Arena *arena, Error *err) {
    json_begin();
    json_t *object = photo_json(photo, arena);
    if (object && lists->lists && json_object_set_new(object, "approximate", recall_json(lists)) < 0) {
        json_decref(object);
        object = NULL;
    }
    char *text = object ? json_write(object, JSON_COMPACT | JSON_REAL_PRECISION(9)) : NULL;
    json_decref(object);
    if (!text)
        return error_memory(err);
    print_json_line(stdout, text);
    free(text);
    return 0;
}

static void print_text(const FoundPhoto *photo, Arena *arena) {
    printf("%.3f  %s", photo->score, printable(photo_name(&photo->entry, arena), arena));
    if (photo->n_alike > 0)
        printf("  (and %d alike)", photo->n_alike);
    if (photo->state != PHOTO_THERE)
        printf("  (%s)", photo->state == PHOTO_GONE ? "gone" : "changed since");
    printf("\n");
}

static void tell_gone(const FoundPhoto *photos, int n, const char *path) {
    int gone = 0;
    for (int i = 0; i < n; i++)
        gone += photos[i].state == PHOTO_GONE;
    if (gone > 0)
        print_line(stderr,
                   "note: %d of the photos found %s no longer there; coop index --out %s with the folder, "
                   "where it is now, brings the index up to date",
                   gone, gone == 1 ? "is" : "are", path);
}

static int search(const Request *request, const PhotoIndex *index, LoadedModel *model, CommandLine *line,
                  Error *err) {
    Arena *arena = line->arena;
    FoundPhoto *photos;
    int n, result = 0;
    float *query = arena_floats(arena, 1, (size_t)index->E);
    if (!query)
        return error_memory(err);
    if (photo_query(query, &request->wish, index, model, err) < 0 ||
        photo_search(&photos, &n, index, &request->lists, query, request->top, request->fold, model->pool,
                     arena, err) < 0)
        return -1;
    for (int i = 0; i < n && result == 0; i++)
        if (request->json)
            result = print_json(&photos[i], &request->lists, arena, err);
        else
            print_text(&photos[i], arena);
    if (result == 0 && !line->common.quiet && request->lists.lists)
        photo_lists_tell(&request->lists);
    if (result == 0 && !line->common.quiet)
        tell_gone(photos, n, index->path);
    if (result == 0 && request->html)
        result = found_page_write(request->html, &request->wish, index, photos, n, model->upright, err);
    return result;
}

static int open_and_search(Request *request, const char *path, CommandLine *line, Error *err) {
    const bool quiet = line->common.quiet;
    bool make_lists = false;
    LoadedModel model = {0};
    PhotoIndex *index = photo_index_open(path, err);
    int result = index ? 0 : -1;
    if (index && index->n == index->n_dead)
        result = error_set(err, "%s: there is no photo in it", path);
    if (result == 0 && request->approximate)
        result = photo_lists_open(&request->lists, &make_lists, index, request->probes, quiet, err);
    if (result == 0 && !request->lists.lists && !make_lists)
        photo_index_read_rows(index);
    if (result == 0 && index->tail > 0 && !quiet)
        print_line(stderr, "note: %s: %" PRIu64 " bytes at its end are of an update that is not finished",
                   path, index->tail);
    if (result == 0)
        result = index_about_open(&model, index, request->weights, request->vocab,
                                  photo_wish_towers(&request->wish) | (make_lists ? CLIP_TEXT : 0),
                                  line->common.threads, err);
    if (result == 0 && make_lists)
        result = photo_lists_make(&request->lists, index, &model, request->probes, quiet, err);
    if (result == 0)
        result = search(request, index, &model, line, err);
    if (result == 0)
        cli_model_print_note(&model, quiet);
    photo_lists_close(&request->lists);
    loaded_model_close(&model);
    photo_index_close(index);
    return result;
}

static int read_fold(double *fold, const char *text, Error *err) {
    char *end;
    *fold = NO_FOLD;
    if (!text)
        return 0;
    *fold = strtod(text, &end);
    return end != text && *end == '\0' && *fold > 0 && *fold <= 1
               ? 0
               : error_usage(err, "--fold %s: a cosine above 0, at most 1, is needed", text);
}

static int run(CommandLine *line, Error *err) {
    const char *fold = NULL;
    Request request = {.top = 10};
    const Option options[] = {
        {"image", OPTION_TEXTS, &request.wish.images, 0, 0, "FILE", "photos like this one; may be repeated"},
        {"not", OPTION_TEXTS, &request.wish.without, 0, 0, "TEXT",
         "what photos should not show; may be repeated"},
        {"top", OPTION_INT, &request.top, 1, 100000, "K", "how many photos (default 10)"},
        {"fold", OPTION_TEXT, &fold, 0, 0, "COSINE",
         "photos as near as this to a better one are counted, not shown (0.95, say)"},
        {"template", OPTION_TEXTS, &request.wish.templates, 0, 0, "TEXT",
         "prompts with {} for the text, averaged (default \"{}\"); may be repeated"},
        {"approximate", OPTION_FLAG, &request.approximate, 0, 0, NULL,
         "of a million photos and more, look at those near the query alone (FAISS=1)"},
        {"probes", OPTION_INT, &request.probes, 1, 1 << 20, "N",
         "how many lists of near photos to look at (default: those that find 95 of 100)"},
        {"model", OPTION_TEXT, &request.weights, 0, 0, "FILE|NAME",
         "the checkpoint (default: where it was when the index was made)"},
        {"vocab", OPTION_TEXT, &request.vocab, 0, 0, "FILE",
         "its vocabulary (default: as the index has it, or beside the checkpoint)"},
        {"json", OPTION_FLAG, &request.json, 0, 0, NULL, "one JSON object per line"},
        {"html", OPTION_TEXT, &request.html, 0, 0, "FILE",
         "write a page of thumbnails, too: a file of its own"}};
    const int status = command_parse(line, &command_search, options, 11, err);
    if (status != 0)
        return status < 0 ? -1 : 0;
    request.wish.texts = (OptionTexts){line->words.values + 1, line->words.n - 1};
    if (request.wish.texts.n + request.wish.images.n == 0)
        return error_usage(err, "what is looked for? A text, or --image FILE, is needed");
    if (read_fold(&request.fold, fold, err) < 0)
        return -1;
    if (request.probes > 0 && !request.approximate)
        return error_usage(err, "--probes is of --approximate");
    return open_and_search(&request, line->words.values[0], line, err);
}

const Command command_search = {
    .name = "search",
    .usage = "coop search INDEX [TEXT...] [--image FILE] [--not TEXT] [--top K] [--fold COSINE]\n"
             "              [--template TEXT] [--approximate [--probes N]] [--json] [--html FILE] [--model "
             "FILE] [--vocab FILE]",
    .summary = "find photos of an index by a sentence or a picture",
    .help =
        "INDEX is what coop index wrote. The score of a single text or image is its cosine with the "
        "photo. Several\n"
        "are added, each divided by how far its cosines spread over the photos; --not is subtracted with "
        "half that\n"
        "weight. Photos that are no longer there, or changed since, are marked.\n"
        "--approximate makes INDEX.near once, beside the index, and anew when that has changed by a "
        "quarter or was\n"
        "written anew. Scores are exact; how much of what is nearest is found, of photos and of texts, is "
        "measured when\n"
        "it is made, and said. Below 100,000 photos the search is exact.\n",
    .example = "coop search photos.index \"a sunset at the beach\" --html sunsets.html",
    .min_words = 1,
    .max_words = ANY_NUMBER,
    .run = run};
