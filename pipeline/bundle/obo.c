/* OBO reader: see obo.h. A stanza's texts live in an arena that is emptied after its callback, so
 * memory is bounded by the longest stanza. */
#include "pipeline/bundle/obo.h"

#include <stdlib.h>
#include <string.h>

#include "prof/base/arena.h"
#include "prof/base/buf.h"

enum stanza {
	STANZA_HEADER,
	STANZA_TERM,
	STANZA_OTHER, /* [Typedef], [Instance], [Annotation] and later inventions */
};

struct reader {
	struct lines *in;
	const struct obo_handler *handler;
	void *ctx;
	struct err *err;
	struct buf joined; /* a line continued with a backslash */
	struct arena arena;
	enum stanza stanza;
	uint64_t line; /* of the logical line at hand */
	struct obo_header header;
	char aspect_default; /* of default-namespace */
	struct obo_term term;
	int has_namespace;
	const char **alt_ids;
	size_t alt_cap;
	struct obo_edge *edges;
	size_t edge_cap;
};

int obo_is_go_id(const char *text)
{
	size_t i;

	if (strncmp(text, "GO:", 3) != 0)
		return 0;
	for (i = 3; i < 10; i++) {
		if (text[i] < '0' || text[i] > '9')
			return 0;
	}
	return text[10] == '\0';
}

static int is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static char *trim(char *text)
{
	size_t len;

	while (is_blank(*text))
		text++;
	len = strlen(text);
	while (len > 0 && is_blank(text[len - 1]))
		text[--len] = '\0';
	return text;
}

/* A copy that lives until the stanza's end; NULL: no memory, and err is filled. */
static const char *keep(struct reader *r, const char *text)
{
	const char *copy = arena_strdup(&r->arena, text);

	if (!copy)
		err_nomem(r->err, "an OBO stanza");
	return copy;
}

/* ---- values ---------------------------------------------------------------------------------- */

/* Cuts a "! comment": an exclamation mark outside quotes that starts the value or follows a blank. */
static void cut_comment(char *value)
{
	int quoted = 0;
	char *p;

	for (p = value; *p; p++) {
		if (*p == '\\' && p[1])
			p++;
		else if (*p == '"')
			quoted = !quoted;
		else if (*p == '!' && !quoted && (p == value || is_blank(p[-1]))) {
			*p = '\0';
			return;
		}
	}
}

/* Where a trailing modifier block "{key=value, …}" starts, NULL if there is none. Braces inside names
 * of chemicals are no modifiers: these follow a blank, end the value and hold an equals sign. */
static char *find_modifiers(char *value)
{
	size_t len = strlen(value);
	int quoted = 0, equals = 0;
	char *open = NULL;
	char *p;

	if (len < 2 || value[len - 1] != '}')
		return NULL;
	for (p = value; *p; p++) {
		if (*p == '\\' && p[1])
			p++;
		else if (*p == '"')
			quoted = !quoted;
		else if (quoted)
			continue;
		else if (*p == '{' && !open && (p == value || is_blank(p[-1])))
			open = p;
		else if (*p == '=' && open)
			equals = 1;
		else if (*p == '}' && p[1])
			open = NULL, equals = 0;
	}
	return equals ? open : NULL;
}

static char unescaped(char c)
{
	switch (c) {
	case 'n':
		return '\n';
	case 't':
		return '\t';
	case 'W':
		return ' ';
	default:
		return c;
	}
}

static void unescape(char *text)
{
	char *to = text;
	const char *from;

	for (from = text; *from; from++) {
		if (*from == '\\' && from[1])
			*to++ = unescaped(*++from);
		else
			*to++ = *from;
	}
	*to = '\0';
}

/* The bare value: no comment, no modifiers, no outer blanks, escapes still in place. */
static char *bare_value(char *value)
{
	char *modifiers;

	cut_comment(value);
	value = trim(value);
	modifiers = find_modifiers(value);
	if (modifiers) {
		*modifiers = '\0';
		value = trim(value);
	}
	return value;
}

/* Checks that `value` is one id and unescapes it. */
static int one_id(struct reader *r, const char *tag, char *value)
{
	if (!*value)
		return lines_bad(r->in, r->err, "'%s' without an id", tag);
	if (strpbrk(value, " \t"))
		return lines_bad(r->in, r->err, "text after the id of '%s': '%.80s'", tag, value);
	unescape(value);
	return 0;
}

static char namespace_aspect(const char *text)
{
	if (strcmp(text, "biological_process") == 0)
		return 'P';
	if (strcmp(text, "molecular_function") == 0)
		return 'F';
	if (strcmp(text, "cellular_component") == 0)
		return 'C';
	return 0;
}

