/* tiff_library.c: see tiff_library.h */
#ifdef HAVE_TIFF /* the Makefile found libtiff */
#include "datasets/images/tiff_library.h"

#include "clip/base/loaded_library.h"

#include <pthread.h>

static int load(TiffLibrary *tiff, const char *name, Error *err) {
    const LibraryName library = {"libtiff.so.6", "libtiff6", "4.5"};
    const LibraryFunction functions[] = {
        {"TIFFOpenOptionsAlloc", &tiff->OpenOptionsAlloc},
        {"TIFFOpenOptionsFree", &tiff->OpenOptionsFree},
        {"TIFFOpenOptionsSetErrorHandlerExtR", &tiff->OpenOptionsSetErrorHandlerExtR},
        {"TIFFOpenOptionsSetWarningHandlerExtR", &tiff->OpenOptionsSetWarningHandlerExtR},
        {"TIFFOpenOptionsSetMaxSingleMemAlloc", &tiff->OpenOptionsSetMaxSingleMemAlloc},
        {"TIFFClientOpenExt", &tiff->ClientOpenExt},
        {"TIFFClose", &tiff->Close},
        {"TIFFIsCODECConfigured", &tiff->IsCODECConfigured},
        {"TIFFGetField", &tiff->GetField},
        {"TIFFGetFieldDefaulted", &tiff->GetFieldDefaulted},
        {"TIFFSetField", &tiff->SetField},
        {"TIFFScanlineSize64", &tiff->ScanlineSize64},
        {"TIFFReadScanline", &tiff->ReadScanline},
        {"TIFFTileSize64", &tiff->TileSize64},
        {"TIFFReadTile", &tiff->ReadTile},
        {"TIFFIsTiled", &tiff->IsTiled},
        {"TIFFNumberOfTiles", &tiff->NumberOfTiles},
        {"TIFFNumberOfStrips", &tiff->NumberOfStrips},
        {"TIFFGetStrileOffset", &tiff->GetStrileOffset},
        {"TIFFGetStrileByteCount", &tiff->GetStrileByteCount},
    };
    Error reason = {0};
    tiff->library = library_open(&library, functions, sizeof functions / sizeof *functions, &reason);
    if (tiff->library)
        return 0;
    return reason.is_memory ? error_memory(err) : error_set(err, "%s: TIFF: %s", name, reason.text);
}

const TiffLibrary *tiff_library(const char *name, Error *err) {
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    static TiffLibrary tiff;
    pthread_mutex_lock(&lock);
    const int result = tiff.library ? 0 : load(&tiff, name, err);
    pthread_mutex_unlock(&lock);
    return result < 0 ? NULL : &tiff;
}
#endif
