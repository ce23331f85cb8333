/* sheet.c: see sheet.h */
#include "experiments/tables/sheet.h"

#include "clip/base/text_map.h"
#include "experiments/config/names.h"

#include <string.h>

const char *const SHEET_FORMATS[N_SHEET_FORMATS] = {"text", "latex", "markdown"};

Sheet sheet_create(int n_rows, int n_columns, int n_notes, Arena *arena) {
    Sheet sheet = {.name = "",
                   .caption = "",
                   .columns = ARENA_NEW(arena, const char *, n_columns),
                   .cells = ARENA_NEW(arena, SheetCell, (size_t)n_rows * (size_t)n_columns),
                   .n_rows = n_rows,
                   .n_columns = n_columns,
                   .notes = ARENA_NEW(arena, const char *, n_notes)};
    if (arena_failed(arena))
        return (Sheet){.name = "", .caption = ""};
    for (int j = 0; j < n_columns; j++)
        sheet.columns[j] = "";
    for (size_t i = 0; i < (size_t)n_rows * (size_t)n_columns; i++)
        sheet.cells[i].text = "";
    return sheet;
}

SheetCell *sheet_cell(const Sheet *sheet, int row, int column) {
    return &sheet->cells[(size_t)row * (size_t)sheet->n_columns + (size_t)column];
}

static const char *copy_of(const char *text, Arena *arena) {
    const char *copy = arena_strdup(arena, text);
    return copy ? copy : "";
}

Sheet cells_sheet(const CellTable *cells, Arena *arena) {
    Sheet sheet = sheet_create(cells->n_rows, 1 + cells->n_columns, 1, arena);
    char text[64];
    if (arena_failed(arena))
        return sheet;
    sheet.columns[0] = "method";
    for (int j = 0; j < cells->n_columns; j++) {
        shots_text(cells->shots[j], text);
        sheet.columns[1 + j] = copy_of(text, arena);
    }
    for (int i = 0; i < cells->n_rows; i++) {
        sheet_cell(&sheet, i, 0)->text = cells->labels[i];
        for (int j = 0; j < cells->n_columns; j++) {
            cell_text(cells_at(cells, i, j), false, true, text);
            *sheet_cell(&sheet, i, 1 + j) = (SheetCell){copy_of(text, arena), cells_best(cells, i, j)};
        }
    }
    if (cells->incomplete)
        sheet.notes[sheet.n_notes++] = "* some seeds are not finished";
    return sheet;
}

/* --- all sheets --- */

/* A label that no earlier sheet has. */
static const char *label_of(const Sheet *sheet, TextMap *labels, Arena *arena) {
    const char *name = safe_name(sheet->name, arena), *label = name;
    for (int i = 2; label && text_map_find(labels, label); i++)
        label = arena_printf(arena, "%s-%d", name, i);
    return label && text_map_put(labels, label, 0) == 0 ? label : "";
}

static void write_latex(Buffer *out, const Sheet *sheets, int n, Arena *arena) {
    TextMap labels = {.arena = arena};
    Buffer tables = {0};
    for (int i = 0; i < n; i++) {
        buffer_putc(&tables, '\n');
        sheet_write_latex(&tables, &sheets[i], label_of(&sheets[i], &labels, arena), arena);
    }
    const char *text = buffer_text(&tables);
    buffer_puts(out, "% \\usepackage{booktabs}\n");
    if (text && strstr(text, LATEX_LETTER))
        buffer_puts(out, "% letters that pdfLaTeX does not have: their numbers there, themselves elsewhere\n"
                         "\\providecommand{" LATEX_LETTER "}[2]{\\ifdefined\\Umathcode "
                         "#2\\else\\texttt{U+#1}\\fi}\n");
    if (text)
        buffer_append(out, text, tables.size);
    else
        out->failed = true;
    buffer_free(&tables);
}

void sheets_write(Buffer *out, const Sheet *sheets, int n, SheetFormat format, int width, Arena *arena) {
    if (format == SHEET_LATEX) {
        write_latex(out, sheets, n, arena);
        return;
    }
    for (int i = 0; i < n; i++) {
        if (i > 0)
            buffer_putc(out, '\n');
        if (format == SHEET_TEXT)
            sheet_write_text(out, &sheets[i], width, arena);
        else
            sheet_write_markdown(out, &sheets[i], arena);
    }
}
