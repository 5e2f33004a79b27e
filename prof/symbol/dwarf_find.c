/* A batch of addresses through the units of a file's DWARF: unit by unit, the functions and inlined
 * calls around the addresses, their lines, and the chains of frames that follow. */
#include "prof/symbol/dwarf_find.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "prof/base/err.h"
#include "prof/symbol/dwarf_const.h"

#define CHAIN_MAX 256 /* inlined calls in each other */

/* The addresses of one unit. */
struct batch {
	struct dwarf_unit *unit; /* with ranges and lines */
	struct dwarf_unit *tree; /* with functions: the same, or the split one */
	uint64_t *addrs, *width;
	size_t *place; /* in the result */
	uint32_t *node;
	struct dwarf_row *rows;
	size_t n, cap;
	struct dwarf_line_header lines;
	uint32_t *files; /* ids of the line table's, UINT32_MAX: not asked yet */
	uint32_t n_files;
};

static void batch_release(struct batch *b)
{
	free(b->addrs);
	free(b->width);
	free(b->place);
	free(b->node);
	free(b->rows);
	free(b->files);
	dwarf_line_release(&b->lines);
}

static int batch_init(struct batch *b, size_t cap)
{
	memset(b, 0, sizeof *b);
	b->cap = cap;
	b->addrs = calloc(cap + 1, sizeof *b->addrs);
	b->width = calloc(cap + 1, sizeof *b->width);
	b->place = calloc(cap + 1, sizeof *b->place);
	b->node = calloc(cap + 1, sizeof *b->node);
	b->rows = calloc(cap + 1, sizeof *b->rows);
	if (b->addrs && b->width && b->place && b->node && b->rows)
		return 0;
	batch_release(b);
	return ERR_NOMEM;
}

/* ---- names ---- */

static int file_id(struct dwarf_query *q, struct batch *b, uint32_t file, uint32_t *id)
{
	char path[PATH_MAX];
	int rc;

	*id = STRTAB_EMPTY;
	if (file >= b->n_files)
		return 0;
	if (b->files[file] == UINT32_MAX) {
		b->files[file] = STRTAB_EMPTY;
		if (dwarf_line_path(&b->lines, file, path, sizeof path)) {
			rc = namer_text(q->namer, path, strlen(path), STRTAB_EMPTY,
					&b->files[file]);
			if (rc < 0)
				return rc;
		}
	}
	*id = b->files[file];
	return 0;
}

static int language_id(struct dwarf_query *q, uint16_t code, uint32_t *id)
{
	const char *name = dwarf_language(code);

	return namer_text(q->namer, name, strlen(name), STRTAB_EMPTY, id);
}

/* The function of a node. Languages that mangle have their full name in the linkage name, or, where
 * that was left out, in the symbol table. */
static int name_node(struct dwarf_query *q, struct batch *b, const struct dwarf_node *node,
		     size_t place, struct symbol_frame *frame)
{
	const struct elfsym_hit *hit = &q->symbols[place];
	struct dwarf_names names;
	struct span text;
	int linkage, rc;

	rc = dwarf_names(b->tree, node->die, &names);
	if (rc < 0)
		return rc;
	linkage = dwarf_language_linkage(names.language);
	text = names.name;
	if (linkage && names.linkage.n)
		text = names.linkage;
	else if (linkage == DWARF_LINKAGE_OR_SYMBOL && !node->inlined && hit->best.name.n &&
		 hit->best.value == node->low)
		text = hit->best.name;
	if (!text.n)
		text = names.linkage.n ? names.linkage : hit->best.name;
	rc = namer_id(q->namer, text, linkage, q->fallback, &frame->function);
	return rc < 0 ? rc : language_id(q, names.language, &frame->language);
}

/* ---- chains ---- */

