/* Ontologies into a bundle: snapshots, terms, edges (see create.h). Terms are written as they are
 * read; edges wait until all ids of their file are known. */
#include "pipeline/bundle/create_int.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pipeline/bundle/cycles.h"
#include "pipeline/bundle/ids.h"
#include "pipeline/bundle/obo.h"
#include "pipeline/core/cancel.h"
#include "pipeline/core/lines.h"

struct pending_edge {
	uint32_t child;    /* term number */
	uint32_t relation; /* id in `names` */
	uint32_t target;   /* id in `names` */
	uint64_t line;
};

/* The reading of one file. */
struct load {
	struct create *c;
	struct snapshot *s;
	const struct create_obo *file;
	struct lines *in;
	sqlite3_stmt *term_stmt;
	sqlite3_stmt *edge_stmt;
	struct dict names;         /* relations and edge targets */
	struct pending_edge *edge; /* owned */
	size_t n_edges, edge_cap;
	struct cycle_edge *up; /* owned: resolved is_a and part_of edges */
	size_t n_up;
	uint64_t foreign, not_utf8, no_aspect, alt_twice, dangling, dangling_line, by_alt;
};

static struct err *load_err(struct load *l)
{
	return l->c->err;
}

uint32_t create_find_term(const struct snapshot *s, const char *go_id, int *by_alt)
{
	uint32_t term = dict_find(&s->terms, go_id, strlen(go_id));
	uint32_t alt;

	*by_alt = 0;
	if (term != DICT_NONE)
		return term;
	alt = dict_find(&s->alt, go_id, strlen(go_id));
	if (alt == DICT_NONE)
		return DICT_NONE;
	*by_alt = 1;
	return s->alt_term[alt];
}

void create_snapshots_release(struct create *c)
{
	size_t i;

	for (i = 0; i < c->n_snapshots; i++) {
		free(c->snapshot[i].version);
		free(c->snapshot[i].alt_term);
		dict_release(&c->snapshot[i].terms);
		dict_release(&c->snapshot[i].alt);
		buf_release(&c->snapshot[i].aspect);
	}
	free(c->snapshot);
	c->snapshot = NULL;
	c->n_snapshots = 0;
}

/* ---- snapshots ------------------------------------------------------------------------------- */

/* "12:07:2013 15:53" -> "2013-07-12"; 0 or -1. Files before 2012 have a date but no version. */
static int version_of_date(const char *date, char out[16])
{
	unsigned d, m, y;
	int end = 0;

	if (sscanf(date, "%2u:%2u:%4u%n", &d, &m, &y, &end) != 3 || end != 10 || d < 1 || d > 31 ||
	    m < 1 || m > 12 || y < 1990)
		return -1;
	snprintf(out, 16, "%04u-%02u-%02u", y % 10000, m, d);
	return 0;
}

static int check_distinct(struct load *l)
{
	const struct snapshot *s = l->s, *other;

	for (other = l->c->snapshot; other < s; other++) {
		if (strcmp(other->version, s->version) == 0)
			return err_set(
				load_err(l), ERR_ARG,
				"'%s' has the ontology version '%s' that an earlier --obo has",
				l->file->path, s->version);
		if (strcmp(other->id, s->id) == 0)
			return err_set(load_err(l), ERR_ARG,
				       "'%s' has the snapshot id %s that an earlier --obo has",
				       l->file->path, s->id);
	}
	return 0;
}

static int insert_snapshot(struct load *l)
{
	struct create *c = l->c;
	sqlite3_stmt *stmt = NULL;
	int rc = outfile_prepare(&c->out, &stmt,
				 "INSERT INTO ontology_snapshot (id, obo_version, loaded_at) "
				 "VALUES (?1, ?2, ?3)",
				 c->err);

	if (rc == 0)
		rc = outfile_insert(&c->out, stmt,
				    create_bind(stmt, 1, l->s->id) |
					    create_bind(stmt, 2, l->s->version) |
					    create_bind(stmt, 3, c->stamp),
				    c->err);
	sqlite3_finalize(stmt);
	if (rc == 0)
		c->report->snapshots++;
	return rc;
}

