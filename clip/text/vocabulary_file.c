/* vocabulary_file.c: unpacks a vocabulary file and chooses its reader: one that begins with '{' is a
 * tokenizer.json. */
#include "clip/text/vocabulary_file.h"

#include "clip/base/files.h"
#include "clip/text/vocabulary_json.h"
#include "clip/text/vocabulary_text.h"

#include <string.h>
#include <unistr.h>

#define MAX_FILE_BYTES ((size_t)16 << 20) /* unpacked; CLIP's own files have 3 to 6 MiB */
#define N_BASE 514                        /* ids that are not merges: 2 * 256 bytes, start and end */

static size_t line_of(const char *text, const char *at) {
    size_t line = 1;
    for (; text < at; text++)
        line += *text == '\n';
    return line;
}

int vocabulary_read(Vocabulary *vocabulary, const char *path, int max_merges, Arena *arena, Error *err) {
    *vocabulary = (Vocabulary){.path = path};
    size_t size;
    char *text = file_read_gz(path, MAX_FILE_BYTES, arena, &size, err);
    if (!text)
        return -1;
    const uint8_t *bad = u8_check((const uint8_t *)text, size);
    if (bad)
        return error_set(err, "%s: line %zu: not UTF-8", path, line_of(text, (const char *)bad));
    vocabulary->json = text[strspn(text, " \t\r\n")] == '{';
    const int status = vocabulary->json
                           ? vocabulary_read_json(vocabulary, text, size, max_merges, arena, err)
                           : vocabulary_read_text(vocabulary, text, size, max_merges, arena, err);
    if (status < 0)
        return -1;
    if (vocabulary->n_merges < max_merges) {
        return error_set(err, "%s: %d merges where the checkpoint's %d tokens need %d", path,
                         vocabulary->n_merges, max_merges + N_BASE, max_merges);
    }
    return 0;
}
