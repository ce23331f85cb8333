/* report_confusion.c: which classes are taken for which: a matrix, and the pairs most often confused. */
#include "experiments/report/report_detail.h"

#include <stdint.h>
#include <stdlib.h>
#include <unistr.h>
#include <uniwidth.h>

enum {
    MAX_MATRIX = 60,   /* classes of a drawn matrix */
    MAX_NUMBERED = 15, /* of one with numbers in its cells */
    CELL = 12,         /* pixels */
    NUMBERED_CELL = 18,
    AXIS_NAME = 12,   /* room for "true class" */
    MAX_LETTERS = 24, /* of a name beside it */
    N_PAIRS = 10      /* classes most often taken for another */
};

typedef struct {
    int cell, room, side; /* pixels: of a cell, for names and axes, of all cells */
} Layout;

static int columns_of(const char *name) {
    return u8_strwidth((const uint8_t *)name, "UTF-8");
}

/* At most MAX_LETTERS columns of a name, for the sides of the matrix. */
static const char *short_name(const char *name, Arena *arena) {
    const uint8_t *at = (const uint8_t *)name;
    ucs4_t letter;
    if (columns_of(name) <= MAX_LETTERS)
        return name;
    for (int used = 0; *at;) {
        int n = u8_strmbtouc(&letter, at);
        used += n > 0 && uc_width(letter, "UTF-8") > 0 ? uc_width(letter, "UTF-8") : 0;
        if (n <= 0 || used > MAX_LETTERS - 1)
            break;
        at += n;
    }
    const char *cut = arena_printf(arena, "%.*s…", (int)(at - (const uint8_t *)name), name);
    return cut ? cut : name;
}

static Layout lay_out(const Detail *detail) {
    const int K = detail->predictions.n_classes;
    int longest = 0;
    for (int k = 0; k < K; k++) {
        int n = columns_of(detail->predictions.class_names[k]);
        longest = n > longest ? n : longest;
    }
    Layout layout = {.cell = K <= MAX_NUMBERED ? NUMBERED_CELL : CELL};
    layout.room = AXIS_NAME + 10 + 5 * (longest < MAX_LETTERS ? longest : MAX_LETTERS);
    layout.side = K * layout.cell;
    return layout;
}

/* The names beside the rows and above the columns, and what the axes are. */
static void write_sides(Detail *detail, const Layout *layout) {
    Html *html = &detail->report->html;
    int room = layout->room, centre = room + layout->side / 2;
    html_markup(html,
                "<text class=\"axis\" x=\"%d\" y=\"8\" text-anchor=\"middle\">answer</text>"
                "<text class=\"axis\" transform=\"translate(8 %d) rotate(-90)\" text-anchor=\"middle\">true "
                "class</text>\n",
                centre, centre);
    for (int k = 0; k < detail->predictions.n_classes; k++) {
        int middle = room + k * layout->cell + layout->cell / 2 + 3;
        const char *name = short_name(detail->predictions.class_names[k], html->arena);
        html_markup(html, "<text x=\"%d\" y=\"%d\" text-anchor=\"end\">", room - 4, middle);
        html_class(html, name);
        html_markup(html, "</text><text transform=\"translate(%d %d) rotate(-90)\">", middle, room - 4);
        html_class(html, name);
        html_markup(html, "</text>\n");
    }
}

/* A square, darker the more of the row's images it holds, with their number where there is room for it. */
static void write_cell(Detail *detail, const Layout *layout, int row, int column, int total) {
    Html *html = &detail->report->html;
    const int K = detail->predictions.n_classes, cell = layout->cell;
    int count = detail->confusion[(size_t)row * (size_t)K + (size_t)column];
    int x = layout->room + column * cell, y = layout->room + row * cell;
    double share = (double)count / total;
    html_markup(html, "<g><title>");
    html_class(html, detail->predictions.class_names[row]);
    html_markup(html, " → ");
    html_class(html, detail->predictions.class_names[column]);
    html_markup(html,
                ": %d of %d</title><rect class=\"%s\" x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\" "
                "opacity=\"%.2f\"/>",
                count, total, row == column ? "right" : "wrong", x, y, cell, cell, 0.15 + 0.85 * share);
    if (K <= MAX_NUMBERED)
        html_markup(html, "<text x=\"%d\" y=\"%d\" text-anchor=\"middle\"%s>%d</text>", x + cell / 2,
                    y + cell / 2 + 3, share > 0.5 ? " class=\"full\"" : "", count);
    html_markup(html, "</g>\n");
}

