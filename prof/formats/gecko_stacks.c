/* Call paths of a Firefox profile: see gecko_stacks.h. */
#include "prof/formats/gecko_stacks.h"

#include <stdlib.h>
#include <string.h>

#include "prof/formats/gecko_tables.h"

void gecko_stacks_begin(struct gecko_stacks *s, struct intake *in, struct json_in *j)
{
	memset(s, 0, sizeof(*s));
	s->in = in;
	s->j = j;
}

static void forget(struct gecko_stacks *s)
{
	uint32_t **all[] = {&s->strings,  &s->prefix,      &s->frame,      &s->func,
			    &s->location, &s->line,        &s->address,    &s->depth,
			    &s->name,     &s->file,        &s->source,     &s->resource,
			    &s->lib,      &s->source_file, &s->made_frame, &s->made_stack,
			    &s->above};
	size_t i;

	for (i = 0; i < sizeof(all) / sizeof(*all); i++) {
		free(*all[i]);
		*all[i] = NULL;
	}
	s->n_strings = s->n_stacks = s->n_frames = s->n_funcs = s->n_resources = s->n_sources = 0;
	memset(&s->places, 0, sizeof(s->places));
}

void gecko_stacks_end(struct gecko_stacks *s)
{
	forget(s);
	free(s->libs);
	s->libs = NULL;
}

static int no_memory(struct gecko_stacks *s)
{
	return err_nomem(s->in->err, "the tables of a profile");
}

static int intern(void *ctx, const char *text, size_t n, uint32_t *id)
{
	struct gecko_stacks *s = ctx;

	return intake_text(s->in, text, n, id);
}

/* ---- libraries ---- */

static int lib_member(struct gecko_stacks *s, struct profile_module *m, uint32_t *name,
		      const char *key, size_t n)
{
	uint32_t *to = json_in_is(key, n, "path")     ? &m->path
		       : json_in_is(key, n, "codeId") ? &m->build_id
		       : json_in_is(key, n, "name")   ? name
						      : NULL;
	const char *text;
	int rc;

	if (!to || json_in_peek(s->j) != JSON_IN_STRING)
		return json_in_skip(s->j);
	rc = json_in_string(s->j, &text, &n);
	return rc ? rc : intake_text(s->in, text, n, to);
}

static int add_lib(struct gecko_stacks *s, uint32_t *cap)
{
	struct profile_module m = {0};
	uint32_t name = STRTAB_EMPTY;
	const char *key;
	size_t n;
	int rc = json_in_object(s->j);

	while (rc == 0 && (rc = json_in_key(s->j, &key, &n)) > 0)
		rc = lib_member(s, &m, &name, key, n);
	if (rc)
		return rc;
	if (m.path == STRTAB_EMPTY)
		m.path = name;
	if (s->n_libs == *cap) {
		uint32_t next = *cap ? *cap * 2 : 64;
		uint32_t *more = next > INTAKE_ROWS ? NULL : realloc(s->libs, next * sizeof(*more));

		if (!more)
			return no_memory(s);
		s->libs = more;
		*cap = next;
	}
	rc = intake_module(s->in, &m, &s->libs[s->n_libs]);
	s->n_libs += rc == 0;
	return rc;
}

int gecko_stacks_libs(struct gecko_stacks *s, const char *at)
{
	uint32_t cap = 0;
	int rc;

	free(s->libs);
	s->libs = NULL;
	s->n_libs = 0;
	forget(s); /* functions belong to libraries */
	if (!at)
		return 0;
	json_in_go(s->j, at);
	rc = json_in_array(s->j);
	while (rc == 0 && (rc = json_in_item(s->j)) > 0)
		rc = add_lib(s, &cap);
	return rc;
}

/* ---- tables ---- */

struct want {
	const char *name;
	uint32_t **to;
};

/* The named columns of one table; a column that is not there is NULL. */
static int read_table(struct gecko_stacks *s, const char *at, const struct want *wants, size_t n,
		      uint32_t *rows)
{
	struct gecko_column c[5] = {{0}};
	size_t i;
	int rc;

	*rows = 0;
	if (!at)
		return 0;
	for (i = 0; i < n; i++)
		c[i].name = wants[i].name;
	rc = gecko_table(s->j, at, c, n, rows);
	for (i = 0; rc == 0 && i < n; i++) {
		*wants[i].to = c[i].indexes;
		c[i].indexes = NULL;
	}
	gecko_columns_release(c, n);
	return rc;
}

static int make_empty(uint32_t **array, uint32_t n)
{
	*array = malloc(((size_t)n + 1) * sizeof(**array));
	if (*array)
		memset(*array, 0xff, ((size_t)n + 1) * sizeof(**array));
	return *array ? 0 : -1;
}

static int read_tables(struct gecko_stacks *s, const struct gecko_places *p)
{
	const struct want stacks[] = {{"prefix", &s->prefix}, {"frame", &s->frame}};
	const struct want frames[] = {{"func", &s->func},
				      {"location", &s->location},
				      {"line", &s->line},
				      {"address", &s->address},
				      {"inlineDepth", &s->depth}};
	const struct want funcs[] = {{"name", &s->name},
				     {"fileName", &s->file},
				     {"source", &s->source},
				     {"resource", &s->resource}};
	const struct want resources[] = {{"lib", &s->lib}};
	const struct want sources[] = {{"filename", &s->source_file}};
	int rc = gecko_strings(s->j, p->strings, intern, s, &s->strings, &s->n_strings);

	if (rc == 0)
		rc = read_table(s, p->stacks, stacks, 2, &s->n_stacks);
	if (rc == 0)
		rc = read_table(s, p->frames, frames, 5, &s->n_frames);
	if (rc == 0)
		rc = read_table(s, p->funcs, funcs, 4, &s->n_funcs);
	if (rc == 0)
		rc = read_table(s, p->resources, resources, 1, &s->n_resources);
	if (rc == 0)
		rc = read_table(s, p->sources, sources, 1, &s->n_sources);
	if (rc == 0 &&
	    (make_empty(&s->made_frame, s->n_frames) || make_empty(&s->made_stack, s->n_stacks) ||
	     make_empty(&s->above, s->n_stacks)))
		rc = no_memory(s);
	return rc;
}

