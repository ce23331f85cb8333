/* command_models.c: coop models: checkpoints by name, those that are here and those that can be fetched. */
#include "clip/base/files.h"
#include "clip/checkpoint/architectures.h"
#include "clip/checkpoint/locate.h"
#include "clip/named/caches.h"
#include "clip/named/named_find.h"
#include "experiments/commands/commands.h"
#include "experiments/commands/models_here.h"
#include "experiments/fetch/endpoints.h"
#include "experiments/fetch/fetch.h"
#include "experiments/terminal/printable.h"

#include <stdio.h>
#include <string.h>

enum { TRIES = 5 };

/* --- the list --- */

static int print_here(Arena *arena, Error *err) {
    int n;
    const ModelHere *here;
    if (models_here(&here, &n, arena, err) < 0)
        return -1;
    printf(n > 0 ? "on this disk:\n" : "on this disk: none\n");
    for (int i = 0; i < n; i++)
        print_line(stdout, "  %-36s %6.0f MB  %s%s", here[i].name, (double)here[i].size / 1e6, here[i].path,
                   here[i].has_vocabulary ? "" : "  (its vocabulary is not here)");
    return 0;
}

/* Behind a comma, on another line where it would pass column 80. */
static void put_word(int *column, const char *word) {
    const int n = (int)strlen(word);
    const bool fits = *column + n + 3 <= 80;
    printf(fits ? ", %s" : ",\n      %s", word);
    *column = fits ? *column + n + 2 : n + 6;
}

/* Known names; of OpenCLIP, a model with its tags behind it. */
static void print_kind(NamedKind kind, Arena *arena) {
    Named named;
    const char *first = NULL; /* of this line */
    int column = 0;
    for (int i = 0; named_at(i, &named, arena); i++) {
        const char *colon = strchr(named.name, ':');
        const size_t n_model = colon ? (size_t)(colon + 1 - named.name) : 0;
        if (named.kind != kind)
            continue;
        if (first && strncmp(first, named.name, n_model) == 0) {
            put_word(&column, named.name + n_model);
            continue;
        }
        printf("%s    %s", first ? "\n" : "", named.name);
        column = 4 + (int)strlen(named.name);
        first = named.name;
    }
    printf("\n");
}

static int print_list(Arena *arena, Error *err) {
    if (print_here(arena, err) < 0)
        return -1;
    printf("\ncoop models get NAME fetches\n  of OpenAI:\n");
    print_kind(NAMED_OPENAI, arena);
    printf("  of OpenCLIP, MODEL:TAG:\n");
    print_kind(NAMED_OPENCLIP, arena);
    printf("  of the Hugging Face hub any that holds a CLIP, OWNER/NAME, such as\n");
    print_kind(NAMED_HUB, arena);
    printf("\nWherever a checkpoint is given, its name will do once it is here. coop models NAME says more "
           "of one.\n");
    return arena_failed(arena) ? error_memory(err) : 0;
}

/* --- one of them --- */

/* Whether the file is what was published; without a digest nobody knows. */
static int print_digest(const char *path, const char *digest, Error *err) {
    char is[65];
    file_digest(is, DIGEST_SHA256, path, err);
    if (!*is)
        return -1;
    if (strncmp(is, digest, strlen(digest)) != 0)
        return error_set(err, "%s: sha256 %s: not the published one (%s)", path, is, digest);
    print_line(stdout, "  intact: sha256 %s%s", digest,
               strlen(digest) < 64 ? "... (no more is published)" : "");
    return 0;
}

static int print_named(const char *text, Arena *arena, Error *err) {
    Named named;
    if (named_parse(&named, text, arena, err) < 0)
        return -1;
    const NamedFiles files = named_find(&named, arena);
    const Architecture *a = architecture_find(named.name);
    if (arena_failed(arena))
        return error_memory(err);
    const char *address = fetch_address(&named, arena),
               *name = files.weights ? path_last(arena, files.weights) : "";
    if (!address || !name)
        return error_memory(err);
    print_line(stdout, "%s", named.name);
    if (a)
        printf("  image %d, embedding %d, text width %d\n", a->image_size, a->embed_dim, a->text_width);
    if (named.known)
        printf("  activation %s%s%s\n", named.quick_gelu ? "quick_gelu" : "gelu",
               named.half_pixels ? ", pixels (x - 0.5) / 0.5" : "", named.squash ? ", images squashed" : "");
    print_line(stdout, "  address %s", address);
    if (named.digest)
        print_line(stdout, "  sha256 %s%s", named.digest, strlen(named.digest) < 64 ? "..." : "");
    if (!files.weights)
        print_line(stdout, "  not on this disk; this fetches it: coop models get %s", named.name);
    else
        print_line(stdout, "  weights %s", files.weights);
    if (files.lacks)
        print_line(stdout, "  its %s is not on this disk; this fetches it: coop models get %s", files.lacks,
                   named.name);
    if (files.vocabulary)
        print_line(stdout, "  vocabulary %s", files.vocabulary);
    else if (files.weights)
        print_line(stdout, "  its vocabulary is not on this disk");
    const bool single = named.file && strcmp(name, named.file) == 0;
    return single && named.digest ? print_digest(files.weights, named.digest, err) : 0;
}

/* Prints which known file this is. One that is none of them is no error, unless its name says that it should
 * be. */
