/* command_check.c: coop check */
#include "clip/base/buffer.h"
#include "clip/base/json.h"
#include "datasets/features/photo_check.h"
#include "datasets/lists/lists.h"
#include "experiments/commands/commands.h"
#include "experiments/labels/label_inputs.h"
#include "experiments/terminal/interrupt.h"
#include "experiments/terminal/output.h"
#include "experiments/terminal/printable.h"
#include "experiments/terminal/progress.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BATCH = 64, MIN_SIDE = 32 };

typedef struct {
    OptionTexts roots;
    int min_side;
    bool json, quiet;
    Arena *arena; /* for scratch */
    long n_faults, n_damaged, n_tiny, n_copies, n_across_classes, n_across_parts, n_turned;
} Survey;

/* Where a photo lies: "train" of ROOT/train/CLASS/..., "" where no such folder is; and the folder of its
 * class. */
typedef struct {
    const char *part, *class;
    int n_part, n_class; /* their lengths */
} Place;

static Place place_of(const Survey *survey, const char *path) {
    Place place = {.part = "", .class = ""};
    const char *inner = path;
    for (int i = 0; i < survey->roots.n; i++) {
        const size_t n = strlen(survey->roots.values[i]);
        if (strncmp(path, survey->roots.values[i], n) == 0 && path[n - (n > 0 && path[n - 1] == '/')] == '/')
            inner = path + n;
    }
    inner += strspn(inner, "/");
    const char *slash = strchr(inner, '/');
    if (slash && part_find(inner, (size_t)(slash - inner)) != N_PARTS) {
        place.part = inner;
        place.n_part = (int)(slash - inner);
        inner = slash + strspn(slash, "/");
        slash = strchr(inner, '/');
    }
    if (slash) {
        place.class = inner;
        place.n_class = (int)(slash - inner);
    }
    return place;
}

static bool same(const char *a, int n, const char *b, int m) {
    return n == m && memcmp(a, b, (size_t)n) == 0;
}

/* --- findings --- */

typedef struct {
    const char *image, *kind, *text;
    const char *copy_of, *across; /* of a copy: the first one, and "class", "part" or NULL */
} Finding;

static int print_finding(const Survey *survey, const Finding *finding, Error *err) {
    if (!survey->json) {
        print_line(stdout, "%s", finding->text);
        return 0;
    }
    json_begin();
    const size_t mark = arena_mark(survey->arena);
    json_t *object = json_pack(
        "{s:s, s:s, s:s, s:s*, s:s*}", "image", printable(finding->image, survey->arena), "finding",
        finding->kind, "text", printable(finding->text, survey->arena), "copy_of",
        finding->copy_of ? printable(finding->copy_of, survey->arena) : NULL, "across", finding->across);
    char *text = object ? json_write(object, JSON_COMPACT) : NULL;
    json_decref(object);
    arena_reset(survey->arena, mark);
    if (!text)
        return json_refuse(err, "%s: cannot be written as JSON", finding->image);
    print_json_line(stdout, text);
    free(text);
    return 0;
}

static int tell_copy(Survey *survey, const Photo *photo, const Photo *first, Error *err) {
    const Place a = place_of(survey, photo->path), b = place_of(survey, first->path);
    const bool class = !same(a.class, a.n_class, b.class, b.n_class);
    const bool part = !same(a.part, a.n_part, b.part, b.n_part);
    const char *where = class ? ", in another class" : part ? ", in another part" : "";
    survey->n_copies++;
    survey->n_across_classes += class;
    survey->n_across_parts += part;
    const char *text = arena_printf(survey->arena, "%s: the same %s as %s%s", photo->path,
                                    photo->same_bytes ? "file" : "pixels", first->path, where);
    const Finding finding = {photo->path, photo->same_bytes ? "same bytes" : "same pixels", text, first->path,
                             class  ? "class"
                             : part ? "part"
                                    : NULL};
    return text ? print_finding(survey, &finding, err) : error_memory(err);
}

static int tell_size(Survey *survey, const Photo *photo, Error *err) {
    survey->n_tiny++;
    const char *text =
        arena_printf(survey->arena, "%s: tiny: %d x %d pixels", photo->path, photo->width, photo->height);
    const Finding finding = {photo->path, "tiny", text, NULL, NULL};
    return text ? print_finding(survey, &finding, err) : error_memory(err);
}

static int tell_damage(Survey *survey, const Photo *photo, Error *err) {
    survey->n_damaged++;
    const char *text = arena_printf(survey->arena, "%s: JPEG data: %ld fault%s that are passed over",
                                    photo->path, photo->warnings, photo->warnings == 1 ? "" : "s");
    const Finding finding = {photo->path, "damaged", text, NULL, NULL};
    return text ? print_finding(survey, &finding, err) : error_memory(err);
}

static int tell_fault(Survey *survey, const Photo *photo, Error *err) {
    survey->n_faults++;
    return print_finding(survey, &(Finding){photo->path, "unreadable", photo->fault, NULL, NULL}, err);
}

static int tell_photo(Survey *survey, const Photo *photos, int i, Error *err) {
    const Photo *photo = &photos[i];
    const size_t mark = arena_mark(survey->arena);
    int result = 0;
    if (photo->fault)
        return tell_fault(survey, photo, err);
    survey->n_turned += photo->orientation != 1;
    if (photo->warnings > 0)
        result = tell_damage(survey, photo, err);
    if (result == 0 && (photo->width < survey->min_side || photo->height < survey->min_side))
        result = tell_size(survey, photo, err);
    if (result == 0 && photo->copy_of >= 0)
        result = tell_copy(survey, photo, &photos[photo->copy_of], err);
    arena_reset(survey->arena, mark);
    return result;
}

