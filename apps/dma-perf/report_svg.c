// SPDX-License-Identifier: BSD-3-Clause
#include <math.h>

#include "report.h"

/*
 * A row of two panels, Gbit/s and MOPS, for each variable that runs in some case; a line for
 * each case. Both axes are logarithmic: values run over several powers of ten.
 */

#define PANEL_W	 440.0
#define PANEL_H	 300.0
#define GAP	 80.0
#define LEFT	 80.0
#define TOP	 50.0
#define LEGEND_W 200.0
#define ROW_H	 (PANEL_H + 90)

static const char *const colors[] = {"#0072b2", "#d55e00", "#009e73", "#cc79a7",
				     "#e69f00", "#56b4e9", "#000000", "#999999"};

#define COLORS (sizeof(colors) / sizeof(colors[0]))

struct panel {
	const struct results *results;
	enum config_var var;
	bool mops;
	double left;
	double top;
	double x0, x1; /* logarithms, to base 2 */
	double y0, y1; /* to base 10 */
};

static double value(const struct panel *p, const struct result *r)
{
	double v = p->mops ? r->mops : r->gbits;

	return log10(v > 1e-9 ? v : 1e-9);
}

static double at(const struct panel *p, const struct result *r)
{
	return log2((double)r->scenario.value[p->var]);
}

static bool shown(const struct panel *p, const struct case_results *c)
{
	return c->count && config_running(c->c) == p->var;
}

static void extend(struct panel *p, const struct result *r)
{
	double x = at(p, r), y = value(p, r);

	p->x0 = x < p->x0 ? x : p->x0;
	p->x1 = x > p->x1 ? x : p->x1;
	p->y0 = y < p->y0 ? y : p->y0;
	p->y1 = y > p->y1 ? y : p->y1;
}

static void find_range(struct panel *p)
{
	p->x0 = p->y0 = 1e9;
	p->x1 = p->y1 = -1e9;
	for (unsigned int i = 0; i < p->results->count; i++)
		for (unsigned int k = 0; k < p->results->list[i].count; k++)
			if (shown(p, &p->results->list[i]))
				extend(p, &p->results->list[i].list[k]);
	p->y0 = floor(p->y0);
	p->y1 = floor(p->y1) + 1;
	if (p->x1 - p->x0 < 1)
		p->x1 = p->x0 + 1;
}

static double px(const struct panel *p, double x)
{
	return p->left + (x - p->x0) / (p->x1 - p->x0) * PANEL_W;
}

static double py(const struct panel *p, double y)
{
	return p->top + PANEL_H - (y - p->y0) / (p->y1 - p->y0) * PANEL_H;
}

static void text(FILE *to, double x, double y, const char *anchor, const char *what)
{
	fprintf(to, "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\">%s</text>\n", x, y, anchor,
		what);
}

static void rule(FILE *to, double x1, double y1, double x2, double y2)
{
	fprintf(to, "<line x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\" stroke=\"#ddd\"/>\n", x1,
		y1, x2, y2);
}

static void axes(FILE *to, const struct panel *p)
{
	int step = 1 + (int)((p->x1 - p->x0) / 9);
	char label[32];

	for (double y = p->y0; y <= p->y1; y++) {
		snprintf(label, sizeof(label), "%g", pow(10, y));
		rule(to, p->left, py(p, y), p->left + PANEL_W, py(p, y));
		text(to, p->left - 6, py(p, y) + 4, "end", label);
	}
	for (double x = ceil(p->x0); x <= p->x1; x += step) {
		snprintf(label, sizeof(label), "%.0f", pow(2, x));
		rule(to, px(p, x), p->top, px(p, x), p->top + PANEL_H);
		text(to, px(p, x), p->top + PANEL_H + 18, "middle", label);
	}
	fprintf(to,
		"<rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\" fill=\"none\" "
		"stroke=\"#444\"/>\n",
		p->left, p->top, PANEL_W, PANEL_H);
	text(to, p->left + PANEL_W / 2, p->top + PANEL_H + 38, "middle", config_var_name(p->var));
	text(to, p->left, p->top - 10, "start", p->mops ? "million copies a second" : "Gbit/s");
}

static void draw_case(FILE *to, const struct panel *p, const struct case_results *c,
		      const char *color)
{
	fprintf(to, "<polyline fill=\"none\" stroke=\"%s\" stroke-width=\"2\" points=\"", color);
	for (unsigned int i = 0; i < c->count; i++)
		fprintf(to, "%.1f,%.1f ", px(p, at(p, &c->list[i])), py(p, value(p, &c->list[i])));
	fprintf(to, "\"/>\n");
	for (unsigned int i = 0; i < c->count; i++)
		fprintf(to,
			"<circle cx=\"%.1f\" cy=\"%.1f\" r=\"3\" fill=\"%s\"><title>%s: %g "
			"%s</title>"
			"</circle>\n",
			px(p, at(p, &c->list[i])), py(p, value(p, &c->list[i])), color, c->c->name,
			p->mops ? c->list[i].mops : c->list[i].gbits, p->mops ? "MOPS" : "Gbit/s");
}

static void legend(FILE *to, const struct panel *p, unsigned int nth, const char *name,
		   const char *color)
{
	double x = p->left + PANEL_W + 20, y = p->top + 12 + 18 * nth;

	fprintf(to, "<rect x=\"%.1f\" y=\"%.1f\" width=\"12\" height=\"12\" fill=\"%s\"/>\n", x,
		y - 10, color);
	text(to, x + 18, y, "start", name);
}

static void draw_panel(FILE *to, struct panel *p)
{
	unsigned int nth = 0;

	find_range(p);
	axes(to, p);
	for (unsigned int i = 0; i < p->results->count; i++) {
		const struct case_results *c = &p->results->list[i];

		if (!shown(p, c))
			continue;
		draw_case(to, p, c, colors[i % COLORS]);
		if (p->mops)
			legend(to, p, nth, c->c->name, colors[i % COLORS]);
		nth++;
	}
}

static bool any(const struct results *results, enum config_var var)
{
	struct panel p = {.results = results, .var = var};

	for (unsigned int i = 0; i < results->count; i++)
		if (shown(&p, &results->list[i]))
			return true;

	return false;
}

void report_svg(FILE *to, const struct results *results)
{
	double width = LEFT + 2 * PANEL_W + GAP + LEGEND_W, top = TOP;
	unsigned int rows = 0;

	for (unsigned int v = 0; v < VARS; v++)
		rows += any(results, v);
	fprintf(to,
		"<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%.0f\" height=\"%.0f\" "
		"font-family=\"sans-serif\" font-size=\"12\">\n"
		"<rect width=\"100%%\" height=\"100%%\" fill=\"white\"/>\n",
		width, TOP + rows * ROW_H);
	for (unsigned int v = 0; v < VARS; v++) {
		struct panel p = {.results = results, .var = v, .left = LEFT, .top = top};

		if (!any(results, v))
			continue;
		draw_panel(to, &p);
		p.mops = true;
		p.left += PANEL_W + GAP;
		draw_panel(to, &p);
		top += ROW_H;
	}
	fprintf(to, "</svg>\n");
}
