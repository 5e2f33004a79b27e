/* GAF reader: see gaf.h. */
#include "pipeline/bundle/gaf.h"

#include <stdlib.h>
#include <string.h>

/* Columns of GAF 2.x, from 0. The last two are often left out by writers, as is their tab. */
enum column {
	COL_DB = 0,
	COL_OBJECT_ID = 1,
	COL_QUALIFIER = 3,
	COL_GO_ID = 4,
	COL_EVIDENCE = 6,
	COL_ASPECT = 8,
	COL_TYPE = 11,
	COL_TAXON = 12,
	COL_MIN = 15,
	COL_MAX = 17,
};

struct reader {
	struct lines *in;
	const struct gaf_handler *handler;
	void *ctx;
	struct err *err;
	struct gaf_header header;
	int header_given;
};

/* ---- header ---------------------------------------------------------------------------------- */

/* The value of "!tag: value" if the line has this tag, NULL otherwise. */
static const char *tag_value(const char *line, const char *tag)
{
	size_t len = strlen(tag);

	line++;
	line += strspn(line, " \t");
	if (strncmp(line, tag, len) != 0)
		return NULL;
	line += len;
	line += strspn(line, " \t");
	if (*line != ':')
		return NULL;
	return line + 1 + strspn(line + 1, " \t");
}

/* A whole number that makes up the rest of the text, -1 if it is something else. */
static int64_t whole_number(const char *text)
{
	size_t digits = strspn(text, "0123456789");

	if (digits == 0 || digits > 18 || text[digits + strspn(text + digits, " \t")])
		return -1;
	return strtoll(text, NULL, 10);
}

static int64_t digits_at(const char *text, size_t from, size_t n)
{
	int64_t v = 0;
	size_t i;

	for (i = from; i < from + n; i++) {
		if (text[i] < '0' || text[i] > '9')
			return -1;
		v = v * 10 + (text[i] - '0');
	}
	return v;
}

/* YYYYMMDD of "2023-07-12…" or "20230712", -1 for anything else. */
static int64_t date_number(const char *text)
{
	int64_t y, m, d;
	size_t step;

	if (strspn(text, "0123456789-") < 8)
		return -1;
	step = text[4] == '-' ? 1 : 0;
	if (step && (strlen(text) < 10 || text[7] != '-'))
		return -1;
	y = digits_at(text, 0, 4);
	m = digits_at(text, 4 + step, 2);
	d = digits_at(text, 6 + 2 * step, 2);
	if (y < 1970 || m < 1 || m > 12 || d < 1 || d > 31)
		return -1;
	return y * 10000 + m * 100 + d;
}

static int version_line(struct reader *r, const char *value)
{
	char *end;
	long major = strtol(value, &end, 10);
	long minor = *end == '.' ? strtol(end + 1, NULL, 10) : 0;

	if (end == value || major < 0 || major > 1000 || minor < 0 || minor > 1000)
		return lines_bad(r->in, r->err, "malformed gaf-version '%.40s'", value);
	if (major != 2)
		return err_set(r->err, ERR_UNSUPPORTED,
			       "%s:%llu: GAF version %ld.%ld; this program reads 2.0, 2.1 and 2.2",
			       lines_name(r->in), (unsigned long long)lines_number(r->in), major,
			       minor);
	r->header.major = (int)major;
	r->header.minor = (int)minor;
	return 0;
}

static int header_line(struct reader *r, const char *line)
{
	static const char *const releases[] = {"release", "version", "goa-version", "goa-release"};
	static const char *const dates[] = {"date-generated", "date", "Date", "Generated",
					    "generated-on"};
	const char *value = tag_value(line, "gaf-version");
	size_t i;

	if (value)
		return version_line(r, value);
	for (i = 0; i < sizeof releases / sizeof releases[0] && r->header.release < 0; i++) {
		value = tag_value(line, releases[i]);
		if (value)
			r->header.release = whole_number(value);
	}
	for (i = 0; i < sizeof dates / sizeof dates[0] && r->header.date < 0; i++) {
		value = tag_value(line, dates[i]);
		if (value)
			r->header.date = date_number(value);
	}
	return 0;
}