static int put_lines_only(struct dwarf_query *q, struct batch *b, size_t i)
{
	const struct elfsym_hit *hit = &q->symbols[b->place[i]];
	struct symbol_frame *f;
	int rc;

	if (!b->rows[i].found || !hit->best.name.n || hit->plt)
		return 0;
	f = result_put(q->out, b->place[i], 1);
	if (!f)
		return ERR_NOMEM;
	rc = namer_id(q->namer, hit->best.name, 1, q->fallback, &f->function);
	if (rc == 0)
		rc = file_id(q, b, b->rows[i].file, &f->file);
	f->line = b->rows[i].line;
	return rc < 0 ? rc : language_id(q, b->tree->language, &f->language);
}

/* The nodes around an address, innermost first. */
static uint32_t chain_of(const struct dwarf_scan *s, uint32_t node, uint32_t chain[CHAIN_MAX])
{
	uint32_t n = 0;

	while (node != DWARF_NO_NODE && n < CHAIN_MAX) {
		chain[n++] = node;
		if (!s->nodes[node].inlined)
			break;
		node = s->nodes[node].parent;
	}
	return n;
}

static int put_chain(struct dwarf_query *q, struct batch *b, const struct dwarf_scan *s, size_t i,
		     uint32_t node)
{
	uint32_t chain[CHAIN_MAX], n = chain_of(s, node, chain);
	struct symbol_frame *frames = result_put(q->out, b->place[i], n);
	int rc = 0;

	if (!frames)
		return ERR_NOMEM;
	for (uint32_t k = 0; k < n && rc == 0; k++) {
		struct symbol_frame *f = &frames[n - 1 - k];
		uint32_t file = b->rows[i].file;

		f->line = b->rows[i].line;
		if (k) {
			file = s->nodes[chain[k - 1]].call_file;
			f->line = s->nodes[chain[k - 1]].call_line;
		}
		if (k || b->rows[i].found)
			rc = file_id(q, b, file, &f->file);
		if (rc == 0)
			rc = name_node(q, b, &s->nodes[chain[k]], b->place[i], f);
	}
	return rc;
}

/* ---- units ---- */

static int read_lines(struct dwarf_query *q, struct batch *b)
{
	int rc = dwarf_line_open(&b->lines, b->unit);

	memset(b->rows, 0, b->n * sizeof *b->rows);
	if (rc < 0)
		return rc == ERR_NOMEM ? rc : 0;
	dwarf_line_rows(&b->lines, b->addrs, b->n, q->code->low, b->rows);
	b->n_files = b->lines.n_files;
	b->files = malloc(((size_t)b->n_files + 1) * sizeof *b->files);
	if (!b->files)
		return ERR_NOMEM;
	memset(b->files, 0xff, (size_t)b->n_files * sizeof *b->files);
	for (size_t i = 0; i < b->n; i++)
		q->with_lines += b->rows[i].found;
	return 0;
}

/* Chains of the addresses that the scan has placed. The others, if a symbol says that there is a
 * function, go to the front of the batch; returns their number or ERR_NOMEM. */
static ptrdiff_t put_found(struct dwarf_query *q, struct batch *b, const struct dwarf_scan *s)
{
	size_t left = 0;
	int rc;

	for (size_t i = 0; i < b->n; i++) {
		if (b->node[i] != DWARF_NO_NODE) {
			rc = put_chain(q, b, s, i, b->node[i]);
		} else {
			rc = put_lines_only(q, b, i);
			if (rc == 0 && q->symbols[b->place[i]].best.name.n) {
				b->addrs[left] = b->addrs[i];
				b->place[left] = b->place[i];
				b->rows[left++] = b->rows[i];
			}
		}
		if (rc < 0)
			return rc;
	}
	return (ptrdiff_t)left;
}

