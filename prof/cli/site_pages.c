/* Pages of a site: see site_pages.h. */
#include "prof/cli/site_pages.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "prof/base/log.h"
#include "prof/cli/cmd.h"
#include "prof/cli/flame_page.h"
#include "prof/cli/strip.h"
#include "prof/cli/text.h"
#include "prof/store/read.h"
#include "viewer/flame.h"
#include "viewer/site.h"

#define NAME_PART 41 /* of a row, a column, an id, in a file's name, with its end */

struct making {
	const struct site_pages *pages;
	const struct site *site;
	struct site_folder *folder;
	struct site_grid grid;
	char **names; /* owned, and its texts; files of the cells */
	struct err *err;
};

static int no_memory(struct making *m)
{
	return err_nomem(m->err, "the pages of a site");
}

/* ---- names of files ---- */

/* What a foreign text gives of a file's name, never nothing. */
static const char *safe(char to[NAME_PART], const char *text)
{
	return text_file_name(to, NAME_PART, text) ? to : "_";
}

/* How much of a name tells its cell: as much as no other cell has. */
enum naming { SHORT_IDS, WHOLE_IDS, NUMBERED };

/* ROW-COLUMN-RUNID.html. */
static char *file_name(const struct making *m, uint32_t cell, enum naming how)
{
	const struct site_cell *c = &m->grid.cells[cell];
	const char *row = m->grid.rows.values[c->row], *column = m->grid.columns.values[c->column];
	char first[NAME_PART], second[NAME_PART], id[NAME_PART], number[16] = "", *name;

	if (how == NUMBERED)
		snprintf(number, sizeof number, "-%" PRIu32, cell);
	if (asprintf(&name, SITE_CELLS "/%s%s%s-%.*s%s.html", safe(first, row ? row : "none"),
		     m->site->col_name ? "-" : "",
		     m->site->col_name ? safe(second, column ? column : "none") : "",
		     how == SHORT_IDS ? 8 : 36, safe(id, m->site->runs[c->shown].id), number) < 0)
		return NULL;
	return name;
}

static int by_text(const void *a, const void *b)
{
	return strcasecmp(*(const char *const *)a, *(const char *const *)b);
}

/* Two cells of one name, also where capital letters do not count: then all have longer ones. */
static int any_twice(const struct making *m)
{
	uint32_t n = m->grid.n_cells, i;
	char **sorted = malloc((n + 1) * sizeof *sorted);
	int twice = 0;

	if (!sorted)
		return -1;
	memcpy(sorted, m->names, n * sizeof *sorted);
	qsort(sorted, n, sizeof *sorted, by_text);
	for (i = 1; i < n; i++)
		twice |= strcasecmp(sorted[i - 1], sorted[i]) == 0;
	free(sorted);
	return twice;
}

static int name_files(struct making *m, enum naming how)
{
	uint32_t i;
	int twice;

	for (i = 0; i < m->grid.n_cells; i++) {
		free(m->names[i]);
		m->names[i] = file_name(m, i, how);
		if (!m->names[i])
			return no_memory(m);
		m->grid.cells[i].page = m->names[i];
	}
	twice = how == NUMBERED ? 0 : any_twice(m);
	return twice < 0 ? no_memory(m) : twice ? name_files(m, how + 1) : 0;
}

/* ---- profiles ---- */

static int read_cell(const struct making *m, uint32_t cell, unsigned parts, struct profile *p)
{
	const struct site_pages *g = m->pages;
	int64_t key = g->data->keys[m->grid.cells[cell].shown];
	int rc = store_read_run(g->store, key, parts, p, m->err);

	if (rc == 0 && g->options->strip) {
		rc = strip_profile(p, g->options->strip, m->err);
		if (rc)
			profile_release(p);
	}
	return rc;
}

struct page {
	const struct flame_page *how;
	const struct profile *runs;
	size_t n;
};

static int write_page(FILE *out, void *ctx, struct err *err)
{
	const struct page *p = ctx;

	return flame_page_write(out, p->how, p->runs, p->n, err);
}

