/* named.c: see named.h. Sources: openai/CLIP, clip/clip.py (names, files and digests); OpenCLIP,
 * factory.py (how names are written). */
#include "clip/named/named.h"

#include "clip/base/nearest.h"
#include "clip/base/text_ends.h"
#include "clip/named/openclip_tags.h"

#include <ctype.h>
#include <string.h>

typedef struct {
    const char *name, *file, *digest;
} OpenaiFile;

static const OpenaiFile openai_files[] = {
    {"RN50", "RN50.pt", "afeb0e10f9e5a86da6080e35cf09123aca3b358a0c3e3b6c78a7b63bc04b6762"},
    {"RN101", "RN101.pt", "8fa8567bab74a42d41c5915025a8e4538c3bdbe8804a470a72f30b0d94fab599"},
    {"RN50x4", "RN50x4.pt", "7e526bd135e493cef0776de27d5f42653e6b4c8bf9e0f653bb11773263205fdd"},
    {"RN50x16", "RN50x16.pt", "52378b407f34354e150460fe41077663dd5b39c54cd0bfd2b27167a4a06ec9aa"},
    {"RN50x64", "RN50x64.pt", "be1cfb55d75a9666199fb2206c106743da0f6468c9d327f3e0d0a543a9919d9c"},
    {"ViT-B/32", "ViT-B-32.pt", "40d365715913c9da98579312b702a82c18be219cc2a73407c4526f58eba950af"},
    {"ViT-B/16", "ViT-B-16.pt", "5806e77cd80f8b59890b7e101eabd078d9fb84e6937f9e85e4ecb61988df416f"},
    {"ViT-L/14", "ViT-L-14.pt", "b8cca3fd41ae0c99ba7e8951adf17d267cdb84cd88be6f7c2e0eca1737a03836"},
    {"ViT-L/14@336px", "ViT-L-14-336px.pt",
     "3035c92b350959924f9f00213499208652fc7ea050643e8b385c2dac08641f02"},
};
enum { N_OPENAI = sizeof openai_files / sizeof *openai_files };

/* Of the many on the hub, those whose weights are OpenAI's too. */
static const char *const hub_repos[] = {"openai/clip-vit-base-patch32", "openai/clip-vit-base-patch16",
                                        "openai/clip-vit-large-patch14", "openai/clip-vit-large-patch14-336"};
enum { N_HUB = sizeof hub_repos / sizeof *hub_repos };

/* --- what is meant --- */

static Named of_openai(const OpenaiFile *file) {
    return (Named){.kind = NAMED_OPENAI,
                   .name = file->name,
                   .file = file->file,
                   .digest = file->digest,
                   .known = true,
                   .quick_gelu = true};
}

static const OpenaiFile *find_openai(const char *name, const char *file) {
    for (int i = 0; i < N_OPENAI; i++)
        if ((name && strcmp(openai_files[i].name, name) == 0) ||
            (file && strcmp(openai_files[i].file, file) == 0))
            return &openai_files[i];
    return NULL;
}

static void add_facts(Named *out, int flags) {
    out->known = true;
    out->quick_gelu = flags & QUICK_GELU;
    out->half_pixels = flags & HALF_PIXELS;
    out->squash = flags & SQUASH;
}

/* The digits between the last '-' and the suffix of "vit_b_32-laion2b_e16-af8dbd0c.pth"; NULL: none. */
static const char *digest_in_name(const char *file, Arena *arena) {
    const char *dash = strrchr(file, '-'), *dot = strrchr(file, '.');
    if (!dash || !dot || dot - dash != 9 || strspn(dash + 1, "0123456789abcdef") < 8)
        return NULL;
    return arena_printf(arena, "%.8s", dash + 1);
}

static Named of_tag(const OpenclipTag *tag, Arena *arena) {
    Named out = {.kind = NAMED_OPENCLIP,
                 .name = arena_printf(arena, "%s:%s", tag->model, tag->tag),
                 .repo = tag->repo,
                 .file = tag->file};
    const OpenaiFile *openai = tag->file ? find_openai(NULL, tag->file) : NULL;
    out.digest = openai ? openai->digest : tag->file ? digest_in_name(tag->file, arena) : NULL;
    add_facts(&out, tag->flags);
    return out;
}

static Named of_repo(const char *repo) {
    Named out = {.kind = NAMED_HUB, .name = repo, .repo = repo};
    const OpenclipTag *tag = openclip_tag_of_repo(repo);
    if (tag)
        add_facts(&out, tag->flags);
    for (int i = 0; i < N_HUB; i++)
        if (strcmp(hub_repos[i], repo) == 0)
            add_facts(&out, QUICK_GELU);
    return out;
}

bool named_at(int index, Named *out, Arena *arena) {
    if (index < N_OPENAI) {
        *out = of_openai(&openai_files[index]);
        return true;
    }
    index -= N_OPENAI;
    const OpenclipTag *tag = openclip_tag_at(index);
    if (tag)
        *out = of_tag(tag, arena);
    else if (index - openclip_tag_count() < N_HUB)
        *out = of_repo(hub_repos[index - openclip_tag_count()]);
    else
        return false;
    return out->name; /* memory may be out */
}

/* --- what a text may be --- */

