/* section_read.c: see section_read.h */
#include "experiments/config/section_read.h"

#include "clip/base/nearest.h"

#include <stdio.h>
#include <string.h>

/* "unknown key 'lrr' in optim (did you mean 'lr'?)"; a key of another section is told where it belongs. */
static int unknown_key(const SectionSpec *section, const Node *key, const SectionList *all, Error *err) {
    const char *names[32];
    int n = 0;
    for (const KeySpec *known; n < 32 && (known = section_key_at(section, n)); n++)
        names[n] = known->name;
    char in[64] = "at the top level";
    if (*section->name)
        snprintf(in, sizeof in, "in %s", section->name);
    const char *nearest = nearest_word(key->text, names, n);
    if (nearest)
        return node_error(key, err, "unknown key '%.60s' %s (did you mean '%s'?)", key->text, in, nearest);
    int i = 0;
    while (all->at(all->context, i))
        i++;
    while (--i > 0) /* from behind: optim before the methods that may override it */
        if (section_key(all->at(all->context, i), key->text))
            return node_error(key, err, "unknown key '%.60s' %s (it belongs in %s)", key->text, in,
                              all->at(all->context, i)->name);
    return node_error(key, err, "unknown key '%.60s' %s", key->text, in);
}

int section_read(const SectionSpec *section, const Node *map, const Node *parent, void *base,
                 const SectionList *all, Arena *arena, Error *err) {
    if (map && node_is_empty(map))
        map = NULL;
    if (map && map->kind != NODE_MAP)
        return node_error(map, err, "%s%smust be keys with values", section->name,
                          *section->name ? " " : "the file ");
    for (int i = 0; map && i < map->n; i++)
        if (!section_key(section, map->keys[i]->text))
            return unknown_key(section, map->keys[i], all, err);
    if (section_defaults(section, map, base, arena, err) < 0)
        return -1;
    const KeySpec *key;
    for (int i = 0; (key = section_key_at(section, i)); i++) {
        const Node *value = node_find(map, key->name);
        if (!value && key->flags & KEY_REQUIRED)
            return node_error(map ? map : parent, err, "missing key '%s'%s%s", key->name,
                              *section->name ? " in " : "", section->name);
        if (key->type == KEY_SECTION || key->type == KEY_METHODS || key->type == KEY_TARGETS)
            continue;
        if (value && key_read(key, section->name, value, base, arena, err) < 0)
            return -1;
    }
    return 0;
}
