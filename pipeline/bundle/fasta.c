/* FASTA reader: see fasta.h. Holds one record at a time. */
#include "pipeline/bundle/fasta.h"

#include <stdio.h>
#include <string.h>

#include "prof/base/buf.h"

struct reader {
	struct lines *in;
	fasta_fn *fn;
	void *ctx;
	struct err *err;
	struct buf header; /* the header line, cut up in place */
	struct buf residues;
	int open; /* a header was read and its record not yet handed over */
	uint64_t line;
};

static int is_residue(char c)
{
	return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '*' || c == '-';
}

static int is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/* ---- headers --------------------------------------------------------------------------------- */

/* The accession inside the header's first word, cut in place. */
static char *find_accession(char *word)
{
	/* Databases whose accession is the n-th bar-separated field (NCBI's identifier syntax;
	 * "gi|NUMBER|DB|ACCESSION|…" names a database's accession after the number). */
	static const struct {
		const char *db;
		size_t field;
	} known[] = {{"sp", 1}, {"tr", 1}, {"lcl", 1}, {"ref", 1}, {"gnl", 2}, {"gi", 3}};
	char *fields[5];
	size_t n = lines_split(word, '|', fields, 5);
	size_t i;

	for (i = 0; n > 1 && i < sizeof known / sizeof known[0]; i++) {
		if (strcmp(fields[0], known[i].db) == 0)
			return known[i].field < n ? fields[known[i].field] : fields[n - 1];
	}
	return fields[0];
}

/* Start of a " XX=" tag of UniProt at or after `text`, or of its end. */
static char *next_tag(char *text)
{
	for (; *text; text++) {
		if (*text == ' ' && text[1] >= 'A' && text[1] <= 'Z' && text[2] >= 'A' &&
		    text[2] <= 'Z' && text[3] == '=')
			break;
	}
	return text;
}

static char *find_tag(char *text, const char *tag)
{
	size_t len = strlen(tag);
	char *p = text;

	while ((p = strstr(p, tag))) {
		if (p > text && p[-1] == ' ')
			return p + len;
		p += len;
	}
	return NULL;
}

/* The digits after `tag`, "" if there is no such tag or anything else follows. */
static char *find_number(char *text, const char *tag)
{
	char *start = find_tag(text, tag);
	char *end;

	if (!start)
		return NULL;
	end = start + strspn(start, "0123456789");
	if (end == start || end - start > 18 || (*end && !is_blank(*end)))
		return NULL;
	return start;
}

static void cut_tags(char *text, struct fasta_record *rec)
{
	char *organism = find_tag(text, "OS=");
	char *taxon = find_number(text, "OX=");
	char *end;

	if (!taxon)
		taxon = find_number(text, "TaxID=");
	if (organism) {
		end = next_tag(organism);
		while (end > organism && is_blank(end[-1]))
			end--;
		*end = '\0';
		rec->organism = organism;
	}
	if (taxon) {
		taxon[strspn(taxon, "0123456789")] = '\0';
		rec->taxon = taxon;
	}
}

static int bad_header(struct reader *r, const char *what)
{
	return err_set(r->err, ERR_FORMAT, "%s:%llu: %s", lines_name(r->in),
		       (unsigned long long)r->line, what);
}

static int check_accession(struct reader *r, const char *accession)
{
	size_t len = strlen(accession);
	size_t i;

	if (len == 0)
		return bad_header(r, "header without an accession");
	if (len > FASTA_MAX_ACCESSION)
		return bad_header(r, "accession of more than 255 characters");
	for (i = 0; i < len; i++) {
		if (accession[i] < '!' || accession[i] > '~')
			return bad_header(r,
					  "accession with a character that is no printable ASCII");
	}
	return 0;
}

static int cut_header(struct reader *r, struct fasta_record *rec)
{
	char *text = r->header.data;
	char *word = text + strspn(text, " \t");
	char *rest = word + strcspn(word, " \t");

	*rec = (struct fasta_record){.organism = "", .taxon = "", .line = r->line};
	if (*rest)
		cut_tags(rest, rec);
	*rest = '\0'; /* cut_tags looks for tags after a blank: this one is still needed there */
	rec->accession = find_accession(word);
	return check_accession(r, rec->accession);
}

/* ---- records --------------------------------------------------------------------------------- */

static int end_record(struct reader *r)
{
	struct fasta_record rec;
	int rc;

	if (!r->open)
		return 0;
	rc = cut_header(r, &rec);
	if (rc < 0)
		return rc;
	if (r->residues.len == 0)
		return err_set(r->err, ERR_FORMAT, "%s:%llu: '%s' has an empty sequence",
			       lines_name(r->in), (unsigned long long)r->line, rec.accession);
	rec.residues = r->residues.data;
	rec.n_residues = r->residues.len;
	return r->fn(r->ctx, &rec, r->err);
}

static int start_record(struct reader *r, const char *text, size_t len)
{
	int rc = end_record(r);

	if (rc < 0)
		return rc;
	buf_clear(&r->header);
	buf_clear(&r->residues);
	r->line = lines_number(r->in);
	r->open = 1;
	if (buf_put(&r->header, text, len) < 0)
		return err_nomem(r->err, "a FASTA header");
	return 0;
}

static int bad_residue(struct reader *r, char c, size_t column)
{
	char shown[16] = "";

	if (c >= ' ' && c <= '~')
		snprintf(shown, sizeof shown, " ('%c')", c);
	return lines_bad(
		r->in, r->err,
		"byte 0x%02x%s in column %zu is no residue: sequences hold letters, '*' and "
		"'-' only",
		(unsigned)(unsigned char)c, shown, column);
}

static int add_residues(struct reader *r, const char *text, size_t len)
{
	size_t i;

	for (i = 0; i < len; i++) {
		if (!is_residue(text[i]))
			return bad_residue(r, text[i], i + 1);
	}
	if (buf_put(&r->residues, text, len) == 0)
		return 0;
	if (buf_failed(&r->residues) == ERR_NOMEM)
		return err_nomem(r->err, "a sequence");
	return lines_bad(r->in, r->err, "a sequence of more than %zu residues", FASTA_MAX_RESIDUES);
}

static int read_line(struct reader *r, char *text, size_t len)
{
	if (*text == '>')
		return start_record(r, text + 1, len - 1);
	if (*text == ';')
		return 0; /* comment lines of Pearson's original format */
	while (len > 0 && is_blank(text[len - 1]))
		len--;
	if (len == 0)
		return 0;
	if (!r->open)
		return lines_bad(r->in, r->err, "a FASTA record starts with '>', not '%.40s'",
				 text);
	return add_residues(r, text, len);
}

static int read_all(struct reader *r)
{
	size_t len;
	char *text;
	int rc;

	while ((rc = lines_next(r->in, &text, &len, r->err)) > 0) {
		rc = read_line(r, text, len);
		if (rc < 0)
			return rc;
	}
	return rc < 0 ? rc : end_record(r);
}

int fasta_read(struct lines *in, fasta_fn *fn, void *ctx, struct err *err)
{
	struct reader r = {.in = in, .fn = fn, .ctx = ctx, .err = err};
	int rc;

	buf_init(&r.header, BUF_NO_LIMIT);
	buf_init(&r.residues, FASTA_MAX_RESIDUES);
	rc = read_all(&r);
	buf_release(&r.header);
	buf_release(&r.residues);
	return rc;
}