static int scan_batch(struct dwarf_query *q, struct batch *b)
{
	for (int thorough = 0; thorough < 2 && b->n; thorough++) {
		struct dwarf_scan s = {.unit = b->tree,
				       .addrs = b->addrs,
				       .node = b->node,
				       .width = b->width,
				       .n = b->n};
		ptrdiff_t left;
		int rc;

		memset(b->node, 0xff, b->n * sizeof *b->node);
		rc = dwarf_scan(&s, thorough);
		left = rc < 0 ? rc : put_found(q, b, &s);
		dwarf_scan_release(&s);
		if (left < 0)
			return (int)left;
		b->n = (size_t)left;
	}
	return 0;
}

static int find_tree(struct dwarf_query *q, struct batch *b)
{
	struct dwarf_unit *split = NULL;

	b->tree = b->unit;
	if (!b->unit->split_name.n || !q->splits)
		return 0;
	if (dwarf_split_unit(q->splits, b->unit, &split) < 0)
		return ERR_NOMEM;
	if (split)
		b->tree = split;
	else
		q->split_missing = 1;
	return 0;
}

static int run_batch(struct dwarf_query *q, struct batch *b)
{
	int rc = find_tree(q, b);

	if (rc == 0)
		rc = read_lines(q, b);
	if (rc == 0)
		rc = scan_batch(q, b);
	dwarf_line_release(&b->lines);
	free(b->files);
	b->files = NULL;
	b->n_files = 0;
	return rc;
}

/* Addresses by unit, in the order of both. */
struct member {
	uint32_t unit, place;
};

static int by_unit(const void *a, const void *b)
{
	const struct member *x = a, *y = b;

	if (x->unit != y->unit)
		return x->unit < y->unit ? -1 : 1;
	return (x->place > y->place) - (x->place < y->place);
}

static int run_units(struct dwarf_query *q, const struct dwarf_cover *cover, struct batch *b,
		     struct member *members)
{
	size_t n = 0, i = 0;
	int rc = 0;

	for (size_t k = 0; k < q->out->n; k++) {
		if (cover->unit[k] != DWARF_NO_NODE && !q->out->count[k])
			members[n++] = (struct member){cover->unit[k], (uint32_t)k};
	}
	qsort(members, n, sizeof *members, by_unit);
	while (i < n && rc == 0) {
		uint32_t unit = members[i].unit;

		b->unit = &q->file->units[unit];
		for (b->n = 0; i < n && members[i].unit == unit; i++) {
			b->addrs[b->n] = q->out->addrs[members[i].place];
			b->place[b->n++] = members[i].place;
		}
		rc = run_batch(q, b);
	}
	return rc;
}

/* Units that do not say where their code is: all that nobody else has is asked of each. */
static int run_loose(struct dwarf_query *q, const struct dwarf_cover *cover, struct batch *b)
{
	int rc = 0;

	for (uint32_t i = 0; i < cover->n_loose && rc == 0; i++) {
		b->unit = &q->file->units[cover->loose[i]];
		b->n = 0;
		for (size_t k = 0; k < q->out->n; k++) {
			if (cover->unit[k] != DWARF_NO_NODE || q->out->count[k] ||
			    !q->symbols[k].best.name.n)
				continue;
			b->addrs[b->n] = q->out->addrs[k];
			b->place[b->n++] = k;
		}
		if (!b->n)
			break;
		rc = run_batch(q, b);
	}
	return rc;
}

int dwarf_find(struct dwarf_query *q)
{
	struct dwarf_cover cover;
	struct batch b;
	struct member *members;
	int rc;

	if (!q->out->n || q->out->n >= UINT32_MAX)
		return 0;
	rc = dwarf_cover(q->file, q->code, q->out->addrs, q->out->n, &cover);
	if (rc < 0)
		return rc;
	members = malloc(q->out->n * sizeof *members);
	rc = members ? batch_init(&b, q->out->n) : ERR_NOMEM;
	if (rc == 0) {
		rc = run_units(q, &cover, &b, members);
		if (rc == 0)
			rc = run_loose(q, &cover, &b);
		batch_release(&b);
	}
	free(members);
	dwarf_cover_release(&cover);
	return rc;
}
