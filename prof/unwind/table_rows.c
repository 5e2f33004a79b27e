/* Rows of a table in pages of 64 KiB: see table_make.h. Equal neighbours become one row; each page that
 * has rows begins with one whose low part is 0. */
#include "prof/unwind/table_make.h"

static int push(struct rows *w, uint16_t low, uint16_t rule)
{
	size_t bytes = ((size_t)w->n + 1) * sizeof(uint16_t);

	if (w->n == UINT32_MAX / 8)
		return ERR_LIMIT;
	if (pages_need(&w->low, bytes) < 0 || pages_need(&w->rule, bytes) < 0)
		return ERR_NOMEM;
	((uint16_t *)w->low.data)[w->n] = low;
	((uint16_t *)w->rule.data)[w->n] = rule;
	w->n++;
	w->page_has_rows = 1;
	return 0;
}

/* The first row of a page is put off until its second one or its end, since most often the page begins
 * inside a range. A page without rows has rule 0. */
static int open_page(struct rows *w)
{
	return w->page_has_rows ? 0 : push(w, 0, w->last_rule);
}

static int end_page(struct rows *w)
{
	int rc = w->last_rule ? open_page(w) : 0;

	if (rc < 0)
		return rc;
	if (pages_need(&w->pages, ((size_t)w->page + 2) * sizeof(uint32_t)) < 0)
		return ERR_NOMEM;
	((uint32_t *)w->pages.data)[++w->page] = w->n;
	w->page_has_rows = 0;
	return 0;
}

static int write_row(struct rows *w, uint64_t address, uint16_t rule)
{
	uint32_t page = (uint32_t)((address >> UNWIND_PAGE_BITS) - w->first_page);
	uint16_t low = (uint16_t)address;
	int rc = 0;

	if (rule == w->last_rule)
		return 0;
	while (rc == 0 && w->page < page)
		rc = end_page(w);
	if (rc == 0 && low != 0) {
		rc = open_page(w);
		if (rc == 0)
			rc = push(w, low, rule);
	}
	if (rc == 0)
		w->last_rule = rule;
	return rc;
}

int rows_put(struct rows *w, uint64_t address, uint16_t rule)
{
	if (!w->any) {
		w->any = 1;
		w->first_page = address >> UNWIND_PAGE_BITS;
		if (pages_need(&w->pages, sizeof(uint32_t)) < 0)
			return ERR_NOMEM;
	} else if ((address >> UNWIND_PAGE_BITS) - w->first_page >= ROWS_PAGES_MAX) {
		return ERR_LIMIT;
	} else if (address != w->at) {
		int rc = write_row(w, w->at, w->at_rule);

		if (rc < 0)
			return rc;
	}
	w->at = address;
	w->at_rule = rule;
	return 0;
}

int rows_finish(struct rows *w)
{
	int rc;

	if (!w->any)
		return pages_need(&w->pages, sizeof(uint32_t));
	rc = write_row(w, w->at, w->at_rule);
	return rc < 0 ? rc : end_page(w);
}

void rows_free(struct rows *w)
{
	pages_free(&w->low);
	pages_free(&w->rule);
	pages_free(&w->pages);
}
