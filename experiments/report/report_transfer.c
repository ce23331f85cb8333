/* report_transfer.c: tests on other datasets than the one learned on: a table for each source, with a column
 * per dataset and, for base-to-new, the harmonic mean H = 2 base new / (base + new) of the means over seeds,
 * beside what others report.
 */
#include "experiments/report/published.h"
#include "experiments/report/report_sections.h"

#include <string.h>

/* One table. */
typedef struct {
    const Group *source;
    const Group **targets; /* (n) */
    int n, num_shots;
    CellTable cells; /* rows are methods; column 1 is the source, 1 + t target t - 1 */
} Transfer;

static bool is_from(const Score *score, const Group *source) {
    return score->source && strcmp(score->source, source->dataset) == 0;
}

static int count_from(const Group *group, const Group *source) {
    int n = 0;
    for (int i = 0; i < group->n; i++)
        n += is_from(&group->scores[i], source);
    return n;
}

/* The largest number of shots of what was learned on the source and tested elsewhere. */
static int largest_shots(const Transfer *transfer) {
    int largest = SHOTS_NONE;
    for (int t = 0; t < transfer->n; t++)
        for (int i = 0; i < transfer->targets[t]->n; i++) {
            const Score *score = &transfer->targets[t]->scores[i];
            if (is_from(score, transfer->source) && compare_shots(score->num_shots, largest) > 0)
                largest = score->num_shots;
        }
    return largest;
}

/* Rows of the source's own results; of a target what comes from the source, or was not trained at all. */
static int add_entries(TableEntry *entries, int n, const Transfer *transfer, int column) {
    const Group *group = column == 1 ? transfer->source : transfer->targets[column - 2];
    for (int i = 0; i < group->n; i++) {
        const Score *score = &group->scores[i];
        bool own = column == 1 && !score->source && score->num_shots == transfer->num_shots;
        bool taken =
            column > 1 && is_from(score, transfer->source) && score->num_shots == transfer->num_shots;
        if (own || taken || (score->num_shots == SHOTS_NONE && !score->source))
            entries[n++] = (TableEntry){score->method, column, score->seed, score->accuracy};
    }
    return n;
}

static bool gather(Transfer *transfer, Arena *arena) {
    size_t capacity = (size_t)transfer->source->n;
    for (int t = 0; t < transfer->n; t++)
        capacity += (size_t)transfer->targets[t]->n;
    TableEntry *entries = ARENA_NEW(arena, TableEntry, capacity);
    int n = 0;
    for (int column = 1; entries && column <= 1 + transfer->n; column++)
        n = add_entries(entries, n, transfer, column);
    return entries && cells_gather(&transfer->cells, entries, n, arena);
}

/* The column of the source's own other classes; 0 without. */
static int new_column(const Transfer *transfer) {
    for (int t = 0; t < transfer->n && strcmp(transfer->source->part, "base") == 0; t++)
        if (strcmp(transfer->targets[t]->part, "new") == 0)
            return t + 2;
    return 0;
}

/* The cell of a column, which the table may lack. */
static const Cell *cell_in(const CellTable *cells, int row, int column) {
    for (int j = 0; j < cells->n_columns; j++)
        if (cells->shots[j] == column)
            return cells_at(cells, row, j);
    return NULL;
}

static void write_row(Html *html, const Transfer *transfer, int row) {
    const CellTable *cells = &transfer->cells;
    char text[64];
    html_markup(html, "<tr>");
    html_element(html, "th", cells->labels[row]);
    for (int j = 0; j < cells->n_columns; j++) {
        cell_text(cells_at(cells, row, j), false, true, text);
        html_element(html, *text && cells_best(cells, row, j) ? "td class=\"best\"" : "td", text);
    }
    if (new_column(transfer)) {
        const Cell *base = cell_in(cells, row, 1), *new = cell_in(cells, row, new_column(transfer));
        if (base && new && base->n > 0 && new->n > 0 && base->mean + new->mean > 0)
            html_markup(html, "<td>%.1f</td>", 2 * base->mean * new->mean / (base->mean + new->mean));
        else
            html_markup(html, "<td></td>");
    }
    html_markup(html, "</tr>\n");
}

static void write_number(Html *html, double percent) {
    html_markup(html, percent > 0 ? "<td>%.1f</td>" : "<td></td>", percent);
}

static void write_published(Report *report, const Transfer *transfer, unsigned *used) {
    Html *html = &report->html;
    int n;
    const PublishedTransfer *rows =
        published_transfers(report->data, transfer->source, transfer->num_shots, &n);
    const int new = new_column(transfer);
    for (int i = 0; rows && new &&i < n; i++) {
        html_markup(html, "<tr class=\"published\">");
        report_published_name(report, rows[i].method, rows[i].source, used);
        for (int j = 0; j < transfer->cells.n_columns; j++) {
            const int column = transfer->cells.shots[j];
            write_number(html, column == 1 ? rows[i].base : column == new ? rows[i].new : 0);
        }
        write_number(html, rows[i].harmonic);
        html_markup(html, "</tr>\n");
    }
}

static void write_transfer(Report *report, const Transfer *transfer) {
    Html *html = &report->html;
    char shots[64];
    unsigned used = 0;
    shots_text(transfer->num_shots, shots);
    html_markup(html, "<p class=\"caption\">Learned on ");
    html_class(html, transfer->source->dataset);
    html_markup(html,
                ", %s: test accuracy in %%, mean ± std over seeds.</p>\n<div class=\"scroll\">"
                "<table class=\"results\"><thead><tr><th>method</th>",
                shots);
    for (int j = 0; j < transfer->cells.n_columns; j++) {
        int column = transfer->cells.shots[j];
        html_markup(html, "<th>");
        html_class(html, column == 1 ? transfer->source->dataset : transfer->targets[column - 2]->dataset);
        html_markup(html, "</th>");
    }
    html_markup(html, "%s</tr></thead>\n<tbody>\n", new_column(transfer) ? "<th>H</th>" : "");
    for (int i = 0; i < transfer->cells.n_rows; i++)
        write_row(html, transfer, i);
    write_published(report, transfer, &used);
    html_markup(html, "</tbody></table></div>\n");
    report_published_sources(report, PUBLISHED_TRANSFER_BACKBONE, used);
}

void report_transfer(Report *report) {
    Html *html = &report->html;
    const ReportGroups *data = report->data;
    size_t mark = arena_mark(html->arena);
    int n_tables = 0;
    for (int s = 0; s < data->n; s++) {
        Transfer transfer = {.source = &data->groups[s],
                             .targets = ARENA_NEW(html->arena, const Group *, data->n)};
        for (int g = 0; transfer.targets && g < data->n; g++)
            if (count_from(&data->groups[g], transfer.source) > 0)
                transfer.targets[transfer.n++] = &data->groups[g];
        transfer.num_shots = largest_shots(&transfer);
        if (transfer.n == 0 || !gather(&transfer, html->arena))
            continue;
        if (n_tables++ == 0)
            html_markup(html, "<section id=\"transfer\">\n<h2>Transfer</h2>\n");
        write_transfer(report, &transfer);
    }
    if (n_tables > 0)
        html_markup(html, "</section>\n");
    html_reset(html, mark);
}
