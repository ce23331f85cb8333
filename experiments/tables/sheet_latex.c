/* sheet_latex.c: sheets as LaTeX (sheet.h): a table with the rules of booktabs, numbers as formulas.
 *
 * What escapes: the ten characters of TeX; '<', '>', '|' and '"', which its oldest fonts print as others; '['
 * and '*', which a line of a table may not begin with; and pairs that TeX joins ("--", "``"). Letters go as
 * they are when pdfLaTeX has them without a package.
 */
#include "experiments/tables/sheet.h"
#include "experiments/terminal/printable.h"

#include <string.h>
#include <unistr.h>

static const struct {
    char letter;
    const char *latex;
} escapes[] = {{'\\', "\\textbackslash{}"},
               {'{', "\\{"},
               {'}', "\\}"},
               {'%', "\\%"},
               {'&', "\\&"},
               {'#', "\\#"},
               {'$', "\\$"},
               {'_', "\\_"},
               {'~', "\\textasciitilde{}"},
               {'^', "\\textasciicircum{}"},
               {'<', "\\textless{}"},
               {'>', "\\textgreater{}"},
               {'|', "\\textbar{}"},
               {'"', "{\\char34}"},
               {'`', "{\\char96\\kern0pt}"},
               {'[', "{[}"},
               {']', "{]}"},
               {'*', "{*}"}};

/* Has pdfLaTeX the letter in its first font encoding? */
static bool is_known(ucs4_t letter) {
    static const ucs4_t unknown[] = {0xab,  0xbb,  0xd0,  0xde,  0xf0,  0xfe,  0x104, 0x105, 0x110,
                                     0x111, 0x118, 0x119, 0x126, 0x127, 0x12e, 0x12f, 0x138, 0x13f,
                                     0x140, 0x149, 0x14a, 0x14b, 0x166, 0x167, 0x172, 0x173, 0x17f};
    static const ucs4_t marks[] = {0x2013, 0x2014, 0x2018, 0x2019, 0x201c, 0x201d, 0x2026};
    for (size_t i = 0; i < sizeof marks / sizeof *marks; i++)
        if (letter == marks[i])
            return true;
    for (size_t i = 0; i < sizeof unknown / sizeof *unknown; i++)
        if (letter == unknown[i])
            return false;
    return letter < 0x180;
}

static void write_ascii(Buffer *out, const char *at) {
    for (size_t i = 0; i < sizeof escapes / sizeof *escapes; i++)
        if (*at == escapes[i].letter) {
            buffer_puts(out, escapes[i].latex);
            return;
        }
    buffer_putc(out, *at);
    if (*at == at[1] && strchr("-',", *at)) /* TeX would join them */
        buffer_puts(out, "{\\kern0pt}");
}

void latex_text(Buffer *out, const char *text, Arena *arena) {
    for (const char *at = printable(text, arena); *at;) {
        ucs4_t letter;
        const int n = u8_strmbtouc(&letter, (const uint8_t *)at);
        if (n <= 1)
            write_ascii(out, at);
        else if (letter == 0xb1) /* LuaLaTeX's first font has none */
            buffer_puts(out, "$\\pm$");
        else if (is_known(letter))
            buffer_append(out, at, (size_t)n);
        else
            buffer_printf(out, LATEX_LETTER "{%04X}{%.*s}", (unsigned)letter, n, at);
        at += n > 1 ? n : 1;
    }
}

/* "85.9 ± 0.7*" is $85.9_{\pm 0.7}^{*}$; what is not known is a dash. */
static void write_number(Buffer *out, const SheetCell *cell) {
    static const char spread[] = " ± ";
    if (!*cell->text || strcmp(cell->text, "–") == 0) {
        buffer_puts(out, *cell->text ? "--" : "");
        return;
    }
    const char *star = strchr(cell->text, '*'), *second = strstr(cell->text, spread);
    const size_t end = star ? (size_t)(star - cell->text) : strlen(cell->text);
    const size_t middle = second ? (size_t)(second - cell->text) : end;
    buffer_printf(out, cell->best ? "$\\mathbf{%.*s}" : "$%.*s", (int)middle, cell->text);
    if (second)
        buffer_printf(out, "_{\\pm %.*s}", (int)(end - middle - strlen(spread)), second + strlen(spread));
    buffer_puts(out, star ? "^{*}$" : "$");
}

static void write_rows(Buffer *out, const Sheet *sheet, Arena *arena) {
    for (int i = 0; i < sheet->n_rows; i++) {
        if (i > 0 && i == sheet->n_rows - sheet->n_foot)
            buffer_puts(out, "\\midrule\n");
        latex_text(out, sheet_cell(sheet, i, 0)->text, arena);
        for (int j = 1; j < sheet->n_columns; j++) {
            buffer_puts(out, " & ");
            write_number(out, sheet_cell(sheet, i, j));
        }
        buffer_puts(out, " \\\\\n");
    }
}

void sheet_write_latex(Buffer *out, const Sheet *sheet, const char *label, Arena *arena) {
    buffer_puts(out, "\\begin{table}\n\\centering\n\\caption{");
    latex_text(out, sheet->caption, arena);
    buffer_printf(out, "}\n\\label{tab:%s}\n\\begin{tabular}{l", label);
    for (int j = 1; j < sheet->n_columns; j++)
        buffer_putc(out, 'r');
    buffer_puts(out, "}\n\\toprule\n");
    for (int j = 0; j < sheet->n_columns; j++) {
        buffer_puts(out, j > 0 ? " & " : "");
        latex_text(out, sheet->columns[j], arena);
    }
    buffer_puts(out, " \\\\\n\\midrule\n");
    write_rows(out, sheet, arena);
    buffer_puts(out, "\\bottomrule\n\\end{tabular}\n");
    for (int i = 0; i < sheet->n_notes; i++) {
        buffer_puts(out, "\\par\\smallskip{\\footnotesize ");
        latex_text(out, sheet->notes[i], arena);
        buffer_puts(out, "\\par}\n");
    }
    buffer_puts(out, "\\end{table}\n");
}
