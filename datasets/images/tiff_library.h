/* tiff_library.h: libtiff, loaded with the first TIFF file.
 *
 * Linked, it and what it brings along, a library of C++ among them, would take a quarter of the time in which
 * every `coop` starts, 0.9 of 3.8 ms (EPYC, Zen 5). So it is asked for by name.
 */
#ifndef DATASETS_IMAGES_TIFF_LIBRARY_H
#define DATASETS_IMAGES_TIFF_LIBRARY_H

#include "clip/base/error.h"

#include <tiffio.h>

/* Functions of libtiff, without "TIFF". */
typedef struct {
    void *library; /* NULL: not loaded */
    __typeof__(TIFFOpenOptionsAlloc) *OpenOptionsAlloc;
    __typeof__(TIFFOpenOptionsFree) *OpenOptionsFree;
    __typeof__(TIFFOpenOptionsSetErrorHandlerExtR) *OpenOptionsSetErrorHandlerExtR;
    __typeof__(TIFFOpenOptionsSetWarningHandlerExtR) *OpenOptionsSetWarningHandlerExtR;
    __typeof__(TIFFOpenOptionsSetMaxSingleMemAlloc) *OpenOptionsSetMaxSingleMemAlloc;
    __typeof__(TIFFClientOpenExt) *ClientOpenExt;
    __typeof__(TIFFClose) *Close;
    __typeof__(TIFFIsCODECConfigured) *IsCODECConfigured;
    __typeof__(TIFFGetField) *GetField;
    __typeof__(TIFFGetFieldDefaulted) *GetFieldDefaulted;
    __typeof__(TIFFSetField) *SetField;
    __typeof__(TIFFScanlineSize64) *ScanlineSize64;
    __typeof__(TIFFReadScanline) *ReadScanline;
    __typeof__(TIFFTileSize64) *TileSize64;
    __typeof__(TIFFReadTile) *ReadTile;
    __typeof__(TIFFIsTiled) *IsTiled;
    __typeof__(TIFFNumberOfTiles) *NumberOfTiles;
    __typeof__(TIFFNumberOfStrips) *NumberOfStrips;
    __typeof__(TIFFGetStrileOffset) *GetStrileOffset;
    __typeof__(TIFFGetStrileByteCount) *GetStrileByteCount;
} TiffLibrary;

/* From any thread; it stays until the program ends. NULL with a reason that begins with `name`, the file that
 * wants it. */
const TiffLibrary *tiff_library(const char *name, Error *err);

#endif