static uint64_t room(const struct making *m)
{
	return m->pages->max_bytes ? m->pages->max_bytes : SITE_CELL_BYTES;
}

static int write_cell(struct making *m, uint32_t cell)
{
	char name[SITE_CELL_NAME];
	struct flame_page how = {.title = name,
				 .up = "../" SITE_INDEX,
				 .up_text = "all cells",
				 .kind = -1,
				 .no_source = 1,
				 .redact = m->pages->options->redact,
				 .max_bytes = room(m)};
	struct profile p;
	struct page page = {&how, &p, 1};
	int rc = read_cell(m, cell, flame_page_parts(1), &p);

	if (rc)
		return rc;
	site_cell_name(m->site, &m->grid, cell, name);
	rc = site_folder_write(m->folder, m->names[cell], write_page, &page, m->err);
	profile_release(&p);
	return rc;
}

/* ---- comparison ---- */

static int name_run(struct making *m, uint32_t cell, struct profile *p)
{
	char name[SITE_CELL_NAME];

	site_cell_name(m->site, &m->grid, cell, name);
	return strtab_intern_text(p->strings, name, &p->run.name) ? no_memory(m) : 0;
}

static int read_cells(struct making *m, struct profile *runs, uint32_t n, uint32_t *done)
{
	int rc = 0;

	for (*done = 0; rc == 0 && *done < n;) {
		uint32_t cell = *done;

		rc = read_cell(m, cell, flame_page_parts(n), &runs[cell]);
		if (rc == 0) {
			++*done;
			rc = name_run(m, cell, &runs[cell]);
		}
	}
	return rc;
}

/* The first cells, as many as a page takes, in one page: run N of it is cell N. */
static int write_comparison(struct making *m, struct site_links *links)
{
	uint32_t n = m->grid.n_cells < FLAME_RUNS_MAX ? m->grid.n_cells : FLAME_RUNS_MAX, done, i;
	struct profile *runs;
	struct flame_page how = {.title = m->site->title,
				 .up = SITE_INDEX,
				 .up_text = "all cells",
				 .kind = -1,
				 .no_source = 1,
				 .redact = m->pages->options->redact,
				 .max_bytes = SITE_COMPARES * room(m)};
	struct page page = {&how, NULL, n};
	int rc;

	if (n < 2 || !m->pages->compare)
		return 0;
	runs = calloc(n, sizeof *runs);
	if (!runs)
		return no_memory(m);
	page.runs = runs;
	rc = read_cells(m, runs, n, &done);
	if (rc == 0)
		rc = site_folder_write(m->folder, SITE_COMPARE, write_page, &page, m->err);
	for (i = 0; i < done; i++)
		profile_release(&runs[i]);
	free(runs);
	*links = (struct site_links){SITE_COMPARE, n};
	for (i = 0; i < n; i++)
		m->grid.cells[i].place = i;
	return rc;
}

/* ---- all of it ---- */

struct index {
	const struct making *m;
	const struct site_links *links;
};

static int write_index(FILE *out, void *ctx, struct err *err)
{
	const struct index *x = ctx;

	return site_index(out, x->m->site, &x->m->grid, x->links, err);
}

int site_pages_write(struct site_folder *f, const struct site_pages *pages, struct err *err)
{
	struct making m = {.pages = pages, .site = &pages->data->site, .folder = f, .err = err};
	struct site_links links = {0};
	struct index index = {&m, &links};
	uint32_t i;
	int rc = site_grid_make(&m.grid, m.site, err);

	if (rc)
		return rc;
	m.names = calloc(m.grid.n_cells + 1, sizeof *m.names);
	rc = m.names ? name_files(&m, SHORT_IDS) : no_memory(&m);
	for (i = 0; rc == 0 && i < m.grid.n_cells; i++)
		rc = write_cell(&m, i);
	if (rc == 0)
		rc = write_comparison(&m, &links);
	if (rc == 0)
		rc = site_folder_write(f, SITE_INDEX, write_index, &index, err);
	for (i = 0; m.names && i < m.grid.n_cells; i++)
		free(m.names[i]);
	free(m.names);
	site_grid_release(&m.grid);
	return rc;
}