/* ---- records --------------------------------------------------------------------------------- */

/* "DB:ID" loses its prefix: some writers repeat the database in column 2. */
static const char *strip_db(const char *db, const char *object_id)
{
	size_t len = strlen(db);

	if (strncmp(object_id, db, len) == 0 && object_id[len] == ':')
		return object_id + len + 1;
	return object_id;
}

/* Digits of "taxon:9606|taxon:1280": the first is the organism of the product itself. */
static const char *cut_taxon(char *text)
{
	size_t digits;

	if (strncmp(text, "taxon:", 6) != 0)
		return "";
	text += 6;
	digits = strspn(text, "0123456789");
	if (digits > 18 || (text[digits] && text[digits] != '|'))
		return "";
	text[digits] = '\0';
	return text;
}

static int check_filled(struct reader *r, char **col)
{
	static const struct {
		size_t column;
		const char *what;
	} needed[] = {
		{COL_DB, "DB"},         {COL_OBJECT_ID, "DB Object ID"},
		{COL_GO_ID, "GO ID"},   {COL_EVIDENCE, "Evidence Code"},
		{COL_ASPECT, "Aspect"},
	};
	size_t i;

	for (i = 0; i < sizeof needed / sizeof needed[0]; i++) {
		if (!*col[needed[i].column])
			return lines_bad(r->in, r->err, "column %zu (%s) is empty",
					 needed[i].column + 1, needed[i].what);
	}
	return 0;
}

static int record_line(struct reader *r, char *text)
{
	char *col[COL_MAX + 1];
	size_t n = lines_split(text, '\t', col, COL_MAX + 1);
	struct gaf_record rec;
	int rc;

	if (n < COL_MIN || n > COL_MAX)
		return lines_bad(
			r->in, r->err,
			"%s%zu tab-separated columns; a GAF line has 17 (15 and 16 are accepted)",
			n > COL_MAX ? "more than " : "", n > COL_MAX ? (size_t)COL_MAX : n);
	rc = check_filled(r, col);
	if (rc < 0)
		return rc;
	if (!strchr("PFC", col[COL_ASPECT][0]) || col[COL_ASPECT][1])
		return lines_bad(r->in, r->err, "aspect is 'P', 'F' or 'C', not '%.40s'",
				 col[COL_ASPECT]);
	rec = (struct gaf_record){
		.db = col[COL_DB],
		.object_id = strip_db(col[COL_DB], col[COL_OBJECT_ID]),
		.qualifier = col[COL_QUALIFIER],
		.go_id = col[COL_GO_ID],
		.evidence = col[COL_EVIDENCE],
		.aspect = col[COL_ASPECT][0],
		.object_type = col[COL_TYPE],
		.taxon = cut_taxon(col[COL_TAXON]),
		.line = lines_number(r->in),
	};
	if (!*rec.object_id)
		return lines_bad(r->in, r->err, "column 2 (DB Object ID) holds no id");
	return r->handler->record(r->ctx, &rec, r->err);
}

static int give_header(struct reader *r)
{
	if (r->header_given)
		return 0;
	r->header_given = 1;
	return r->handler->header(r->ctx, &r->header, r->err);
}

static int read_line(struct reader *r, char *text)
{
	int rc;

	if (*text == '!')
		return r->header_given ? 0 : header_line(r, text);
	if (!text[strspn(text, " ")])
		return 0;
	rc = give_header(r);
	return rc < 0 ? rc : record_line(r, text);
}

int gaf_read(struct lines *in, const struct gaf_handler *handler, void *ctx, struct err *err)
{
	struct reader r = {
		.in = in,
		.handler = handler,
		.ctx = ctx,
		.err = err,
		.header = {.release = -1, .date = -1},
	};
	size_t len;
	char *text;
	int rc;

	while ((rc = lines_next(in, &text, &len, err)) > 0) {
		rc = read_line(&r, text);
		if (rc < 0)
			return rc;
	}
	return rc < 0 ? rc : give_header(&r);
}
