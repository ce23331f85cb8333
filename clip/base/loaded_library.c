/* loaded_library.c: see loaded_library.h */
#include "clip/base/loaded_library.h"

#include <errno.h>
#include <string.h>

#include <dlfcn.h>

static int find_all(void *library, const LibraryName *name, const LibraryFunction *functions, size_t n,
                    Error *err) {
    for (size_t i = 0; i < n; i++) {
        void *function = dlsym(library, functions[i].name);
        memcpy(functions[i].place, &function, sizeof function);
        if (!function)
            return error_run(err, "%s has no %s%s%s", name->file, functions[i].name,
                             name->oldest ? ": it is older than " : "", name->oldest ? name->oldest : "");
    }
    return 0;
}

void *library_open(const LibraryName *name, const LibraryFunction *functions, size_t n, Error *err) {
    errno = 0;
    void *library = dlopen(name->file, RTLD_NOW | RTLD_LOCAL);
    if (!library && errno == ENOMEM) /* of which dlerror may have none left to tell */
        error_memory(err);
    else if (!library)
        error_run(err, "%s cannot be loaded (Debian: %s): %s", name->file, name->package, dlerror());
    else if (find_all(library, name, functions, n, err) < 0) {
        dlclose(library);
        library = NULL;
    }
    return library;
}

void library_close(void *library) {
    if (library)
        dlclose(library);
}