static void write_matrix_row(Detail *detail, const Layout *layout, int row) {
    const int K = detail->predictions.n_classes;
    const int *counts = detail->confusion + (size_t)row * (size_t)K;
    int total = 0;
    for (int column = 0; column < K; column++)
        total += counts[column];
    for (int column = 0; column < K; column++)
        if (counts[column] > 0)
            write_cell(detail, layout, row, column, total);
}

static void write_matrix(Detail *detail) {
    Html *html = &detail->report->html;
    const int K = detail->predictions.n_classes;
    const Layout layout = lay_out(detail);
    int size = layout.room + layout.side + 1;
    html_markup(html,
                "<figure><figcaption>Confusion: a row per true class, a column per answer%s.</figcaption>\n"
                "<div class=\"scroll\"><svg class=\"matrix\" viewBox=\"0 0 %d %d\" "
                "style=\"min-width:%dpx;max-width:%dpx\" role=\"img\" aria-label=\"confusion matrix\">\n",
                K <= MAX_NUMBERED ? ", numbers of test images" : "; the darker, the more of the row's images",
                size, size, K > 20 ? 440 : 260, 2 * size);
    write_sides(detail, &layout);
    html_markup(html, "<rect class=\"frame\" x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\"/>\n", layout.room,
                layout.room, layout.side, layout.side);
    for (int row = 0; row < K; row++)
        write_matrix_row(detail, &layout, row);
    html_markup(html, "</svg></div></figure>\n");
}

typedef struct {
    int row, column, count;
} Pair;

static int compare_pairs(const void *a, const void *b) {
    const Pair *x = a, *y = b;
    if (x->count != y->count)
        return y->count - x->count;
    return x->row != y->row ? x->row - y->row : x->column - y->column;
}

/* Fills pairs with the largest counts off the diagonal; returns how many. */
static int find_pairs(const Detail *detail, Pair pairs[N_PAIRS + 1]) {
    const int K = detail->predictions.n_classes;
    int n = 0;
    for (int row = 0; row < K; row++)
        for (int column = 0; column < K; column++) {
            int count = detail->confusion[(size_t)row * (size_t)K + (size_t)column];
            if (row == column || count == 0 || (n == N_PAIRS && count <= pairs[n - 1].count))
                continue;
            pairs[n++] = (Pair){row, column, count};
            qsort(pairs, (size_t)n, sizeof *pairs, compare_pairs);
            n = n > N_PAIRS ? N_PAIRS : n;
        }
    return n;
}

static void write_pairs(Detail *detail) {
    Html *html = &detail->report->html;
    Pair pairs[N_PAIRS + 1];
    int n = find_pairs(detail, pairs);
    if (n == 0)
        return;
    html_markup(html, "<figure><figcaption>Most often taken for another.</figcaption><div class=\"scroll\">"
                      "<table class=\"numbers names\"><thead><tr><th>class</th><th>taken for</th>"
                      "<th>images</th></tr></thead><tbody>\n");
    for (int i = 0; i < n; i++) {
        html_markup(html, "<tr>");
        html_markup(html, "<th>");
        html_class(html, detail->predictions.class_names[pairs[i].row]);
        html_markup(html, "</th>");
        html_markup(html, "<th>");
        html_class(html, detail->predictions.class_names[pairs[i].column]);
        html_markup(html, "</th>");
        html_markup(html, "<td>%d</td></tr>\n", pairs[i].count);
    }
    html_markup(html, "</tbody></table></div></figure>\n");
}

void detail_confusion(Detail *detail) {
    if (!detail->confusion)
        return;
    if (detail->predictions.n_classes <= MAX_MATRIX)
        write_matrix(detail);
    write_pairs(detail);
}