static int verify(const char *path, Arena *arena, Error *err) {
    char digest[65];
    Named named;
    file_digest(digest, DIGEST_SHA256, path, err);
    if (!*digest)
        return -1;
    const char *base = path_last(arena, path), *known = named_of_digest(digest);
    if (!base)
        return error_memory(err);
    if (known) {
        print_line(stdout, "%s: %s, intact", path, known);
        return 0;
    }
    if (strcmp(base, NAMED_VOCABULARY) == 0)
        return error_set(err, "%s: sha256 %s: not the published vocabulary (%s)", path, digest,
                         NAMED_VOCABULARY_DIGEST);
    if (named_of_file(base, &named))
        return error_set(err, "%s: sha256 %s: not the published %s (%s)", path, digest, named.name,
                         named.digest);
    print_line(stdout, "%s: sha256 %s, none of the published files", path, digest);
    return 0;
}

/* --- get --- */

/* Without libcurl, people can fetch it themselves. */
static int refuse_without_curl(const Named *named, const char *folder, Arena *arena, Error *err) {
    const char *where = folder ? folder : cache_openai(arena);
    return error_run(
        err,
        "%s: this program was built without libcurl (Debian: libcurl4-openssl-dev); fetch it yourself: %s "
        "and, where no vocabulary is among it, %s, into %s%s%s%s",
        named->name, fetch_address(named, arena), fetch_vocabulary_address(arena),
        named->repo ? "one folder, which is then the checkpoint"
        : where     ? where
                    : "a folder",
        named->repo || !named->digest ? "" : " (sha256 ", named->repo || !named->digest ? "" : named->digest,
        named->repo || !named->digest ? "" : ")");
}

static int get(const char *text, const char *folder, bool quiet, Arena *arena, Error *err) {
    const FetchOptions options = {.quiet = quiet, .tries = TRIES, .pause = 1, .stall = endpoint_stall()};
    Named named;
    const char *weights;
    if (named_is_path(text))
        return error_usage(
            err, "%s: a path, where the name of a checkpoint is needed (coop models lists them)", text);
    if (named_parse(&named, text, arena, err) < 0)
        return -1;
    if (!http_available())
        return refuse_without_curl(&named, folder, arena, err);
    if (fetch_named(&weights, &named, folder, &options, arena, err) < 0)
        return error_prefix(err, "%s", named.name);
    print_line(stdout, "%s", weights);
    if (!quiet && !folder)
        print_line(stderr, "use it by its name: --model %s", named.name);
    return 0;
}

static int run(CommandLine *line, Error *err) {
    const char *folder = NULL;
    const Option options[] = {{"dir", OPTION_TEXT, &folder, 0, 0, "DIR",
                               "get: put all files there, not where programs look for them"}};
    int status = command_parse(line, &command_models, options, 1, err);
    if (status != 0)
        return status < 0 ? -1 : 0;
    const OptionTexts *words = &line->words;
    const bool gets = words->n > 0 && strcmp(words->values[0], "get") == 0;
    if ((gets && words->n == 1) || (folder && !gets))
        return error_usage(err, "usage: coop models get NAME... [--dir DIR]");
    if (words->n == 0)
        return print_list(line->arena, err);
    if (folder && !(folder = path_expand(line->arena, folder)))
        return error_memory(err);
    for (int i = gets; i < words->n && status == 0; i++) {
        const char *word = words->values[i];
        status = gets                   ? get(word, folder, line->common.quiet, line->arena, err)
                 : locate_is_name(word) ? print_named(word, line->arena, err)
                                        : verify(word, line->arena, err);
    }
    return status;
}

const Command command_models = {
    .name = "models",
    .usage = "coop models [NAME|FILE...] | coop models get NAME... [--dir DIR]",
    .summary = "checkpoints by name: which are here, which can be had; verifies and fetches them",
    .help =
        "Without a word, a list. With names, what each stands for and where it is; with files, what each of "
        "them\n"
        "is, by its SHA-256.\n"
        "\n"
        "A name is one of OpenAI's (ViT-B/32), OpenCLIP's model and tag (ViT-B-32:laion2b_s34b_b79k), or a "
        "repository\n"
        "of the Hugging Face hub (openai/clip-vit-base-patch32, hf-hub:OWNER/NAME). It stands wherever a "
        "checkpoint is\n"
        "given; a file or folder that is spelled so goes first. It is looked for where other programs put "
        "it: in\n"
        "~/.cache/clip, in the hub's cache ($HF_HUB_CACHE, or hub in $HF_HOME or ~/.cache/huggingface), and "
        "in\n"
        "$XDG_CACHE_HOME/coop.\n"
        "\n"
        "get fetches weights, config and vocabulary to these places, where the other programs find them too. "
        "What is\n"
        "there already is verified and stays. A fetch that was stopped, by Ctrl-C too, goes on where it was; "
        "a file\n"
        "gets its name when its SHA-256 is the published one. Environment: https_proxy, no_proxy and the "
        "like;\n"
        "HF_ENDPOINT (a mirror of the hub), HF_TOKEN or the file that `hf auth login` writes (sent to the "
        "hub alone),\n"
        "HF_HUB_OFFLINE, HF_HUB_DOWNLOAD_TIMEOUT (seconds without a byte, 30); COOP_OPENAI_ENDPOINT and\n"
        "COOP_GITHUB_ENDPOINT for mirrors of https://openaipublic.azureedge.net and https://github.com;\n"
        "CURL_CA_BUNDLE, REQUESTS_CA_BUNDLE or SSL_CERT_FILE for a file of certificate authorities.\n",
    .example = "coop models get ViT-B/32 && coop zeroshot --model ViT-B/32 --classes cat,dog photo.jpg",
    .min_words = 0,
    .max_words = ANY_NUMBER,
    .run = run};
