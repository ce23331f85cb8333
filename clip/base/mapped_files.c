/* mapped_files.c: see mapped_files.h.
 *
 * A list that a handler can walk at any moment, whatever other threads do to it: entries are added in front,
 * and never freed, but used again for another map. An entry whose end is 0 is nobody's, and the text, which
 * is made ready beforehand, changes only in such a one.
 */
#include "clip/base/mapped_files.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

typedef struct Entry Entry;
struct Entry {
    _Atomic uintptr_t begin, end; /* addresses; end is 0 while it stands for no map */
    Error line;                   /* what to say, with its newline */
    Entry *next;
};

/* A handler can reach nothing else. */
static _Atomic(Entry *) entries;
static pthread_mutex_t changing = PTHREAD_MUTEX_INITIALIZER;
static atomic_bool noting;

void mapped_files_note(void) {
    atomic_store(&noting, true);
}

const char *mapped_files_line(const void *address) {
    const uintptr_t at = (uintptr_t)address;
    for (const Entry *entry = entries; entry; entry = entry->next)
        if (at >= entry->begin && at < entry->end)
            return entry->line.text;
    return NULL;
}

/* One that stands for no map, in the list; NULL when memory is out. */
static Entry *unused_entry(void) {
    Entry *entry = entries;
    while (entry && entry->end != 0)
        entry = entry->next;
    if (entry || !(entry = calloc(1, sizeof *entry)))
        return entry;
    entry->next = entries;
    entries = entry;
    return entry;
}

int mapped_files_add(const void *data, size_t size, const char *path, Error *err) {
    if (!atomic_load(&noting))
        return 0;
    pthread_mutex_lock(&changing);
    Entry *entry = unused_entry();
    if (entry) {
        error_run(&entry->line, "%s: was cut while being read", path);
        size_t n = strlen(entry->line.text);
        n = n < sizeof entry->line.text - 1 ? n : n - 1;
        memcpy(entry->line.text + n, "\n", 2);
        entry->begin = (uintptr_t)data;
        entry->end = (uintptr_t)data + size;
    }
    pthread_mutex_unlock(&changing);
    return entry ? 0 : error_memory(err);
}

void mapped_files_remove(const void *data) {
    pthread_mutex_lock(&changing);
    for (Entry *entry = entries; entry; entry = entry->next)
        if (entry->end != 0 && entry->begin == (uintptr_t)data)
            entry->end = 0;
    pthread_mutex_unlock(&changing);
}