bool named_is_path(const char *text) {
    static const char *const suffixes[] = {".pt",  ".pth",  ".bin", ".safetensors", ".json", ".npz", ".ckpt",
                                           ".tar", ".yaml", ".yml", ".gz",          ".txt",  ".zip"};
    if (*text == '\0' || strchr("/.~", *text) || has_suffix(text, "/") || strstr(text, "//"))
        return true;
    for (size_t i = 0; i < sizeof suffixes / sizeof *suffixes; i++)
        if (has_suffix(text, suffixes[i]))
            return true;
    return false;
}

/* One of the two parts of a repository's name. */
static bool is_part(const char *text, size_t n) {
    if (n == 0 || n > 96 || !isalnum((unsigned char)*text))
        return false;
    for (size_t i = 0; i < n; i++)
        if (!isalnum((unsigned char)text[i]) && !strchr("-_.", text[i]))
            return false;
    return true;
}

static bool is_repo(const char *text) {
    const char *slash = strchr(text, '/');
    return slash && is_part(text, (size_t)(slash - text)) && is_part(slash + 1, strlen(slash + 1)) &&
           !strstr(text, "--") && !strstr(text, "..");
}

/* --- near names --- */

enum { N_NEAR = 3 };

const char *named_near(const char *text, Arena *arena) {
    const char *names[N_NEAR] = {NULL};
    int distances[N_NEAR] = {0};
    const int longest = (int)strnlen(text, 48);
    Named known;
    for (int i = 0; named_at(i, &known, arena); i++) {
        const int distance = edit_distance(text, known.name);
        if (distance > 1 + longest / 3)
            continue;
        for (int k = 0; k < N_NEAR; k++)
            if (!names[k] || distance < distances[k]) {
                memmove(&names[k + 1], &names[k], (size_t)(N_NEAR - 1 - k) * sizeof *names);
                memmove(&distances[k + 1], &distances[k], (size_t)(N_NEAR - 1 - k) * sizeof *distances);
                names[k] = known.name;
                distances[k] = distance;
                break;
            }
    }
    if (!names[0])
        return "";
    const char *list = arena_printf(arena, " (near: %s%s%s%s%s)", names[0], names[1] ? ", " : "",
                                    names[1] ? names[1] : "", names[2] ? ", " : "", names[2] ? names[2] : "");
    return list ? list : "";
}

/* A slip in one of OpenAI's names, which have a slash as repositories have. */
static bool is_nearly_openai(const char *text) {
    for (int i = 0; i < N_OPENAI; i++)
        if (strchr(openai_files[i].name, '/') && edit_distance(text, openai_files[i].name) <= 2)
            return true;
    return false;
}

/* --- reading a name --- */

/* OpenCLIP reads a model with '-' for '/', and a tag in lower case with '_' for '-'. */
static int parse_tag(Named *out, const char *text, const char *colon, Arena *arena, Error *err) {
    static const char quick[] = "-quickgelu";
    char *model = arena_printf(arena, "%.*s", (int)(colon - text), text);
    char *tag = arena_strdup(arena, colon + 1);
    if (!model || !tag)
        return error_memory(err);
    for (char *at = model; *at; at++)
        *at = *at == '/' ? '-' : *at;
    for (char *at = tag; *at; at++)
        *at = *at == '-' ? '_' : (char)tolower((unsigned char)*at);
    const bool is_quick = has_suffix(model, quick);
    if (is_quick)
        model[strlen(model) - strlen(quick)] = '\0';
    const OpenclipTag *found = openclip_tag_find(model, tag);
    if (found && (!is_quick || (found->flags & QUICK_GELU))) {
        *out = of_tag(found, arena);
        return out->name ? 0 : error_memory(err);
    }
    const char *why = openclip_model_other(model);
    if (why)
        return error_set(err, "%s: OpenCLIP has such a model, but it is no CLIP that is read here: %s", text,
                         why);
    if (found)
        return error_set(err, "%s: these weights have no QuickGELU: %s:%s", text, model, tag);
    return error_set(err, "%s: neither a file or folder, nor a tag of OpenCLIP's that is known%s", text,
                     named_near(text, arena));
}

int named_parse(Named *out, const char *text, Arena *arena, Error *err) {
    static const char prefix[] = "hf-hub:";
    const bool is_hub = strncmp(text, prefix, strlen(prefix)) == 0;
    const char *repo = is_hub ? text + strlen(prefix) : text, *colon = strchr(text, ':');
    const OpenaiFile *openai = find_openai(text, NULL);
    if (openai) {
        *out = of_openai(openai);
        return 0;
    }
    if (is_repo(repo) && (is_hub || !is_nearly_openai(text))) {
        const char *copy = arena_strdup(arena, repo);
        if (!copy)
            return error_memory(err);
        *out = of_repo(copy);
        return 0;
    }
    if (is_hub)
        return error_set(err, "%s: behind hf-hub: OWNER/NAME is needed", text);
    if (colon)
        return parse_tag(out, text, colon, arena, err);
    return error_set(err, "%s: neither a file or folder, nor the name of a checkpoint%s", text,
                     named_near(text, arena));
}

/* --- files --- */

const char *named_of_digest(const char *digest) {
    for (int i = 0; i < N_OPENAI; i++)
        if (strcmp(openai_files[i].digest, digest) == 0)
            return openai_files[i].name;
    return strcmp(digest, NAMED_VOCABULARY_DIGEST) == 0 ? "vocabulary" : NULL;
}

bool named_of_file(const char *file, Named *out) {
    const OpenaiFile *found = find_openai(NULL, file);
    if (found)
        *out = of_openai(found);
    return found;
}
