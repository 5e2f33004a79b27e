/* Loads GO annotations (GAF files, one a protein) into PostgreSQL, one transaction a folder; the story of docs/story-ingest.md. With --each
 * it looks ids up one by one while it holds the row of the release locked, with --set it parses first and lets the server join.
 * Both leave the same rows. For a folder of F files with R annotations, of P proteins and T terms, the statements are
 *
 *                          --each     --set   by
 *   BEGIN, COMMIT               2         2   load_each(), load_set()
 *   UPDATE release              1         1   claim()
 *   SELECT … protein            F         0   protein_id()     P = F different ones: an id look-up for each file
 *   SELECT … go_term            R         0   term_id()        T different ones: the same look-ups over and over
 *   COPY                        1         1   write_rows()
 *   CREATE TABLE                0         1   load_set()
 *   INSERT … SELECT             0         1   load_set()
 *   sum                     F+R+4         6
 *
 * (release 185 of samples/data: F = 500, R = 5,507). With --parse N each file is parsed N times, as if it were so much larger; --each does
 * that in its transaction, so that whoever loads the same release waits for parse_file().
 * usage: go_load --each|--set [--parse N] URL FOLDER…     (the folder's name is the release)
 * build: -O1 -fno-inline -I$(pg_config --includedir) -lpq */
#include <dirent.h>
#include <libpq-fe.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "protea-prof.h"

#define PATH_SIZE 1024
#define FIELDS    7 /* of a line of GAF, up to the evidence code */

struct row {
	char accession[16], term[16], evidence[8], negated[2];
};

struct rows {
	struct row *items;
	size_t n, cap;
};

static int rounds = 1;

static void fail(const char *what, PGconn *pg)
{
	fprintf(stderr, "go_load: %s: %s", what, pg ? PQerrorMessage(pg) : "\n");
	exit(1);
}

/* ---- statements ---------------------------------------------------------------------------------- */

static PGresult *ask(PGconn *pg, const char *sql, const char *a, const char *b)
{
	const char *params[] = {a, b};
	PGresult *res = PQexecParams(pg, sql, !!a + !!b, NULL, params, NULL, NULL, 0);

	if (PQresultStatus(res) != PGRES_COMMAND_OK && PQresultStatus(res) != PGRES_TUPLES_OK)
		fail(sql, pg);
	return res;
}

static void run(PGconn *pg, const char *sql)
{
	PQclear(ask(pg, sql, NULL, NULL));
}

static int first_id(PGresult *res)
{
	int id = PQntuples(res) ? (int)strtol(PQgetvalue(res, 0, 0), NULL, 10) : 0;

	PQclear(res);
	return id;
}

static int protein_id(PGconn *pg, const char *accession)
{
	return first_id(ask(pg, "SELECT id FROM protein WHERE accession = $1", accession, NULL));
}

static int term_id(PGconn *pg, const char *term)
{
	return first_id(ask(pg, "SELECT id FROM go_term WHERE go_id = $1", term, NULL));
}

/* Nobody else loads this release until the transaction ends. */
static void claim(PGconn *pg, const char *release)
{
	PQclear(ask(pg, "UPDATE release SET loaded_at = now() WHERE number = $1::int", release,
		    NULL));
}

/* ---- files ---------------------------------------------------------------------------------------- */

static int take_line(char *line, struct row *r)
{
	char *field[FIELDS], *at = line;
	int i;

	if (*line == '!')
		return 0;
	for (i = 0; i < FIELDS; i++) {
		field[i] = strsep(&at, "\t");
		if (!at)
			return 0;
	}
	snprintf(r->accession, sizeof r->accession, "%s", field[1]);
	snprintf(r->term, sizeof r->term, "%s", field[4]);
	snprintf(r->evidence, sizeof r->evidence, "%s", field[6]);
	snprintf(r->negated, sizeof r->negated, "%s", strstr(field[3], "NOT") ? "t" : "f");
	return 1;
}

static void parse_file(const char *path, struct rows *rows)
{
	FILE *in = fopen(path, "r");
	char line[1024];

	if (!in)
		fail(path, NULL);
	while (fgets(line, sizeof line, in)) {
		if (rows->n == rows->cap) {
			rows->cap = rows->cap ? rows->cap * 2 : 64;
			rows->items = realloc(rows->items, rows->cap * sizeof *rows->items);
			if (!rows->items)
				fail("no memory", NULL);
		}
		rows->n += (size_t)take_line(line, &rows->items[rows->n]);
	}
	fclose(in);
}

/* Adds the file's rows; the last parse counts. */
static void parse(const char *folder, const char *name, struct rows *rows)
{
	size_t before = rows->n;
	char path[PATH_SIZE];

	snprintf(path, sizeof path, "%s/%s", folder, name);
	for (int i = 0; i < rounds; i++) {
		rows->n = before;
		parse_file(path, rows);
	}
}

