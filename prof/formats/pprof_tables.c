/* The tables of a pprof message: see pprof_tables.h. */
#include "prof/formats/pprof_tables.h"

#include <stdlib.h>
#include <string.h>

int pprof_damaged(struct pprof *x, const char *what)
{
	return err_set(x->err, ERR_FORMAT, "%s: the file is damaged or no pprof profile", what);
}

int pprof_grow(struct pprof *x, void **array, size_t *cap, size_t n, size_t size)
{
	size_t next = *cap ? *cap * 2 : 64;
	void *more;

	if (n < *cap)
		return 0;
	more = next > UINT32_MAX / 2 ? NULL : realloc(*array, next * size);
	if (!more)
		return err_nomem(x->err, "a pprof profile");
	*array = more;
	*cap = next;
	return 0;
}

int pprof_fields(struct pprof *x, struct proto_in in, uint32_t number, pprof_field_fn *each,
		 void *ctx)
{
	struct proto_field f;
	int rc;

	while ((rc = proto_next(&in, &f)) > 0) {
		if (number && f.number != number)
			continue;
		rc = each(x, &f, ctx);
		if (rc)
			return rc;
	}
	return rc ? pprof_damaged(x, "bytes that are no message") : 0;
}

/* ---- texts ---- */

static int add_text(struct pprof *x, struct proto_field *f, void *ctx)
{
	(void)ctx;
	if (!f->is_bytes)
		return pprof_damaged(x, "a text that is a number");
	if (PPROF_GROW(x, x->texts, x->cap_texts, x->n_texts))
		return ERR_NOMEM;
	x->texts[x->n_texts++] =
		(struct text){(const char *)f->in.at, (uint32_t)(f->in.end - f->in.at), UINT32_MAX};
	return 0;
}

int pprof_text(struct pprof *x, uint64_t at, uint32_t *id)
{
	struct text *t;
	int rc;

	*id = STRTAB_EMPTY;
	if (at == 0)
		return 0;
	if (at >= x->n_texts)
		return pprof_damaged(x, "a text that is not in its table");
	t = &x->texts[at];
	if (t->id == UINT32_MAX) {
		rc = intake_text(&x->in, t->at, t->n, &t->id);
		if (rc)
			return rc;
	}
	*id = t->id;
	return 0;
}

/* ---- tables ---- */

static int remember(struct pprof *x, struct idmap *ids, uint64_t id, size_t place, const char *what)
{
	if (id == 0 || idmap_get(ids, id) != IDMAP_NONE)
		return pprof_damaged(x, what);
	return idmap_set(ids, id, (uint32_t)place) ? err_nomem(x->err, "a pprof profile") : 0;
}

int pprof_numbers(struct pprof *x, struct proto_field *f, void *ctx)
{
	uint64_t *v = ctx;

	(void)x;
	if (f->number < 7 && !f->is_bytes)
		v[f->number] = f->value;
	return 0;
}

static int add_mapping(struct pprof *x, struct proto_field *f, void *ctx)
{
	uint64_t v[7] = {0}; /* id, start, limit, offset, file name, build id from 1 */
	struct profile_module m;
	struct mapping row = {.module = PROFILE_NONE};
	int rc = f->is_bytes ? pprof_fields(x, f->in, 0, pprof_numbers, v)
			     : pprof_damaged(x, "a mapping");

	(void)ctx;
	memset(&m, 0, sizeof(m));
	if (rc == 0)
		rc = pprof_text(x, v[5], &m.path);
	if (rc == 0)
		rc = pprof_text(x, v[6], &m.build_id);
	m.start = row.start = v[2];
	m.end = v[3];
	m.offset = row.offset = v[4];
	if (rc == 0 && (m.path || m.build_id))
		rc = intake_module(&x->in, &m, &row.module);
	if (rc == 0)
		rc = remember(x, &x->mapping_ids, v[1], x->n_mappings,
			      "a mapping's id is 0 or there twice");
	if (rc == 0)
		rc = PPROF_GROW(x, x->mappings, x->cap_mappings, x->n_mappings);
	if (rc == 0)
		x->mappings[x->n_mappings++] = row;
	return rc;
}

static int add_function(struct pprof *x, struct proto_field *f, void *ctx)
{
	uint64_t v[7] = {0}; /* id, name, system name, file from 1 */
	struct function row;
	int rc = f->is_bytes ? pprof_fields(x, f->in, 0, pprof_numbers, v)
			     : pprof_damaged(x, "a function");

	(void)ctx;
	memset(&row, 0, sizeof(row));
	if (rc == 0)
		rc = pprof_text(x, v[2] ? v[2] : v[3], &row.name);
	if (rc == 0)
		rc = pprof_text(x, v[4], &row.file);
	if (rc == 0)
		rc = remember(x, &x->function_ids, v[1], x->n_functions,
			      "a function's id is 0 or there twice");
	if (rc == 0)
		rc = PPROF_GROW(x, x->functions, x->cap_functions, x->n_functions);
	if (rc == 0)
		x->functions[x->n_functions++] = row;
	return rc;
}

