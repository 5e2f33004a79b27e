/* What keys do to top's view. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "prof/cli/top_view.h"

void top_view_init(struct top_view *v)
{
	memset(v, 0, sizeof(*v));
	v->span = TOP_RECENT;
}

void top_view_release(struct top_view *v)
{
	if (v->filtered)
		regfree(&v->pattern);
	free(v->rows);
	memset(v, 0, sizeof(*v));
}

static int has_capital(const char *text)
{
	for (; *text; text++)
		if (isupper((unsigned char)*text))
			return 1;
	return 0;
}

int top_view_filter(struct top_view *v, const char *pattern)
{
	regex_t compiled;
	int rc = 0, used = *pattern != '\0';

	if (used)
		rc = regcomp(&compiled, pattern,
			     REG_EXTENDED | REG_NOSUB | (has_capital(pattern) ? 0 : REG_ICASE));
	if (rc) {
		size_t n = (size_t)snprintf(v->message, sizeof(v->message), "filter: ");

		regerror(rc, &compiled, v->message + n, sizeof(v->message) - n);
		return -1;
	}
	if (v->filtered)
		regfree(&v->pattern);
	v->filtered = used;
	if (used)
		v->pattern = compiled;
	snprintf(v->filter, sizeof(v->filter), "%s", pattern);
	return 0;
}

/* ---- the cursor ---- */

static uint32_t row_of_node(const struct top_view *v, uint32_t node)
{
	uint32_t i;

	for (i = 0; i < v->n_rows; i++)
		if (v->rows[i].item == node)
			return i;
	return TOP_NONE;
}

void top_view_settle(struct top_view *v, const struct top_model *m)
{
	uint32_t *cursor = &v->cursor[v->tab], *first = &v->first[v->tab], page = v->page;

	if (v->generation != m->generation) {
		v->generation = m->generation;
		v->node = 0;
	}
	if (v->tab == TOP_TAB_TREE && v->node) {
		uint32_t row = row_of_node(v, v->node);

		*cursor = row == TOP_NONE ? *cursor : row;
	}
	if (*cursor >= v->n_rows)
		*cursor = v->n_rows ? v->n_rows - 1 : 0;
	if (!page)
		page = 1;
	if (*first > *cursor)
		*first = *cursor;
	if (*cursor - *first >= page)
		*first = *cursor - page + 1;
	if (*first + page > v->n_rows)
		*first = v->n_rows > page ? v->n_rows - page : 0;
}

static void move_to(struct top_view *v, const struct top_model *m, int64_t row)
{
	int64_t last = v->n_rows ? (int64_t)v->n_rows - 1 : 0;

	row = row < 0 ? 0 : row > last ? last : row;
	v->cursor[v->tab] = (uint32_t)row;
	if (v->tab == TOP_TAB_TREE)
		v->node = v->n_rows ? v->rows[row].item : 0;
	top_view_settle(v, m);
}

static int move_cursor(struct top_view *v, const struct top_model *m, int key)
{
	int64_t at = v->cursor[v->tab], page = v->page > 1 ? v->page - 1 : 1;

	switch (key) {
	case TOP_KEY_UP:
	case 'k':
		at--;
		break;
	case TOP_KEY_DOWN:
	case 'j':
		at++;
		break;
	case TOP_KEY_PAGE_UP:
		at -= page;
		break;
	case TOP_KEY_PAGE_DOWN:
		at += page;
		break;
	case TOP_KEY_HOME:
	case 'g':
		at = 0;
		break;
	case TOP_KEY_END:
	case 'G':
		at = v->n_rows;
		break;
	default:
		return 0;
	}
	move_to(v, m, at);
	return 1;
}

/* ---- folding ---- */

/* Left of what is closed already: to the parent. */
static void fold(struct top_view *v, struct top_model *m, int open)
{
	const struct top_row *r;
	uint32_t parent, row;

	if (v->tab != TOP_TAB_TREE || v->cursor[v->tab] >= v->n_rows)
		return;
	r = &v->rows[v->cursor[v->tab]];
	v->node = r->item;
	if (r->inner && r->open != open) {
		m->nodes[r->item].fold = open ? TOP_FOLD_OPEN : TOP_FOLD_CLOSED;
		return;
	}
	parent = m->nodes[r->item].parent;
	if (open || !parent)
		return;
	row = row_of_node(v, parent);
	if (row != TOP_NONE)
		move_to(v, m, row);
}

