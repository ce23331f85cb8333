/* retrieve_read.c: from the YAML tree to a RetrieveConfig. Keys are read through their table; here is what
 * concerns more than one of them. */
#include "experiments/retrieve/retrieve_read.h"

#include "clip/base/files.h"
#include "experiments/config/config.h"
#include "experiments/config/names.h"
#include "experiments/config/section_read.h"
#include "experiments/retrieve/retrieve_keys.h"

#include <string.h>

static int read_sections(RetrieveConfig *config, const Node *root, Arena *arena, Error *err) {
    const SectionList all = {retrieve_section_at, NULL};
    const SectionSpec *section;
    if (root->kind != NODE_MAP)
        return node_error(root, err, "such a file is a map of keys, as 'output: runs/mine'");
    for (int i = 0; (section = retrieve_section_at(NULL, i)); i++)
        if (section_read(section, *section->name ? node_find(root, section->name) : root, root, config, &all,
                         arena, err) < 0)
            return -1;
    if (!strstr(config->template, "{}"))
        return node_error(node_find(root, "template"), err, "template '%.60s': no {} for the caption",
                          config->template);
    return 0;
}

int retrieve_config_read(RetrieveConfig *config, const char *path, const char *const *overrides,
                         int n_overrides, Arena *arena, Error *err) {
    *config = (RetrieveConfig){.path = arena_strdup(arena, path)};
    if (!config->path)
        return error_memory(err);
    const Node *root = experiment_tree(config->path, overrides, n_overrides, arena, err);
    if (!root || read_sections(config, root, arena, err) < 0)
        return -1;
    fill_in_names(&config->name, &config->output, config->path, arena);
    if (!config->cache && config->output)
        config->cache = path_join(arena, config->output, "cache");
    if (!config->data.images)
        config->data.images = path_folder(arena, config->data.captions);
    return arena_failed(arena) ? error_memory(err) : 0;
}
