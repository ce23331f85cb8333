/* hub_repo.h: which files a repository of the Hugging Face hub has, and which of them are a checkpoint.
 *
 * Layout of the answer of HUB/api/models/OWNER/NAME/revision/main?blobs=true:
 *     {"sha": COMMIT, "siblings": [{"rfilename", "size", "blobId", "lfs": {"sha256", "size"}}, ...]}
 * Large files have "lfs"; the others are named by git's digest of their content. Source: huggingface_hub,
 * hf_api.py.
 */
#ifndef EXPERIMENTS_FETCH_HUB_REPO_H
#define EXPERIMENTS_FETCH_HUB_REPO_H

#include "clip/base/arena.h"
#include "clip/base/error.h"
#include "experiments/fetch/file_digest.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct {
    const char *name; /* without a folder */
    const char *digest;
    DigestKind kind;
    int64_t size;
    bool chosen;
} HubFile;

/* Texts are owned by the arena. */
typedef struct {
    const char *commit;
    HubFile *files; /* (n): those at the top of the repository */
    int n;
    const char *weights; /* the name of the chosen ones, or of the index of their pieces */
    bool has_vocabulary; /* among those that are chosen */
} HubRepo;

/* Reads the answer, of which nothing is believed; `url` is for errors. */
int hub_repo_read(HubRepo *repo, const char *answer, size_t size, const char *url, Arena *arena, Error *err);

/* Chooses the weights, as checkpoint_weights would (clip/named/checkpoint_folder.h), and what goes with them:
 * configs and vocabulary. only_openclip: other weights than OpenCLIP's are for another program. */
int hub_repo_choose(HubRepo *repo, bool only_openclip, const char *url, Error *err);

#endif
