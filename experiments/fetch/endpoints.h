/* endpoints.h: whom to ask, and with which token, as the environment has it. Texts are owned by the arena,
 * NULL when memory is out, or where there is none. */
#ifndef EXPERIMENTS_FETCH_ENDPOINTS_H
#define EXPERIMENTS_FETCH_ENDPOINTS_H

#include "clip/base/arena.h"

#include <stdbool.h>

/* Each without a slash at its end. */
const char *endpoint_hub(Arena *arena); /* $HF_ENDPOINT, else https://huggingface.co */
const char *
endpoint_openai(Arena *arena); /* $COOP_OPENAI_ENDPOINT, else https://openaipublic.azureedge.net */
const char *endpoint_github(Arena *arena); /* $COOP_GITHUB_ENDPOINT, else https://github.com */

/* $HF_TOKEN, $HUGGING_FACE_HUB_TOKEN, or what the file $HF_TOKEN_PATH or HF_HOME/token holds, unless
 * $HF_HUB_DISABLE_IMPLICIT_TOKEN is set. For the hub alone. */
const char *endpoint_token(Arena *arena);
/* $HF_HUB_OFFLINE or $TRANSFORMERS_OFFLINE */
bool endpoint_offline(void);
/* Seconds without a byte that are too many: $HF_HUB_DOWNLOAD_TIMEOUT, else 30. */
int endpoint_stall(void);

#endif
