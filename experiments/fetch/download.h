/* download.h: a file from the network to the disk, whole and verified, or not at all.
 *
 * Bytes go to a file beside the one that is wanted; whatever stops that, they stay there, and the next time
 * goes on behind them. Only what has the published digest gets its name. Several that want the same file at
 * the same time take turns: the first fetches it, the others find it.
 */
#ifndef EXPERIMENTS_FETCH_DOWNLOAD_H
#define EXPERIMENTS_FETCH_DOWNLOAD_H

#include "experiments/fetch/file_digest.h"
#include "experiments/fetch/retry.h"

typedef struct {
    const char *url, *token;
    const char *path;    /* what is wanted */
    const char *title;   /* what people call it; NULL: the last part of the path */
    const char *partial; /* what is there of it, in the same folder; PARTIAL.etag says of which version */
    const char *lock;    /* a file whose lock other programs take too; NULL: none */
    DigestKind kind;
    const char *digest; /* the first digits of what it must be */
    int64_t size;       /* -1: not known */
    bool replace;       /* a file of another content that is there is none of the user's own */
} Download;

/* Leaves the file at its path, whose folder is there or is made. 1 if it was there already, intact. */
int download(HttpClient *client, const Download *what, const FetchOptions *options, Error *err);

#endif
