/* report_measures.c: retrieval, matching and answers: rows that are measures of their own, no rivals. */
#include "experiments/report/report_sections.h"

static void write_rank(Html *html, const Result *result, const char *name, const char *format) {
    const ResultSetting *rank = result_setting(result, name);
    html_markup(html, "<td>");
    if (rank)
        html_markup(html, format, rank->real);
    html_markup(html, "</td>");
}

static bool has_ranks(const Group *group) {
    for (int i = 0; i < group->n; i++)
        if (result_setting(group->scores[i].last, "mean_rank"))
            return true;
    return false;
}

void report_measures(Report *report, const Group *group) {
    Html *html = &report->html;
    const bool ranks = group->n_datasets == 1 && has_ranks(group);
    html_markup(
        html,
        "<div class=\"scroll\"><table class=\"results\"><thead><tr><th>measure</th><th>%%</th>%s%s</tr>"
        "</thead>\n<tbody>\n",
        group->n_datasets == 1 ? "<th>of</th>" : "", ranks ? "<th>mean rank</th><th>median rank</th>" : "");
    for (int i = 0; i < group->n; i++) {
        const Score *score = &group->scores[i];
        html_markup(html, "<tr>");
        html_element(html, "th", score->label);
        html_markup(html, "<td>%.1f</td>", score->accuracy);
        if (group->n_datasets == 1)
            html_markup(html, "<td>%d</td>", score->last->n_test);
        if (ranks) {
            write_rank(html, score->last, "mean_rank", "%.1f");
            write_rank(html, score->last, "median_rank", "%.0f");
        }
        html_markup(html, "</tr>\n");
    }
    html_markup(html, "</tbody></table></div>\n");
}