static int on_header(void *ctx, const struct obo_header *header, struct err *err)
{
	struct load *l = ctx;
	const char *version = header->data_version;
	char date[16];
	int rc;

	if (strncmp(header->format_version, "1.", 2) != 0 && *header->format_version)
		return err_set(err, ERR_UNSUPPORTED,
			       "%s: OBO format version '%.40s'; this program reads 1.2 and 1.4",
			       l->file->path, header->format_version);
	if (!*version && version_of_date(header->date, date) == 0)
		version = date;
	if (!*version)
		return err_set(
			err, ERR_FORMAT,
			"%s: the header has neither data-version nor date; is it an OBO file? "
			"(a line 'data-version: releases/YYYY-MM-DD' names the snapshot)",
			l->file->path);
	l->s->version = text_utf8(version);
	if (!l->s->version)
		return err_nomem(err, "an ontology");
	if (!create_is_plain(l->s->version))
		return err_set(err, ERR_FORMAT,
			       "%s: version '%.60s' in the header is no word of printable ASCII",
			       l->file->path, l->s->version);
	if (l->file->id[0])
		memcpy(l->s->id, l->file->id, sizeof l->s->id);
	else if ((rc = bundle_uuid("ontology_snapshot", version, l->s->id, err)) < 0)
		return rc;
	rc = check_distinct(l);
	return rc < 0 ? rc : insert_snapshot(l);
}

/* ---- terms ----------------------------------------------------------------------------------- */

static int hold_alt_ids(struct load *l, const struct obo_term *term, uint32_t number)
{
	struct snapshot *s = l->s;
	uint32_t *grown;
	uint32_t before, id;
	size_t i;

	for (i = 0; i < term->n_alt_ids; i++) {
		before = s->alt.count;
		id = dict_intern(&s->alt, term->alt_ids[i], strlen(term->alt_ids[i]));
		if (id == DICT_NONE)
			return err_nomem(load_err(l), "an ontology");
		if (s->alt.count == before) {
			l->alt_twice += s->alt_term[id] != number;
			continue;
		}
		if (id >= s->alt_cap) {
			size_t cap = s->alt_cap ? s->alt_cap * 2 : 256;

			grown = realloc(s->alt_term, cap * sizeof *grown);
			if (!grown)
				return err_nomem(load_err(l), "an ontology");
			s->alt_term = grown;
			s->alt_cap = cap;
		}
		s->alt_term[id] = number;
	}
	return 0;
}

static int hold_edges(struct load *l, const struct obo_term *term, uint32_t number)
{
	struct pending_edge *edge, *grown;
	size_t i, cap;

	for (i = 0; i < term->n_edges; i++) {
		if (l->n_edges == l->edge_cap) {
			cap = l->edge_cap ? l->edge_cap * 2 : 1024;
			grown = realloc(l->edge, cap * sizeof *grown);
			if (!grown)
				return err_nomem(load_err(l), "an ontology");
			l->edge = grown;
			l->edge_cap = cap;
		}
		if (!create_is_plain(term->edges[i].relation))
			return err_set(load_err(l), ERR_FORMAT,
				       "%s:%llu: malformed relation '%.40s'", l->file->path,
				       (unsigned long long)term->edges[i].line,
				       term->edges[i].relation);
		edge = &l->edge[l->n_edges];
		edge->child = number;
		edge->line = term->edges[i].line;
		edge->relation = dict_intern(&l->names, term->edges[i].relation,
					     strlen(term->edges[i].relation));
		edge->target = dict_intern(&l->names, term->edges[i].target,
					   strlen(term->edges[i].target));
		if (edge->relation == DICT_NONE || edge->target == DICT_NONE)
			return err_nomem(load_err(l), "an ontology");
		l->n_edges++;
	}
	return 0;
}