/* ---- places ---- */

static int add_line(struct pprof *x, struct proto_field *f, void *ctx)
{
	uint64_t v[7] = {0}; /* function, line from 1 */
	struct line line = {STRTAB_EMPTY, STRTAB_EMPTY, 0};
	int rc = f->is_bytes ? pprof_fields(x, f->in, 0, pprof_numbers, v)
			     : pprof_damaged(x, "a line");

	(void)ctx;
	if (rc)
		return rc;
	if (v[1]) {
		uint32_t at = idmap_get(&x->function_ids, v[1]);

		if (at == IDMAP_NONE)
			return pprof_damaged(x, "a function that is not there");
		line.name = x->functions[at].name;
		line.file = x->functions[at].file;
	}
	line.line = v[2] > INT32_MAX ? 0 : (uint32_t)v[2];
	rc = PPROF_GROW(x, x->lines, x->cap_lines, x->n_lines);
	if (rc == 0)
		x->lines[x->n_lines++] = line;
	return rc;
}

/* The frames of a place: the function that owns the code, then what was inlined there. */
static int add_frames(struct pprof *x, struct profile_frame *f)
{
	size_t i;
	int rc = 0;

	if (x->n_lines == 0) { /* no names */
		rc = PPROF_GROW(x, x->lines, x->cap_lines, 0);
		if (rc)
			return rc;
		x->lines[x->n_lines++] = (struct line){STRTAB_EMPTY, STRTAB_EMPTY, 0};
	}
	for (i = x->n_lines; rc == 0 && i-- > 0; f->inline_depth++) {
		f->function = x->lines[i].name;
		f->file = x->lines[i].file;
		f->line = x->lines[i].line;
		rc = PPROF_GROW(x, x->pool, x->cap_pool, x->n_pool);
		if (rc == 0)
			rc = intake_frame(&x->in, f, &x->pool[x->n_pool]);
		x->n_pool += rc == 0;
	}
	return rc;
}

static int place_of(struct pprof *x, const uint64_t *v, struct profile_frame *f)
{
	const struct mapping *m;
	uint32_t at;

	f->rel_addr = v[3];
	if (!v[2])
		return 0;
	at = idmap_get(&x->mapping_ids, v[2]);
	if (at == IDMAP_NONE)
		return pprof_damaged(x, "a mapping that is not there");
	m = &x->mappings[at];
	f->module = m->module;
	if (v[3] >= m->start)
		f->rel_addr = v[3] - m->start + m->offset;
	return 0;
}

static int add_location(struct pprof *x, struct proto_field *f, void *ctx)
{
	uint64_t v[7] = {0}; /* id, mapping, address from 1 */
	struct profile_frame frame = {.module = PROFILE_NONE};
	struct location row = {.first = (uint32_t)x->n_pool};
	int rc = f->is_bytes ? pprof_fields(x, f->in, 0, pprof_numbers, v)
			     : pprof_damaged(x, "a place");

	(void)ctx;
	if (rc == 0)
		rc = place_of(x, v, &frame);
	x->n_lines = 0;
	if (rc == 0)
		rc = pprof_fields(x, f->in, 4, add_line, NULL);
	if (rc == 0)
		rc = add_frames(x, &frame);
	row.n = (uint32_t)x->n_pool - row.first;
	if (rc == 0)
		rc = remember(x, &x->location_ids, v[1], x->n_locations,
			      "a place's id is 0 or there twice");
	if (rc == 0)
		rc = PPROF_GROW(x, x->locations, x->cap_locations, x->n_locations);
	if (rc == 0)
		x->locations[x->n_locations++] = row;
	return rc;
}

int pprof_texts(struct pprof *x)
{
	int rc = pprof_fields(x, x->all, STRING, add_text, NULL);

	if (rc == 0 && x->n_texts && x->texts[0].n)
		rc = pprof_damaged(x, "the first text is not empty");
	return rc;
}

int pprof_tables(struct pprof *x)
{
	int rc = pprof_fields(x, x->all, MAPPING, add_mapping, NULL);

	if (rc == 0)
		rc = pprof_fields(x, x->all, FUNCTION, add_function, NULL);
	return rc ? rc : pprof_fields(x, x->all, LOCATION, add_location, NULL);
}

void pprof_tables_release(struct pprof *x)
{
	idmap_release(&x->mapping_ids);
	idmap_release(&x->function_ids);
	idmap_release(&x->location_ids);
	free(x->texts);
	free(x->mappings);
	free(x->functions);
	free(x->locations);
	free(x->pool);
	free(x->lines);
}