/* ---- tags ------------------------------------------------------------------------------------ */

static int header_tag(struct reader *r, const char *tag, char *value)
{
	const char **slot = NULL;

	if (strcmp(tag, "format-version") == 0)
		slot = &r->header.format_version;
	else if (strcmp(tag, "data-version") == 0)
		slot = &r->header.data_version;
	else if (strcmp(tag, "date") == 0)
		slot = &r->header.date;
	else if (strcmp(tag, "ontology") == 0)
		slot = &r->header.ontology;
	else if (strcmp(tag, "default-namespace") != 0)
		return 0;
	value = bare_value(value);
	unescape(value);
	if (!slot) {
		r->aspect_default = namespace_aspect(value);
		return 0;
	}
	*slot = keep(r, value);
	return *slot ? 0 : ERR_NOMEM;
}

static int add_alt_id(struct reader *r, char *value)
{
	int rc = one_id(r, "alt_id", value);
	size_t cap;
	const char **grown;

	if (rc < 0)
		return rc;
	if (r->term.n_alt_ids == r->alt_cap) {
		cap = r->alt_cap ? r->alt_cap * 2 : 16;
		grown = realloc(r->alt_ids, cap * sizeof *grown);
		if (!grown)
			return err_nomem(r->err, "an OBO stanza");
		r->alt_ids = grown;
		r->alt_cap = cap;
	}
	r->alt_ids[r->term.n_alt_ids] = keep(r, value);
	if (!r->alt_ids[r->term.n_alt_ids])
		return ERR_NOMEM;
	r->term.n_alt_ids++;
	return 0;
}

static int add_edge(struct reader *r, const char *relation, const char *target)
{
	struct obo_edge *edge, *grown;
	size_t cap;

	if (r->term.n_edges == r->edge_cap) {
		cap = r->edge_cap ? r->edge_cap * 2 : 16;
		grown = realloc(r->edges, cap * sizeof *grown);
		if (!grown)
			return err_nomem(r->err, "an OBO stanza");
		r->edges = grown;
		r->edge_cap = cap;
	}
	edge = &r->edges[r->term.n_edges];
	edge->relation = keep(r, relation);
	edge->target = keep(r, target);
	edge->line = r->line;
	if (!edge->relation || !edge->target)
		return ERR_NOMEM;
	r->term.n_edges++;
	return 0;
}

static int is_a_tag(struct reader *r, char *value)
{
	int rc = one_id(r, "is_a", value);

	return rc < 0 ? rc : add_edge(r, "is_a", value);
}

static int relationship_tag(struct reader *r, char *value)
{
	char *target = strpbrk(value, " \t");
	int rc;

	if (!target)
		return lines_bad(r->in, r->err,
				 "'relationship' needs a relation and an id, not '%.80s'", value);
	*target++ = '\0';
	unescape(value);
	target = trim(target);
	rc = one_id(r, "relationship", target);
	return rc < 0 ? rc : add_edge(r, value, target);
}

static int id_tag(struct reader *r, char *value)
{
	int rc = one_id(r, "id", value);

	if (rc < 0)
		return rc;
	if (r->term.id)
		return lines_bad(r->in, r->err, "second 'id' in one [Term] stanza");
	r->term.id = keep(r, value);
	return r->term.id ? 0 : ERR_NOMEM;
}

static int name_tag(struct reader *r, char *value)
{
	unescape(value);
	r->term.name = keep(r, value);
	return r->term.name ? 0 : ERR_NOMEM;
}

static int namespace_tag(struct reader *r, char *value)
{
	unescape(value);
	r->term.aspect = namespace_aspect(value);
	r->has_namespace = 1;
	return 0;
}

static int obsolete_tag(struct reader *r, char *value)
{
	if (strcmp(value, "true") != 0 && strcmp(value, "false") != 0)
		return lines_bad(r->in, r->err, "'is_obsolete' is 'true' or 'false', not '%.80s'",
				 value);
	r->term.is_obsolete = value[0] == 't';
	return 0;
}

static int term_tag(struct reader *r, const char *tag, char *value)
{
	static const struct {
		const char *tag;
		int (*read)(struct reader *r, char *value);
	} tags[] = {
		{"id", id_tag},
		{"name", name_tag},
		{"namespace", namespace_tag},
		{"alt_id", add_alt_id},
		{"is_a", is_a_tag},
		{"relationship", relationship_tag},
		{"is_obsolete", obsolete_tag},
	};
	size_t i;

	for (i = 0; i < sizeof tags / sizeof tags[0]; i++) {
		if (strcmp(tag, tags[i].tag) == 0)
			return tags[i].read(r, bare_value(value));
	}
	return 0;
}

