/* command_models.c: coop models */
#include "clip/base/files.h"
#include "clip/checkpoint/architectures.h"
#include "experiments/commands/commands.h"
#include "experiments/terminal/printable.h"

#include <stdio.h>
#include <string.h>

/* OpenAI's files: the digest is a part of the address (openai/CLIP, clip/clip.py). */
typedef struct {
    const char *name, *file, *digest;
} KnownFile;

#define WEIGHTS_URL "https://openaipublic.azureedge.net/clip/models/%s/%s"
#define VOCABULARY_URL "https://github.com/openai/CLIP/raw/main/clip/bpe_simple_vocab_16e6.txt.gz"

static const KnownFile known_files[] = {
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
    {"vocabulary", "bpe_simple_vocab_16e6.txt.gz",
     "924691ac288e54409236115652ad4aa250f48203de50a9e4722a6ecd48d6804a"},
};
enum { N_KNOWN = sizeof known_files / sizeof *known_files };

static void print_known(const KnownFile *known) {
    const Architecture *a = architecture_find(known->name);
    if (a)
        printf("%-15s image %d, embedding %d, text width %d\n", known->name, a->image_size, a->embed_dim,
               a->text_width);
    else
        printf("%-15s of all of them; keep it beside the checkpoint\n", known->name);
    if (a)
        printf("  " WEIGHTS_URL "\n", known->digest, known->file);
    else
        printf("  %s\n", VOCABULARY_URL);
    printf("  sha256 %s\n", known->digest);
}

/* Prints which known file this is. One that is none of them is no error, unless its name says that it should
 * be. */
static int verify(const char *path, Error *err) {
    FileMap map;
    char digest[65];
    if (file_map(&map, path, err) < 0)
        return -1;
    digest_bytes(digest, map.data, map.size);
    file_unmap(&map);
    const char *slash = strrchr(path, '/'), *base = slash ? slash + 1 : path;
    for (int i = 0; i < N_KNOWN; i++) {
        if (strcmp(known_files[i].digest, digest) == 0) {
            print_line(stdout, "%s: %s, intact", path, known_files[i].name);
            return 0;
        }
        if (strcmp(known_files[i].file, base) == 0)
            return error_set(err, "%s: sha256 %s: not the published %s (%s)", path, digest,
                             known_files[i].name, known_files[i].digest);
    }
    print_line(stdout, "%s: sha256 %s, none of the published files", path, digest);
    return 0;
}

static int run(CommandLine *line, Error *err) {
    int status = command_parse(line, &command_models, NULL, 0, err);
    if (status != 0)
        return status < 0 ? -1 : 0;
    for (int i = 0; i < N_KNOWN && line->words.n == 0; i++)
        print_known(&known_files[i]);
    for (int i = 0; i < line->words.n; i++)
        if (verify(line->words.values[i], err) < 0)
            return -1;
    return 0;
}

const Command command_models = {
    .name = "models",
    .usage = "coop models [FILE...]",
    .summary = "known checkpoints with their addresses and digests; verifies files",
    .help = "Without a file, the list. With files, what each of them is, by its SHA-256.\n",
    .example = "coop models ~/models/ViT-B-32.pt",
    .min_words = 0,
    .max_words = ANY_NUMBER,
    .run = run};
