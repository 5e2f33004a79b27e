/* Records of protein_go_annotation: see bundle_cells.h. A record is a header with the type of each column and
 * the values one after the other; only the types that plain rows have are taken. */
#include "pipeline/source/bundle_cells.h"

#include <string.h>
#include <strings.h>

#include "pipeline/bundle/rows.h"
#include "pipeline/source/bundle_pages.h"

#define TABLE     "protein_go_annotation"
#define COLUMNS   16  /* of the table, at most */
#define TEXT_SIZE 128 /* longer texts are read by a statement */

enum field { F_ID, F_SET, F_ACCESSION, F_TERM, F_QUALIFIER, F_EVIDENCE, FIELDS };

struct layout {
	int at[FIELDS]; /* column of each field */
	int n;          /* columns up to the last of them */
};

struct text { /* of a row, and often of the next one too */
	size_t n;
	char chars[TEXT_SIZE];
};

struct reading {
	struct layout layout;
	const char *set_id;
	size_t set_len;
	source_annotation_fn *fn;
	void *ctx;
	int stopped;  /* what `fn` said, when it was not 0 */
	int64_t next; /* rows before this id are done */
	struct text accession, qualifier, evidence;
};

/* ---- the table ------------------------------------------------------------------------------------ */

static const char *const names[FIELDS] = {"id",         "annotation_set_id", "protein_accession",
					  "go_term_id", "qualifier",         "evidence_code"};

static void take_column(struct layout *l, int column, const char *name, const char *type, int key)
{
	int f;

	for (f = 0; f < FIELDS; f++) {
		if (strcasecmp(name, names[f]) != 0)
			continue;
		/* other declared types may read otherwise than they are stored */
		if ((f == F_ID || f == F_TERM) && strcasecmp(type, "INTEGER") != 0)
			continue;
		if (f != F_ID && f != F_TERM && strcasecmp(type, "TEXT") != 0)
			continue;
		if ((f == F_ID) != (key == 1))
			continue;
		l->at[f] = column;
		if (column >= l->n)
			l->n = column + 1;
	}
}

/* Where the columns are. 1; 0: somewhere else than in plain places; negative: failure. */
static int find_columns(struct layout *l, sqlite3 *db, struct err *err)
{
	struct bundle_rows r;
	int plain = 1, f;

	*l = (struct layout){.at = {-1, -1, -1, -1, -1, -1}};
	bundle_rows_begin(&r, db, TABLE,
			  "SELECT cid, name, type, pk, hidden, (SELECT sql FROM sqlite_schema"
			  " WHERE type = 'table' AND name = '" TABLE "') LIKE '%COLLATE%'"
			  " FROM pragma_table_xinfo('" TABLE "')",
			  err);
	while (bundle_rows_next(&r) > 0) {
		int column = (int)bundle_rows_int(&r, 0);

		plain &= column < COLUMNS && bundle_rows_int(&r, 4) == 0 &&
			 bundle_rows_int(&r, 5) == 0;
		take_column(l, column, bundle_rows_text(&r, 1, NULL), bundle_rows_text(&r, 2, NULL),
			    (int)bundle_rows_int(&r, 3));
	}
	if (bundle_rows_end(&r) < 0)
		return r.failed;
	for (f = 0; f < FIELDS; f++)
		plain &= l->at[f] >= 0;
	return plain;
}

/* ---- a record ------------------------------------------------------------------------------------- */

/* Bytes that a value of the type takes. */
static uint64_t bytes_of(uint64_t type)
{
	static const unsigned char fixed[12] = {0, 1, 2, 3, 4, 6, 8, 8, 0, 0, 0, 0};

	return type < 12 ? fixed[type] : (type - 12) / 2;
}

/* Types of the columns that count, and where their values are. 0: the record is not plain. */
static int split(const struct layout *l, const unsigned char *record, size_t len,
		 uint64_t type[COLUMNS], const unsigned char *value[COLUMNS])
{
	const unsigned char *at = record, *end = record + len, *body;
	uint64_t head;
	int i;

	if (!bundle_pages_varint(&at, end, &head) || head > len)
		return 0;
	body = record + head;
	for (i = 0; i < l->n; i++) {
		if (!bundle_pages_varint(&at, record + head, &type[i]) ||
		    bytes_of(type[i]) > (size_t)(end - body))
			return 0;
		value[i] = body;
		body += bytes_of(type[i]);
	}
	return 1;
}

