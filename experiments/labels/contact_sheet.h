/* contact_sheet.h: one page with all images that were labelled, in groups by label: a file of its own,
 * thumbnails and all. */
#ifndef EXPERIMENTS_LABELS_CONTACT_SHEET_H
#define EXPERIMENTS_LABELS_CONTACT_SHEET_H

#include "clip/base/error.h"

typedef struct ContactSheet ContactSheet;

/* The page shows at most so many images, and how many there were beyond. */
enum { CONTACT_SHEET_MOST = 10000 };

/* The names (n_classes) are borrowed. Caller frees. */
ContactSheet *contact_sheet_create(const char *title, const char *const *class_names, int n_classes,
                                   Error *err);
/* An image: rgb (side, side, 3) with its label, or, with rgb NULL, what is wrong with it. All is copied. */
int contact_sheet_add(ContactSheet *sheet, const char *path, const unsigned char *rgb, int side, int label,
                      double probability, const char *fault, Error *err);
/* Written atomically: the label with the most images first, in each the most probable first. */
int contact_sheet_write(const ContactSheet *sheet, const char *path, Error *err);
void contact_sheet_free(ContactSheet *sheet); /* NULL is fine */

#endif
