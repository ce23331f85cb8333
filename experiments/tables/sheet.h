/* sheet.h: a table as people read it, whatever its format: plain text, LaTeX, Markdown.
 *
 * LaTeX is for documents with \usepackage{booktabs}; it compiles with pdfLaTeX as with its successors.
 * Markdown is GitHub's. Texts out of files never become markup, and what acts on a terminal is spelled out as
 * printable() does it.
 */
#ifndef EXPERIMENTS_TABLES_SHEET_H
#define EXPERIMENTS_TABLES_SHEET_H

#include "clip/base/buffer.h"
#include "experiments/tables/cells.h"

typedef struct {
    const char *text; /* "" where there is nothing */
    bool best;        /* bold type */
} SheetCell;

typedef struct {
    const char *name;     /* for references in a document: "accuracy-oxford_pets" */
    const char *caption;  /* one line */
    const char **columns; /* (n_columns) */
    SheetCell *cells;     /* (n_rows, n_columns): the first column is text; the others are numbers, in which
                           * only "±", "–" and "*" are not ASCII or not a number's */
    int n_rows, n_columns;
    int n_foot;         /* of the rows, those below a rule */
    const char **notes; /* (n_notes), below the table */
    int n_notes;
} Sheet;

typedef enum { SHEET_TEXT, SHEET_LATEX, SHEET_MARKDOWN, N_SHEET_FORMATS } SheetFormat;
extern const char *const SHEET_FORMATS[N_SHEET_FORMATS]; /* "text", "latex", "markdown" */

/* An empty sheet with room for so many rows, columns and notes; its memory is the arena's. */
Sheet sheet_create(int n_rows, int n_columns, int n_notes, Arena *arena);
SheetCell *sheet_cell(const Sheet *sheet, int row, int column);

/* The cells as a sheet: a row per label, a column per number of shots. */
Sheet cells_sheet(const CellTable *cells, Arena *arena);

/* All sheets (n), an empty line between them. width: of the terminal in columns, 0 for any (text alone). When
 * memory is out, that shows at the buffer or the arena. */
void sheets_write(Buffer *out, const Sheet *sheets, int n, SheetFormat format, int width, Arena *arena);

/* One sheet; sheets_write adds what all need. */
void sheet_write_text(Buffer *out, const Sheet *sheet, int width, Arena *arena);
void sheet_write_latex(Buffer *out, const Sheet *sheet, const char *label, Arena *arena);
void sheet_write_markdown(Buffer *out, const Sheet *sheet, Arena *arena);

/* Text as LaTeX prints it. Letters beyond those that pdfLaTeX has are \coopletter{4E2D}{...}. */
void latex_text(Buffer *out, const char *text, Arena *arena);
/* Defines that: the letter itself, where the engine is of today, or its number. */
#define LATEX_LETTER "\\coopletter"

#endif