static int is_text(uint64_t type)
{
	return type >= 13 && type & 1;
}

/* 0: not the integer that has to be here. */
static int get_int(uint64_t type, const unsigned char *p, int64_t *out)
{
	uint64_t v, n = bytes_of(type), i;

	if (type == 8 || type == 9) {
		*out = (int64_t)type - 8;
		return 1;
	}
	if (type < 1 || type > 6)
		return 0;
	v = p[0] & 0x80 ? UINT64_MAX : 0;
	for (i = 0; i < n; i++)
		v = v << 8 | p[i];
	*out = (int64_t)v;
	return 1;
}

/* Takes a text; 0: too long, or not plain ASCII, which a statement looks at. */
static int get_text(uint64_t type, const unsigned char *p, struct text *out)
{
	size_t n = (size_t)bytes_of(type), i;
	unsigned char odd = 0;

	if (!is_text(type) || n >= TEXT_SIZE)
		return 0;
	if (n == out->n && memcmp(out->chars, p, n) == 0)
		return 1;
	for (i = 0; i < n; i++)
		odd |= (unsigned char)((p[i] >= 0x80) | (p[i] == 0));
	if (odd)
		return 0;
	memcpy(out->chars, p, n);
	out->chars[n] = '\0';
	out->n = n;
	return 1;
}

/* The same of a column that may be empty: *text is NULL then. */
static int get_text_or_null(uint64_t type, const unsigned char *p, struct text *out,
			    const char **text)
{
	*text = type ? out->chars : NULL;
	return type == 0 || get_text(type, p, out);
}

static int is_ours(const struct reading *r, uint64_t type, const unsigned char *p)
{
	return is_text(type) && bytes_of(type) == r->set_len &&
	       memcmp(p, r->set_id, r->set_len) == 0;
}

static int take_row(void *ctx, int64_t id, const unsigned char *record, size_t len, struct err *err)
{
	struct reading *r = ctx;
	const int *at = r->layout.at;
	const unsigned char *value[COLUMNS];
	uint64_t type[COLUMNS];
	struct source_annotation row = {.id = id, .accession = r->accession.chars};

	/* the id itself is the row's key: its column is empty */
	if (!split(&r->layout, record, len, type, value) || type[at[F_ID]] != 0)
		return 1;
	if (is_ours(r, type[at[F_SET]], value[at[F_SET]])) {
		if (!get_text(type[at[F_ACCESSION]], value[at[F_ACCESSION]], &r->accession) ||
		    !get_int(type[at[F_TERM]], value[at[F_TERM]], &row.term_id) ||
		    !get_text_or_null(type[at[F_QUALIFIER]], value[at[F_QUALIFIER]], &r->qualifier,
				      &row.qualifier) ||
		    !get_text_or_null(type[at[F_EVIDENCE]], value[at[F_EVIDENCE]], &r->evidence,
				      &row.evidence_code))
			return 1;
		r->stopped = r->fn(r->ctx, &row, err);
		if (r->stopped)
			return 1;
	}
	r->next = id + (id < INT64_MAX);
	return 0;
}

int bundle_annotation_cells(struct source *s, const char *set_id, int64_t *first, int64_t last,
			    int *whole, source_annotation_fn *fn, void *ctx, struct err *err)
{
	struct reading r = {
		.set_id = set_id, .set_len = strlen(set_id), .fn = fn, .ctx = ctx, .next = *first};
	struct bundle_pages pages;
	int rc = bundle_pages_begin(&pages, bundle_of(s)->db, TABLE, err);

	*whole = 0;
	if (rc > 0)
		rc = find_columns(&r.layout, bundle_of(s)->db, err);
	if (rc > 0) {
		rc = bundle_pages_walk(&pages, *first, last, take_row, &r, err);
		*whole = rc == 0;
	}
	bundle_pages_end(&pages);
	*first = r.next;
	if (r.stopped)
		return r.stopped;
	return rc < 0 ? rc : 0;
}