int gecko_stacks_use(struct gecko_stacks *s, const struct gecko_places *p)
{
	int rc;

	if (!p->strings || !p->stacks || !p->frames)
		return err_set(s->in->err, ERR_FORMAT,
			       "one of stringArray, stackTable and frameTable is missing");
	if (s->places.strings && memcmp(&s->places, p, sizeof(*p)) == 0)
		return 0;
	forget(s);
	rc = read_tables(s, p);
	if (rc == 0)
		s->places = *p;
	return rc;
}

/* ---- frames ---- */

static uint32_t cell(const uint32_t *column, uint32_t row)
{
	return column ? column[row] : GECKO_NONE;
}

static int damaged(struct gecko_stacks *s, const char *what)
{
	return err_set(s->in->err, ERR_FORMAT,
		       "a row names %s that is not there: the profile is damaged", what);
}

/* "name (file:12:3)" of a raw profile apart, and "0x12ab". */
static int raw_place(struct gecko_stacks *s, const char *text, struct profile_frame *f)
{
	size_t n = strlen(text), open, i;
	const char *at;
	int rc, numbers = 0;

	if (text[0] == '0' && text[1] == 'x' && text[2]) {
		char *end;
		uint64_t address = strtoull(text + 2, &end, 16);

		if (*end == '\0') {
			f->rel_addr = address;
			return 0;
		}
	}
	at = n > 2 && text[n - 1] == ')' ? strstr(text, " (") : NULL;
	if (!at)
		return intake_text(s->in, text, n, &f->function);
	open = (size_t)(at - text) + 2;
	rc = intake_text(s->in, text, open - 2, &f->function);
	for (i = n - 1; i > open && numbers < 2;) { /* ":12:3" or ":12" */
		size_t k = i;

		while (k > open && text[k - 1] >= '0' && text[k - 1] <= '9')
			k--;
		if (k == i || k == open || text[k - 1] != ':')
			break;
		f->line = (uint32_t)strtoul(text + k, NULL, 10) & INT32_MAX;
		i = k - 1;
		numbers++;
	}
	return rc ? rc : intake_text(s->in, text + open, i - open, &f->file);
}

static int string_at(struct gecko_stacks *s, uint32_t row, uint32_t *id)
{
	*id = STRTAB_EMPTY;
	if (row == GECKO_NONE)
		return 0;
	if (row >= s->n_strings)
		return damaged(s, "a string");
	*id = s->strings[row];
	return 0;
}

static int function_of(struct gecko_stacks *s, uint32_t func, struct profile_frame *f)
{
	uint32_t at;
	int rc;

	if (func >= s->n_funcs)
		return damaged(s, "a function");
	rc = string_at(s, cell(s->name, func), &f->function);
	if (rc == 0)
		rc = string_at(s, cell(s->file, func), &f->file);
	at = cell(s->source, func);
	if (rc == 0 && at != GECKO_NONE && at < s->n_sources)
		rc = string_at(s, cell(s->source_file, at), &f->file);
	at = cell(s->resource, func);
	if (at != GECKO_NONE && at < s->n_resources) {
		uint32_t lib = cell(s->lib, at);

		if (lib != GECKO_NONE && lib < s->n_libs)
			f->module = s->libs[lib];
	}
	return rc;
}

static int make_frame(struct gecko_stacks *s, uint32_t row)
{
	struct profile_frame f = {.module = PROFILE_NONE};
	uint32_t func = cell(s->func, row), line = cell(s->line, row),
		 address = cell(s->address, row), depth = cell(s->depth, row), text;
	int rc = 0;

	if (func != GECKO_NONE) {
		rc = function_of(s, func, &f);
	} else {
		rc = string_at(s, cell(s->location, row), &text);
		if (rc == 0)
			rc = raw_place(s, strtab_text(s->in->p->strings, text), &f);
	}
	if (line != GECKO_NONE && line <= INT32_MAX)
		f.line = line;
	if (address != GECKO_NONE)
		f.rel_addr = address;
	if (depth != GECKO_NONE && depth < 65536)
		f.inline_depth = depth;
	return rc ? rc : intake_frame(s->in, &f, &s->made_frame[row]);
}

int gecko_stack(struct gecko_stacks *s, uint32_t row, uint32_t *stack)
{
	uint32_t n = 0, at = row;
	int rc = 0;

	*stack = 0;
	if (row >= s->n_stacks || !s->frame)
		return damaged(s, "a stack");
	while (s->made_stack[at] == GECKO_NONE) {
		uint32_t up = cell(s->prefix, at);

		s->above[n++] = at;
		if (up == GECKO_NONE)
			break;
		if (up >= at)
			return err_set(s->in->err, ERR_FORMAT, "a stack's prefix stands behind it");
		at = up;
	}
	if (s->made_stack[at] != GECKO_NONE)
		*stack = s->made_stack[at];
	while (rc == 0 && n-- > 0) {
		uint32_t frame = s->frame[s->above[n]];

		if (frame >= s->n_frames)
			return damaged(s, "a frame");
		if (s->made_frame[frame] == GECKO_NONE)
			rc = make_frame(s, frame);
		if (rc == 0)
			rc = intake_stack(s->in, *stack, s->made_frame[frame], stack);
		s->made_stack[s->above[n]] = *stack;
	}
	return rc;
}