static int insert_term(struct load *l, const struct obo_term *term, uint32_t number)
{
	struct create *c = l->c;
	sqlite3_stmt *stmt = l->term_stmt;
	char aspect[2] = {term->aspect, '\0'};
	char *name = text_utf8(term->name);
	int bound, rc;

	if (!name)
		return err_nomem(c->err, "an ontology");
	l->not_utf8 += strcmp(name, term->name) != 0;
	bound = sqlite3_bind_int64(stmt, 1, l->s->first_id + number);
	bound |= create_bind(stmt, 2, term->id);
	bound |= create_bind(stmt, 3, aspect);
	bound |= create_bind(stmt, 4, name);
	bound |= sqlite3_bind_int(stmt, 5, term->is_obsolete);
	bound |= create_bind(stmt, 6, l->s->id);
	rc = outfile_insert(&c->out, stmt, bound, c->err);
	free(name);
	return rc;
}

static int on_term(void *ctx, const struct obo_term *term, struct err *err)
{
	struct load *l = ctx;
	struct snapshot *s = l->s;
	uint32_t before = s->terms.count;
	uint32_t number;
	int rc;

	if (strncmp(term->id, "GO:", 3) != 0) {
		l->foreign++; /* terms of imported ontologies in go-plus and the like */
		return 0;
	}
	if (!obo_is_go_id(term->id))
		return err_set(err, ERR_FORMAT,
			       "%s:%llu: '%.40s' is no GO id, which is 'GO:' and seven digits",
			       l->file->path, (unsigned long long)term->line, term->id);
	number = dict_intern(&s->terms, term->id, strlen(term->id));
	if (number == DICT_NONE || buf_putc(&s->aspect, term->aspect) < 0)
		return err_nomem(err, "an ontology");
	if (s->terms.count == before)
		return err_set(err, ERR_FORMAT, "%s:%llu: second [Term] stanza of %s",
			       l->file->path, (unsigned long long)term->line, term->id);
	l->no_aspect += term->aspect == 0;
	rc = hold_alt_ids(l, term, number);
	if (rc == 0)
		rc = hold_edges(l, term, number);
	if (rc == 0)
		rc = insert_term(l, term, number);
	if (rc == 0)
		rc = cancel_check(err);
	return rc;
}

/* ---- edges ----------------------------------------------------------------------------------- */

static int insert_edge(struct load *l, const char *relation, uint32_t child, uint32_t parent)
{
	struct create *c = l->c;
	sqlite3_stmt *stmt = l->edge_stmt;
	int bound = sqlite3_bind_int64(stmt, 1, (sqlite3_int64)c->report->edges + 1);
	int rc;

	bound |= sqlite3_bind_int64(stmt, 2, l->s->first_id + child);
	bound |= sqlite3_bind_int64(stmt, 3, l->s->first_id + parent);
	bound |= create_bind(stmt, 4, relation);
	bound |= create_bind(stmt, 5, l->s->id);
	rc = outfile_insert(&c->out, stmt, bound, c->err);
	if (rc == 0)
		c->report->edges++;
	return rc;
}

static int resolve_edge(struct load *l, const struct pending_edge *e)
{
	const char *relation = dict_text(&l->names, e->relation);
	int by_alt;
	uint32_t parent = create_find_term(l->s, dict_text(&l->names, e->target), &by_alt);

	if (parent == DICT_NONE) {
		if (l->dangling++ == 0)
			l->dangling_line = e->line;
		return 0;
	}
	l->by_alt += (uint64_t)by_alt;
	if (strcmp(relation, "is_a") == 0 || strcmp(relation, "part_of") == 0)
		l->up[l->n_up++] = (struct cycle_edge){e->child, parent};
	return insert_edge(l, relation, e->child, parent);
}

static int report_cycle(struct load *l, uint64_t n, const uint32_t *path, size_t len)
{
	struct buf text = BUF_INIT;
	size_t i;
	int rc;

	for (i = 0; i < len && i < 12; i++)
		buf_printf(&text, "%s > ", dict_text(&l->s->terms, path[i]));
	buf_puts(&text, i < len ? "…" : dict_text(&l->s->terms, path[0]));
	rc = buf_failed(&text) ? err_nomem(load_err(l), "a remark")
			       : create_remark(l->c, n,
					       "%s: is_a/part_of edges that close a cycle, the "
					       "first is %s; repair the ontology",
					       create_base_name(l->file->path), buf_str(&text));
	buf_release(&text);
	return rc;
}