/* ---- stanzas --------------------------------------------------------------------------------- */

static void start_term(struct reader *r)
{
	arena_release(&r->arena);
	r->term = (struct obo_term){.name = "", .line = r->line};
	r->has_namespace = 0;
}

/* Ends the stanza at hand and hands it over. */
static int end_stanza(struct reader *r)
{
	if (r->stanza == STANZA_HEADER)
		return r->handler->header(r->ctx, &r->header, r->err);
	if (r->stanza != STANZA_TERM)
		return 0;
	if (!r->term.id)
		return err_set(r->err, ERR_FORMAT,
			       "%s:%llu: [Term] without an id; every stanza needs an 'id:' line",
			       lines_name(r->in), (unsigned long long)r->term.line);
	if (!r->has_namespace)
		r->term.aspect = r->aspect_default;
	r->term.alt_ids = r->alt_ids;
	r->term.edges = r->edges;
	return r->handler->term(r->ctx, &r->term, r->err);
}

static int start_stanza(struct reader *r, char *line)
{
	char *end = strchr(line, ']');
	int rc;

	if (!end || (cut_comment(end + 1), *trim(end + 1)))
		return lines_bad(r->in, r->err, "malformed stanza header '%.80s'", line);
	rc = end_stanza(r);
	if (rc < 0)
		return rc;
	end[1] = '\0';
	r->stanza = strcmp(line, "[Term]") == 0 ? STANZA_TERM : STANZA_OTHER;
	start_term(r);
	return 0;
}

/* The colon that ends the tag: escaped ones belong to it. */
static char *tag_end(char *line)
{
	for (; *line; line++) {
		if (*line == '\\' && line[1])
			line++;
		else if (*line == ':')
			return line;
	}
	return NULL;
}

static int read_line(struct reader *r, char *line)
{
	char *colon;

	line = trim(line);
	if (!*line || *line == '!')
		return 0;
	if (*line == '[')
		return start_stanza(r, line);
	colon = tag_end(line);
	if (!colon || colon == line)
		return lines_bad(r->in, r->err, "expected 'tag: value', found '%.80s'", line);
	*colon = '\0';
	if (r->stanza == STANZA_HEADER)
		return header_tag(r, line, colon + 1);
	if (r->stanza == STANZA_TERM)
		return term_tag(r, line, colon + 1);
	return 0;
}

/* Does the line end with a lone backslash, which joins it with the next one? */
static int continues(const char *text, size_t len)
{
	size_t slashes = 0;

	while (slashes < len && text[len - 1 - slashes] == '\\')
		slashes++;
	return slashes % 2 == 1;
}

/* Joins continued lines in r->joined; 0 or a negative code. */
static int join_lines(struct reader *r, char *text, size_t len)
{
	int rc;

	buf_clear(&r->joined);
	for (;;) {
		if (buf_put(&r->joined, text, len - 1) < 0)
			break;
		rc = lines_next(r->in, &text, &len, r->err);
		if (rc < 0)
			return rc;
		if (rc == 0)
			return lines_bad(r->in, r->err, "the file ends in a continued line");
		if (!continues(text, len))
			return buf_put(&r->joined, text, len) < 0 ? buf_failed(&r->joined) : 0;
	}
	return buf_failed(&r->joined);
}

static int next_logical(struct reader *r, char **text)
{
	size_t len;
	int rc = lines_next(r->in, text, &len, r->err);

	if (rc <= 0)
		return rc;
	r->line = lines_number(r->in);
	if (!continues(*text, len))
		return 1;
	rc = join_lines(r, *text, len);
	if (rc == ERR_NOMEM)
		return err_nomem(r->err, "a continued line");
	if (rc == ERR_LIMIT)
		return lines_bad(r->in, r->err, "a continued line passes %zu bytes", r->joined.max);
	*text = r->joined.data;
	return rc < 0 ? rc : 1;
}

static int read_all(struct reader *r)
{
	char *text;
	int rc;

	while ((rc = next_logical(r, &text)) > 0) {
		rc = read_line(r, text);
		if (rc < 0)
			return rc;
	}
	return rc < 0 ? rc : end_stanza(r);
}

int obo_read(struct lines *in, const struct obo_handler *handler, void *ctx, struct err *err)
{
	struct reader r = {
		.in = in,
		.handler = handler,
		.ctx = ctx,
		.err = err,
		.header = {"", "", "", ""},
	};
	int rc;

	buf_init(&r.joined, LINES_MAX_BYTES);
	rc = read_all(&r);
	buf_release(&r.joined);
	arena_release(&r.arena);
	free(r.alt_ids);
	free(r.edges);
	return rc;
}
