/* serve_support.h: `coop serve` in a process of its own, and what is said to it over a socket. */
#ifndef TESTS_EXPERIMENTS_SERVE_SERVE_SUPPORT_H
#define TESTS_EXPERIMENTS_SERVE_SERVE_SUPPORT_H

#include "tests/support/cli_support.h"

#define SERVE_MODEL FIXTURES "clip_vit.safetensors"
#define SERVE_VOCAB FIXTURES "merges.txt.gz"

/* SCRATCH/photos with n of the fixtures, 00.jpg and on, and SCRATCH/x.index of them. Returns the latter. */
const char *serve_index(Cli *cli, int n);
/* Starts coop serve with that, at a free port, and these words (the last one NULL). Returns the port. */
int serve_start(Cli *cli, const char *const *words);
/* serve_index, serve_start. */
int serve_photos(Cli *cli, int n);

int serve_connect(int port);
void serve_say(int fd, const void *bytes, size_t size);
/* All that comes until the server ends it; owned by cli. *size may be NULL. Closes fd. */
char *serve_hear(Cli *cli, int fd, size_t *size);
/* Bytes to a connection of their own, and its answer. */
char *serve_ask(Cli *cli, int port, const void *bytes, size_t size);
/* GET target. */
char *serve_get(Cli *cli, int port, const char *target);
/* POST /api/search with an image. */
char *serve_post(Cli *cli, int port, const void *image, size_t size);

int serve_status(const char *answer); /* 0: none */
/* Fails the test unless the answer has this status and its body holds the text. */
void serve_expect(const char *answer, int status, const char *text);
/* Fails the test unless the server still answers. */
void serve_lives(Cli *cli, int port);
/* SIGTERM, after which it must end as it should: a sanitizer's complaints have another status. */
void serve_end(Cli *cli);

#endif