static int check_cycles(struct load *l)
{
	uint64_t n = 0;
	uint32_t *path = NULL;
	size_t len = 0;
	int rc = cycles_find(l->s->terms.count, l->up, l->n_up, &n, &path, &len, load_err(l));

	if (rc == 0 && n > 0)
		rc = report_cycle(l, n, path, len);
	free(path);
	return rc;
}

static int resolve_edges(struct load *l)
{
	size_t i;
	int rc = 0;

	l->up = malloc((l->n_edges + 1) * sizeof *l->up);
	if (!l->up)
		return err_nomem(load_err(l), "an ontology");
	for (i = 0; i < l->n_edges && rc == 0; i++)
		rc = resolve_edge(l, &l->edge[i]);
	return rc < 0 ? rc : check_cycles(l);
}

/* ---- files ----------------------------------------------------------------------------------- */

static int report_file(struct load *l)
{
	const char *name = create_base_name(l->file->path);
	struct create *c = l->c;
	int rc = create_remark(c, l->foreign, "%s: terms without a GO id skipped", name);

	if (rc == 0)
		rc = create_remark(
			c, l->no_aspect,
			"%s: terms outside the three GO namespaces kept without an aspect", name);
	if (rc == 0)
		rc = create_remark(c, l->not_utf8,
				   "%s: names with bytes that are not UTF-8 ('?' stands for them)",
				   name);
	if (rc == 0)
		rc = create_remark(
			c, l->alt_twice,
			"%s: alternative ids claimed by a second term; the first one has them",
			name);
	if (rc == 0)
		rc = create_remark(c, l->by_alt, "%s: edges to an alternative id led to its term",
				   name);
	if (rc == 0)
		rc = create_remark(
			c, l->dangling,
			"%s: edges to terms that the file does not define skipped (first in "
			"line %llu)",
			name, (unsigned long long)l->dangling_line);
	return rc;
}

static int read_file(struct load *l)
{
	static const struct obo_handler handler = {on_header, on_term};
	struct create *c = l->c;
	int rc;

	create_say(c, "reading ontology %s", l->file->path);
	rc = lines_open(&l->in, l->file->path, LINES_MAX_BYTES, c->err);
	if (rc == 0)
		rc = outfile_prepare(&c->out, &l->term_stmt,
				     "INSERT INTO go_term (id, go_id, aspect, name, is_obsolete, "
				     "ontology_snapshot_id) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
				     c->err);
	if (rc == 0)
		rc = outfile_prepare(&c->out, &l->edge_stmt,
				     "INSERT INTO go_term_relationship (id, child_go_term_id, "
				     "parent_go_term_id, relation_type, ontology_snapshot_id) "
				     "VALUES (?1, ?2, ?3, ?4, ?5)",
				     c->err);
	if (rc == 0)
		rc = obo_read(l->in, &handler, l, c->err);
	if (rc == 0 && l->s->terms.count == 0)
		rc = err_set(c->err, ERR_FORMAT,
			     "%s: no [Term] with a GO id; is it an OBO file of GO?", l->file->path);
	if (rc == 0)
		rc = resolve_edges(l);
	if (rc == 0)
		rc = report_file(l);
	c->report->terms += l->s->terms.count;
	return rc;
}

static int load_ontology(struct create *c, size_t i)
{
	struct load l = {.c = c, .s = &c->snapshot[i], .file = &c->opt->obo[i]};
	int rc;

	buf_init(&l.s->aspect, BUF_NO_LIMIT);
	l.s->first_id = (int64_t)c->report->terms + 1;
	rc = read_file(&l);
	lines_close(l.in);
	sqlite3_finalize(l.term_stmt);
	sqlite3_finalize(l.edge_stmt);
	dict_release(&l.names);
	free(l.edge);
	free(l.up);
	return rc;
}

int create_ontologies(struct create *c)
{
	size_t i;
	int rc = 0;

	c->snapshot = calloc(c->opt->n_obo + 1, sizeof *c->snapshot);
	if (!c->snapshot)
		return err_nomem(c->err, "the ontologies");
	for (i = 0; i < c->opt->n_obo && rc == 0; i++) {
		c->n_snapshots = i + 1;
		rc = load_ontology(c, i);
	}
	return rc;
}