/* --- all --- */

/* Up to BATCH paths, malloc'd. Returns how many, or -1. */
static int next_paths(LabelInputs *inputs, char **paths, Error *err) {
    int n = 0;
    while (n < BATCH) {
        StreamInput input = {0};
        label_inputs_next(inputs, &input);
        if (input.err.kind == ERROR_NONE && !input.path)
            break;
        if (input.err.kind != ERROR_NONE) { /* a folder, or no memory */
            free(input.path);
            if (err)
                *err = input.err;
            while (n > 0)
                free(paths[--n]);
            return -1;
        }
        paths[n++] = input.path;
    }
    return n;
}

static int look_at_all(PhotoCheck *check, LabelInputs *inputs, Progress *progress, Error *err) {
    char *paths[BATCH];
    int n, n_done = 0;
    while ((n = next_paths(inputs, paths, err)) > 0) {
        int result = photo_check_add(check, (const char *const *)paths, n, err);
        for (int i = 0; i < n; i++)
            free(paths[i]);
        progress_update(progress, n_done += n);
        if (result < 0 || interrupt_check(err) < 0)
            return -1;
    }
    return n;
}

static void add_count(Buffer *out, long n, const char *what, const char *whats) {
    if (n > 0)
        buffer_printf(out, "%s%ld %s", out->size > 0 ? ", " : "", n, n == 1 ? what : whats);
}

/* 0 when nothing was found. */
static int conclude(const Survey *survey, int n, Error *err) {
    const long n_found = survey->n_faults + survey->n_damaged + survey->n_tiny + survey->n_copies;
    Buffer found = {0};
    if (survey->n_turned > 0 && !survey->quiet)
        print_line(stderr,
                   "note: %ld image%s turned by EXIF; `exif: rotate` in an experiment, or --exif rotate, "
                   "turns them upright",
                   survey->n_turned, survey->n_turned == 1 ? " is" : "s are");
    if (n_found == 0) {
        if (!survey->quiet)
            print_line(stderr, "%d image%s, nothing found", n, n == 1 ? "" : "s");
        return 0;
    }
    add_count(&found, survey->n_faults, "cannot be read", "cannot be read");
    add_count(&found, survey->n_damaged, "is damaged", "are damaged");
    add_count(&found, survey->n_tiny, "is tiny", "are tiny");
    add_count(&found, survey->n_copies, "is a copy", "are copies");
    add_count(&found, survey->n_across_classes, "of these in another class", "of these in another class");
    add_count(&found, survey->n_across_parts, "of these in another part", "of these in another part");
    const char *text = buffer_text(&found);
    if (text)
        error_set(err, "of %d image%s %s", n, n == 1 ? "" : "s", text);
    else
        error_memory(err);
    if (text && err)
        err->kind = ERROR_PARTLY;
    buffer_free(&found);
    return -1;
}

static int check_photos(Survey *survey, LabelInputs *inputs, PhotoCheck *check, Error *err) {
    Progress progress;
    progress_start(&progress, stderr, survey->quiet, "checking images", 0);
    int n, result = look_at_all(check, inputs, &progress, err);
    progress_erase(&progress);
    const Photo *photos = photo_check_all(check, &n);
    if (result == 0 && n == 0)
        result = error_set(err, "%s: no files", survey->roots.values[0]);
    for (int i = 0; i < n && result == 0; i++)
        result = tell_photo(survey, photos, i, err);
    if (result < 0 || output_flush(err) < 0)
        return -1;
    return conclude(survey, n, err);
}

static int run(CommandLine *line, Error *err) {
    Survey survey = {.min_side = MIN_SIDE, .arena = line->arena};
    const Option options[] = {
        {"min-side", OPTION_INT, &survey.min_side, 0, 1000000, "N",
         "fewer pixels on a side than this are tiny (default 32)"},
        {"json", OPTION_FLAG, &survey.json, 0, 0, NULL, "one JSON object per finding and line"}};
    int status = command_parse(line, &command_check, options, 2, err);
    if (status != 0)
        return status < 0 ? -1 : 0;
    survey.roots = line->words;
    survey.quiet = line->common.quiet;
    LabelInputs *inputs = label_inputs_open(line->words, NULL, false, err);
    Pool *pool = inputs ? pool_create(line->common.threads) : NULL;
    PhotoCheck *check = pool ? photo_check_create(pool, err) : NULL;
    int result = -1;
    if (inputs && !pool)
        error_run(err, "cannot start threads: out of memory, or too many of them");
    else if (check)
        result = check_photos(&survey, inputs, check, err);
    photo_check_free(check);
    pool_free(pool);
    label_inputs_close(inputs);
    return result;
}

const Command command_check = {
    .name = "check",
    .usage = "coop check PHOTOS... [--min-side N] [--json]",
    .summary = "find images that cannot be read, tiny ones and copies, before anything is run",
    .help = "PHOTOS is a folder with subfolders for classes, or for train, val and test with such in each. "
            "Each file is\n"
            "decoded whole. A line for each finding: what cannot be read; JPEG data with faults that are "
            "passed over;\n"
            "fewer than 32 pixels on a side; the same file, or another one with the same pixels, as an "
            "earlier image,\n"
            "with the class and part of both. The status is 1 if there is any.\n",
    .example = "coop check photos",
    .min_words = 1,
    .max_words = ANY_NUMBER,
    .run = run};
