/* fetch.h: gets a named checkpoint, with its config and vocabulary, to where other programs find it too.
 *
 * A repository of the hub goes into the hub's cache, as huggingface_hub lays it out:
 *     models--OWNER--NAME/blobs/DIGEST                         the content
 *                         snapshots/COMMIT/FILE                a link to it
 *                         refs/main                            COMMIT, written when all is there
 * A single file goes to ~/.cache/clip, where openai/CLIP and OpenCLIP look. CLIP's vocabulary, which they
 * bring along themselves, goes beside a single file, and for a repository without one to coop's own cache
 * (clip/named/caches.h). With a folder, everything goes there, under its own name.
 */
#ifndef EXPERIMENTS_FETCH_FETCH_H
#define EXPERIMENTS_FETCH_FETCH_H

#include "clip/named/named.h"
#include "experiments/fetch/download.h"

/* folder NULL: as above. *weights becomes their path, or that of the folder they are in, owned by the arena.
 */
int fetch_named(const char **weights, const Named *named, const char *folder, const FetchOptions *options,
                Arena *arena, Error *err);

/* Where its files can be had with other means, for people: an address of each, or of the list of them. Owned
 * by the arena. */
const char *fetch_address(const Named *named, Arena *arena);
const char *fetch_vocabulary_address(Arena *arena);

#endif