static void toggle(struct top_view *v, struct top_model *m)
{
	if (v->tab == TOP_TAB_TREE && v->cursor[v->tab] < v->n_rows)
		fold(v, m, !v->rows[v->cursor[v->tab]].open);
}

/* ---- the filter's line ---- */

/* A character of UTF-8 goes as a whole. */
static void erase_one(char *text)
{
	size_t len = strlen(text);

	while (len && ((unsigned char)text[len - 1] & 0xc0) == 0x80)
		len--;
	text[len ? len - 1 : 0] = '\0';
}

static enum top_action edit(struct top_view *v, int key)
{
	size_t len = strlen(v->edit);

	if (key == TOP_KEY_ESCAPE) {
		v->editing = 0;
	} else if (key == TOP_KEY_ENTER) {
		if (top_view_filter(v, v->edit) == 0)
			v->editing = 0;
	} else if (key == TOP_KEY_BACKSPACE) {
		erase_one(v->edit);
	} else if (key == ('U' & 0x1f)) {
		v->edit[0] = '\0';
	} else if (key >= 0x20 && key < 0x100 && key != 0x7f && len + 1 < sizeof(v->edit)) {
		v->edit[len] = (char)key;
		v->edit[len + 1] = '\0';
	} else {
		return TOP_ACT_NOTHING;
	}
	return TOP_ACT_DRAW;
}

/* ---- all keys ---- */

static void to_tab(struct top_view *v, int tab)
{
	v->tab = (enum top_tab)((tab + TOP_TABS) % TOP_TABS);
}

static enum top_action to_kind(struct top_view *v, enum top_kind kind)
{
	if (v->kind == kind)
		return TOP_ACT_NOTHING;
	v->kind = kind;
	return TOP_ACT_KIND;
}

static enum top_action command(struct top_view *v, struct top_model *m, int key)
{
	switch (key) {
	case 'q':
	case 'Q':
		return TOP_ACT_QUIT;
	case 'c':
		return to_kind(v, TOP_CPU);
	case 'w':
		return to_kind(v, TOP_WALL);
	case 'r':
		return TOP_ACT_RESET;
	case ' ':
	case 'p':
		v->paused = !v->paused;
		return TOP_ACT_PAUSE;
	case TOP_KEY_REDRAW:
		return TOP_ACT_REDRAW;
	case '1':
	case '2':
	case '3':
	case '4':
		to_tab(v, key - '1');
		break;
	case '\t':
		to_tab(v, (int)v->tab + 1);
		break;
	case TOP_KEY_BACK_TAB:
		to_tab(v, (int)v->tab - 1);
		break;
	case 's':
		v->sort = (enum top_sort)((v->sort + 1) % TOP_SORTS);
		break;
	case 't':
		v->span = (enum top_span)((v->span + 1) % TOP_SPANS);
		break;
	case '/':
		v->editing = 1;
		snprintf(v->edit, sizeof(v->edit), "%s", v->filter);
		break;
	case TOP_KEY_ESCAPE:
		top_view_filter(v, "");
		break;
	case '?':
	case 'h':
	case TOP_KEY_HELP:
		v->help = 1;
		break;
	case TOP_KEY_ENTER:
		toggle(v, m);
		break;
	case TOP_KEY_RIGHT:
		fold(v, m, 1);
		break;
	case TOP_KEY_LEFT:
		fold(v, m, 0);
		break;
	default:
		return move_cursor(v, m, key) ? TOP_ACT_DRAW : TOP_ACT_NOTHING;
	}
	return TOP_ACT_DRAW;
}

enum top_action top_key(struct top_view *v, struct top_model *m, int key)
{
	v->message[0] = '\0';
	if (v->editing)
		return edit(v, key);
	if (v->help) {
		v->help = 0;
		return TOP_ACT_DRAW;
	}
	return command(v, m, key);
}