static int is_gaf(const struct dirent *e)
{
	const char *dot = strrchr(e->d_name, '.');

	return dot && strcmp(dot, ".gaf") == 0;
}

/* ---- writing -------------------------------------------------------------------------------------- */

static void write_rows(PGconn *pg, const char *copy, const char *text, size_t len)
{
	PGresult *res = PQexec(pg, copy);

	if (PQresultStatus(res) != PGRES_COPY_IN || PQputCopyData(pg, text, (int)len) != 1 ||
	    PQputCopyEnd(pg, NULL) != 1)
		fail(copy, pg);
	PQclear(res);
	while ((res = PQgetResult(pg))) {
		if (PQresultStatus(res) != PGRES_COMMAND_OK)
			fail(copy, pg);
		PQclear(res);
	}
}

/* ---- one by one ------------------------------------------------------------------------------------ */

static void look_up_file(PGconn *pg, const char *release, const struct row *items, size_t n,
			 FILE *out)
{
	int protein = n ? protein_id(pg, items[0].accession) : 0;

	for (size_t i = 0; i < n; i++) {
		int term = term_id(pg, items[i].term);

		if (protein && term)
			fprintf(out, "%s\t%d\t%d\t%s\t%s\n", release, protein, term,
				items[i].evidence, items[i].negated);
	}
}

static void load_each(PGconn *pg, const char *folder, const char *release, struct dirent **files,
		      int n)
{
	struct rows rows = {0};
	char *text;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	run(pg, "BEGIN");
	claim(pg, release);
	for (int i = 0; i < n; i++) {
		rows.n = 0;
		parse(folder, files[i]->d_name, &rows);
		look_up_file(pg, release, rows.items, rows.n, out);
	}
	fclose(out);
	write_rows(pg,
		   "COPY annotation (release, protein_id, term_id, evidence, negated) FROM STDIN",
		   text, len);
	run(pg, "COMMIT");
	free(text);
	free(rows.items);
}

/* ---- all at once ------------------------------------------------------------------------------------ */

static void load_set(PGconn *pg, const char *folder, const char *release, struct dirent **files,
		     int n)
{
	struct rows rows = {0};
	char *text;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	for (int i = 0; i < n; i++)
		parse(folder, files[i]->d_name, &rows);
	for (size_t i = 0; i < rows.n; i++)
		fprintf(out, "%s\t%s\t%s\t%s\n", rows.items[i].accession, rows.items[i].term,
			rows.items[i].evidence, rows.items[i].negated);
	fclose(out);
	run(pg, "BEGIN");
	claim(pg, release);
	run(pg, "CREATE TEMP TABLE read (accession text, go_id text, evidence text, negated "
		"boolean) ON COMMIT DROP");
	write_rows(pg, "COPY read FROM STDIN", text, len);
	PQclear(ask(pg,
		    "INSERT INTO annotation (release, protein_id, term_id, evidence, negated) "
		    "SELECT $1::int, p.id, t.id,"
		    " r.evidence, r.negated FROM read r JOIN protein p ON p.accession = r.accession"
		    " JOIN go_term t ON t.go_id = r.go_id",
		    release, NULL));
	run(pg, "COMMIT");
	free(text);
	free(rows.items);
}

static void load(PGconn *pg, const char *folder, int set)
{
	const char *slash = strrchr(folder, '/'), *release = slash ? slash + 1 : folder;
	struct dirent **files;
	int n = scandir(folder, &files, is_gaf, alphasort);
	pp_stage stage = pp_stage_begin("load");

	if (n < 0)
		fail(folder, NULL);
	if (set)
		load_set(pg, folder, release, files, n);
	else
		load_each(pg, folder, release, files, n);
	pp_stage_items(&stage, (uint64_t)n);
	pp_stage_end(&stage);
	printf("release %s: %d files\n", release, n);
	for (int i = 0; i < n; i++)
		free(files[i]);
	free(files);
}

int main(int argc, char **argv)
{
	int at = 1, set = argc > 1 && strcmp(argv[1], "--set") == 0;
	PGconn *pg;

	if (argc < 4 || (!set && strcmp(argv[1], "--each") != 0)) {
		fprintf(stderr, "usage: go_load --each|--set [--parse N] URL FOLDER…\n");
		return 2;
	}
	at++;
	if (strcmp(argv[at], "--parse") == 0) {
		rounds = (int)strtol(argv[at + 1], NULL, 10);
		at += 2;
	}
	pg = PQconnectdb(argv[at++]);
	if (PQstatus(pg) != CONNECTION_OK)
		fail("cannot connect", pg);
	while (at < argc)
		load(pg, argv[at++], set);
	PQfinish(pg);
	return 0;
}
