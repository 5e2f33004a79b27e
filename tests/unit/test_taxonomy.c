/* Taxonomy: the vectors of spec 4.7.2, the three sources, and what malformed files give. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <limits.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "pipeline/core/fsio.h"
#include "pipeline/taxonomy/taxonomy.h"
#include "prof/base/clock.h"

#define NODES  "nodes.dmp"
#define MERGED "merged.dmp"
#define EMBOSS "/usr/share/EMBOSS/data/TAXONOMY"

static char dir[PATH_MAX];

static int make_dir(void **state)
{
	const char *base = getenv("TMPDIR");

	(void)state;
	snprintf(dir, sizeof dir, "%s/taxonomy.XXXXXX", base ? base : "/tmp");
	return mkdtemp(dir) ? 0 : -1;
}

static int remove_dir(void **state)
{
	(void)state;
	return fsio_remove_tree(dir, NULL);
}

static const char *in_dir(const char *name)
{
	static char path[PATH_MAX + 64];

	snprintf(path, sizeof path, "%s/%s", dir, name);
	return path;
}

static void put(const char *name, const char *text)
{
	assert_int_equal(fsio_write_file(in_dir(name), text, strlen(text), NULL), 0);
}

/* Opens the folder after writing its files; a NULL text removes the file. */
static int open_texts(struct taxonomy **t, const char *nodes, const char *merged, struct err *err)
{
	put(NODES, nodes);
	if (merged)
		put(MERGED, merged);
	else
		fsio_remove(in_dir(MERGED));
	return taxonomy_open(t, dir, err);
}

static void expect_failure(const char *nodes, const char *merged, int code, const char *words)
{
	struct err err = ERR_INIT;
	struct taxonomy *t;

	assert_int_equal(open_texts(&t, nodes, merged, &err), code);
	assert_null(t);
	assert_int_equal(err.code, code);
	if (!strstr(err.text, words))
		fail_msg("'%s' is not in '%s'", words, err.text);
}

static struct tax_pair pair(int64_t a, const int64_t *l1, size_t n1, int64_t b, const int64_t *l2,
			    size_t n2)
{
	struct tax_pair p;

	taxonomy_compare_lineages(a, l1, n1, b, l2, n2, &p);
	return p;
}

static void expect_pair(struct tax_pair p, int32_t distance, int32_t common, const char *relation)
{
	assert_int_equal(p.distance, distance);
	assert_int_equal(p.common_ancestors, common);
	assert_string_equal(tax_relation_name(p.relation), relation);
}

#define L(...) (const int64_t[]){__VA_ARGS__}, sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t)

static void vectors_of_the_specification(void **state)
{
	(void)state;
	expect_pair(pair(5, L(1, 2, 3, 4, 5), 6, L(1, 2, 3, 4, 6)), 4, 4, "intermediate");
	expect_pair(pair(4, L(1, 2, 3, 4), 5, L(1, 2, 3, 4, 5)), 3, 4, "ancestor");
	expect_pair(pair(5, L(1, 2, 3, 4, 5), 4, L(1, 2, 3, 4)), 3, 4, "descendant");
	expect_pair(pair(5, L(1, 2, 5), 9, L(1, 9)), 5, 1, "root-only");
	expect_pair(pair(5, L(1, 2, 5), 9, L(1, 2, 9)), 4, 2, "distant");
	expect_pair(pair(777, L(1, 2, 3, 6), 6, L(1, 2, 3, 6)), 2, 4, "descendant");
}

static void equal_taxa_need_no_lineage(void **state)
{
	(void)state;
	expect_pair(pair(5, NULL, 0, 5, NULL, 0), 0, 1, "same");
	expect_pair(pair(-5, NULL, 0, -5, NULL, 0), 0, 1, "same");
}

static void none_or_unknown_is_unrelated(void **state)
{
	(void)state;
	expect_pair(pair(0, NULL, 0, 0, NULL, 0), -1, 0, "unrelated");
	expect_pair(pair(0, NULL, 0, 5, L(1, 5)), -1, 0, "unrelated");
	expect_pair(pair(5, L(1, 5), 7, NULL, 0), -1, 0, "unrelated");
}

static void lineages_without_a_common_member_are_distant(void **state)
{
	(void)state;
	expect_pair(pair(5, L(3, 5), 9, L(1, 9)), -1, 0, "distant");
}

static void one_common_ancestor_that_is_not_the_root_is_distant(void **state)
{
	(void)state;
	expect_pair(pair(5, L(3, 5), 9, L(3, 9)), 4, 1, "distant");
}

static void common_members_at_different_places_count(void **state)
{
	(void)state;
	/* C = {1, 3}; 3 has index 1 in the first and 2 in the second lineage. */
	expect_pair(pair(5, L(1, 3, 5), 9, L(1, 2, 3, 9)), 4, 2, "distant");
}

static void sixteen_common_ancestors_are_close_and_fifteen_are_not(void **state)
{
	int64_t l1[18], l2[18];
	size_t i;

	(void)state;
	for (i = 0; i < 18; i++)
		l1[i] = l2[i] = (int64_t)i + 1;
	l1[16] = 100;
	l2[16] = 200;
	expect_pair(pair(100, l1, 17, 200, l2, 17), 4, 16, "close");
	l1[15] = 100;
	l2[15] = 200;
	expect_pair(pair(100, l1, 16, 200, l2, 16), 4, 15, "intermediate");
}

static void close_relations_of_the_consensus(void **state)
{
	static const int is_close[TAX_RELATIONS] = {
		[TAX_SAME] = 1,  [TAX_ANCESTOR] = 1, [TAX_DESCENDANT] = 1,
		[TAX_CHILD] = 1, [TAX_PARENT] = 1,   [TAX_CLOSE] = 1,
	};
	int r;

	(void)state;
	for (r = 0; r < TAX_RELATIONS; r++)
		assert_int_equal(tax_relation_is_close((enum tax_relation)r), is_close[r]);
	assert_string_equal(tax_relation_name(TAX_NONE), "");
}

static void taxon_texts(void **state)
{
	static const struct {
		const char *text;
		int64_t taxon; /* 0: none */
	} cases[] = {
		{"9606", 9606},
		{" 9606\t\r\n\v\f", 9606},
		{"+7", 7},
		{"-7", -7},
		{"007", 7},
		{"", 0},
		{"   ", 0},
		{"0", 0},
		{"-0", 0},
		{"+", 0},
		{"-", 0},
		{"+-1", 0},
		{"9 6", 0},
		{"1.0", 0},
		{"1e3", 0},
		{"abc", 0},
		{"9606x", 0},
		{"0x10", 0},
		{"\xc2\xa0"
		 "5",
		 0},
		{"9223372036854775807", INT64_MAX},
		{"9223372036854775808", 0},
		{"-9223372036854775808", INT64_MIN},
		{"-9223372036854775809", 0},
		{"99999999999999999999999999", 0},
		{"18446744073709551617", 0},
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof cases / sizeof *cases; i++) {
		int64_t taxon = 0;
		int known = taxonomy_parse_id(cases[i].text, &taxon);

		assert_int_equal(known, cases[i].taxon != 0);
		assert_true(taxon == cases[i].taxon);
	}
	assert_int_equal(taxonomy_parse_id(NULL, NULL), 0);
}

static const char small_nodes[] = "1\t|\t1\t|\tno rank\t|\t\t|\n"
				  "2\t|\t1\t|\tsuperkingdom\t|\n"
				  "6\t|\t3\t|\tgenus\t|\n"
				  "3\t|\t2\t|\tfamily\t|\n"
				  "9\t|\t1\t|\tsuperkingdom\t|\n";

static void expect_lineage(const struct taxonomy *t, int64_t taxon, const int64_t *want, size_t n)
{
	int64_t got[TAXONOMY_MAX_DEPTH];

	assert_int_equal(taxonomy_lineage(t, taxon, got), n);
	if (n)
		assert_memory_equal(got, want, n * sizeof *want);
}

static void a_dump_gives_lineages_from_the_root(void **state)
{
	struct taxonomy *t;
	struct tax_pair p;

	(void)state;
	assert_int_equal(
		open_texts(&t, small_nodes, "777\t|\t6\t|\n776\t|\t777\t|\n5\t|\t4444\t|\n", NULL),
		0);
	assert_int_equal(taxonomy_count(t), 5);
	assert_string_equal(taxonomy_file(t), in_dir(NODES));
	expect_lineage(t, 6, L(1, 2, 3, 6));
	expect_lineage(t, 1, L(1));
	expect_lineage(t, 777, L(1, 2, 3, 6));
	expect_lineage(t, 776, L(1, 2, 3, 6));
	expect_lineage(t, 5, NULL, 0);
	expect_lineage(t, -6, NULL, 0);
	expect_lineage(t, 0, NULL, 0);
	taxonomy_compare(t, 777, 6, &p);
	expect_pair(p, 2, 4, "descendant");
	taxonomy_compare(t, 6, 777, &p);
	expect_pair(p, 2, 4, "ancestor");
	taxonomy_compare(t, 6, 9, &p);
	expect_pair(p, 6, 1, "root-only");
	taxonomy_compare(t, 4711, 4711, &p);
	expect_pair(p, 0, 1, "same");
	taxonomy_compare(t, 4711, 6, &p);
	expect_pair(p, -1, 0, "unrelated");
	taxonomy_compare(t, 0, 0, &p);
	expect_pair(p, -1, 0, "unrelated");
	taxonomy_close(t);
}

/* Small numbers lie in an array that grows, others in a table. */
static void taxa_are_found_however_large_their_numbers_are(void **state)
{
	static const int64_t last[] = {4095, 4096, 100000, 8388607, 8388608, 8388609, INT64_MAX};
	char nodes[1024] = "";
	size_t i, n = sizeof last / sizeof *last;
	struct taxonomy *t;

	(void)state;
	for (i = n; i > 0; i--)
		snprintf(nodes + strlen(nodes), sizeof nodes - strlen(nodes), "%lld\t|\t%lld\t|\n",
			 (long long)last[i - 1], i == 1 ? 1 : (long long)last[i - 2]);
	snprintf(nodes + strlen(nodes), sizeof nodes - strlen(nodes), "1\t|\t1\t|\n");
	assert_int_equal(open_texts(&t, nodes, "8388700\t|\t4096\t|\n7\t|\t8388608\t|\n", NULL), 0);
	assert_int_equal(taxonomy_count(t), n + 1);
	expect_lineage(t, INT64_MAX,
		       L(1, 4095, 4096, 100000, 8388607, 8388608, 8388609, INT64_MAX));
	expect_lineage(t, 8388607, L(1, 4095, 4096, 100000, 8388607));
	expect_lineage(t, 8388700, L(1, 4095, 4096));
	expect_lineage(t, 7, L(1, 4095, 4096, 100000, 8388607, 8388608));
	expect_lineage(t, 4094, NULL, 0);
	expect_lineage(t, 8388606, NULL, 0);
	expect_lineage(t, 8388610, NULL, 0);
	expect_lineage(t, INT64_MIN, NULL, 0);
	taxonomy_close(t);
}

static void a_taxon_with_a_node_ignores_its_merge(void **state)
{
	struct taxonomy *t;

	(void)state;
	assert_int_equal(open_texts(&t, small_nodes, "9\t|\t6\t|\n", NULL), 0);
	expect_lineage(t, 9, L(1, 9));
	taxonomy_close(t);
}

static void merges_in_a_circle_are_unknown(void **state)
{
	struct taxonomy *t;

	(void)state;
	assert_int_equal(open_texts(&t, small_nodes, "70\t|\t71\t|\n71\t|\t70\t|\n", NULL), 0);
	expect_lineage(t, 70, NULL, 0);
	expect_lineage(t, 71, NULL, 0);
	taxonomy_close(t);
}

static void nodes_dmp_by_name_finds_merged_beside_it(void **state)
{
	struct taxonomy *t;

	(void)state;
	put(NODES, small_nodes);
	put(MERGED, "777\t|\t6\t|\n");
	assert_int_equal(taxonomy_open(&t, in_dir(NODES), NULL), 0);
	expect_lineage(t, 777, L(1, 2, 3, 6));
	taxonomy_close(t);
	fsio_remove(in_dir(MERGED));
	assert_int_equal(taxonomy_open(&t, in_dir(NODES), NULL), 0);
	expect_lineage(t, 777, NULL, 0);
	taxonomy_close(t);
}

static void dos_line_ends_and_a_last_line_without_one_are_read(void **state)
{
	struct taxonomy *t;

	(void)state;
	assert_int_equal(open_texts(&t, "1\t|\t1\t|\tx\t|\r\n2\t|\t1\t|\tx\t|", NULL, NULL), 0);
	expect_lineage(t, 2, L(1, 2));
	taxonomy_close(t);
}

static void malformed_dumps_name_file_and_line(void **state)
{
	(void)state;
	expect_failure("", NULL, ERR_FORMAT, "no taxon");
	expect_failure("1|1|\n\n", NULL, ERR_FORMAT, "nodes.dmp:2: expected two positive numbers");
	expect_failure("1|1|\n2|x|\n", NULL, ERR_FORMAT, "nodes.dmp:2:");
	expect_failure("1|1|\n-2|1|\n", NULL, ERR_FORMAT, "nodes.dmp:2:");
	expect_failure("1|1|\n0|1|\n", NULL, ERR_FORMAT, "nodes.dmp:2:");
	expect_failure("1|1|\n2 1|\n", NULL, ERR_FORMAT, "nodes.dmp:2:");
	expect_failure("1|1|\n99999999999999999999|1|\n", NULL, ERR_FORMAT, "nodes.dmp:2:");
	expect_failure("1|1|\n2|1", NULL, ERR_FORMAT, "nodes.dmp:2: the file ends in the middle");
	expect_failure("1|1|\n2|1|\n2|1|\n", NULL, ERR_FORMAT,
		       "nodes.dmp:3: taxon 2 stands on line 2");
	expect_failure("1|1|\n2|7|\n", NULL, ERR_FORMAT, "nodes.dmp:2: parent 7 of taxon 2");
	expect_failure("1|1|\n2|2|\n", NULL, ERR_FORMAT, "nodes.dmp:2: taxon 2 is its own parent");
	expect_failure("1|1|\n2|3|\n3|4|\n4|2|\n", NULL, ERR_FORMAT, "among its own ancestors");
	expect_failure("1|2|\n2|1|\n", NULL, ERR_FORMAT, "among its own ancestors");
	expect_failure(small_nodes, "7|x|\n", ERR_FORMAT, "merged.dmp:1:");
	expect_failure(small_nodes, "7|6|\n7|9|\n", ERR_FORMAT,
		       "merged.dmp:2: taxon 7 is merged into 6 and into 9");
}

/* A chain of `n` nodes: 1 <- 2 <- ... <- n, written from the leaf up if `backwards`. */
static char *chain(int n, int backwards)
{
	struct buf b = BUF_INIT;
	int i;

	for (i = 1; i <= n; i++) {
		int id = backwards ? n + 1 - i : i;

		buf_printf(&b, "%d\t|\t%d\t|\n", id, id == 1 ? 1 : id - 1);
	}
	return buf_steal(&b, NULL);
}

static void depth_is_limited(void **state)
{
	int backwards;

	(void)state;
	for (backwards = 0; backwards < 2; backwards++) {
		char *fits = chain(TAXONOMY_MAX_DEPTH, backwards);
		char *deep = chain(TAXONOMY_MAX_DEPTH + 1, backwards);
		char *deeper = chain(3 * TAXONOMY_MAX_DEPTH, backwards);
		int64_t got[TAXONOMY_MAX_DEPTH];
		struct taxonomy *t;

		assert_int_equal(open_texts(&t, fits, NULL, NULL), 0);
		assert_int_equal(taxonomy_lineage(t, TAXONOMY_MAX_DEPTH, got), TAXONOMY_MAX_DEPTH);
		assert_int_equal(got[TAXONOMY_MAX_DEPTH - 1], TAXONOMY_MAX_DEPTH);
		taxonomy_close(t);
		expect_failure(deep, NULL, ERR_LIMIT, "deeper than 256 levels");
		expect_failure(deeper, NULL, ERR_LIMIT, "deeper than 256 levels");
		free(fits);
		free(deep);
		free(deeper);
	}
}

static void what_does_not_exist_is_not_found(void **state)
{
	struct err err = ERR_INIT;
	struct taxonomy *t;

	(void)state;
	assert_int_equal(taxonomy_open(&t, in_dir("nowhere"), &err), ERR_NOTFOUND);
	assert_non_null(strstr(err.text, "nowhere"));
	fsio_remove(in_dir(NODES));
	assert_int_equal(taxonomy_open(&t, dir, &err), ERR_NOTFOUND);
	assert_non_null(strstr(err.text, NODES));
}

/* An SQLite file from statements; its path. */
static const char *make_sqlite(const char *sql)
{
	sqlite3 *db;

	fsio_remove(in_dir("taxa.sqlite"));
	assert_int_equal(sqlite3_open(in_dir("taxa.sqlite"), &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
	return in_dir("taxa.sqlite");
}

#define ETE_TABLES                                                                                 \
	"CREATE TABLE species (taxid INT PRIMARY KEY, parent INT, spname VARCHAR(50),"             \
	" common VARCHAR(50), rank VARCHAR(50), track TEXT);"                                      \
	"CREATE TABLE merged (taxid_old INT, taxid_new INT);"
#define SPECIES(id, track) "INSERT INTO species VALUES (" #id ", 0, 's', '', 'x', " track ");"

static void an_ete3_file_gives_the_tracks(void **state)
{
	struct taxonomy *t;

	(void)state;
	assert_int_equal(
		taxonomy_open(
			&t,
			make_sqlite(ETE_TABLES SPECIES(1, "'1'") SPECIES(6, "'6,3,2,1'") SPECIES(
				3, "'3,2,1'") "INSERT INTO merged VALUES (777, 6);"),
			NULL),
		0);
	assert_int_equal(taxonomy_count(t), 3);
	expect_lineage(t, 6, L(1, 2, 3, 6));
	expect_lineage(t, 3, L(1, 2, 3));
	expect_lineage(t, 777, L(1, 2, 3, 6));
	expect_lineage(t, 2, NULL, 0); /* an ancestor without a row of its own */
	taxonomy_close(t);
}

static void expect_sqlite_failure(const char *sql, int code, const char *words)
{
	struct err err = ERR_INIT;
	struct taxonomy *t;

	assert_int_equal(taxonomy_open(&t, make_sqlite(sql), &err), code);
	if (!strstr(err.text, words))
		fail_msg("'%s' is not in '%s'", words, err.text);
}

static void malformed_ete3_files_name_the_taxon(void **state)
{
	(void)state;
	expect_sqlite_failure("CREATE TABLE x (y);", ERR_FORMAT, "no table species");
	expect_sqlite_failure("CREATE VIEW species AS SELECT 1 AS taxid, '1' AS track;", ERR_FORMAT,
			      "no table species");
	expect_sqlite_failure(ETE_TABLES, ERR_FORMAT, "is empty");
	expect_sqlite_failure("CREATE TABLE species (taxid INT);", ERR_DATABASE, "track");
	expect_sqlite_failure(ETE_TABLES SPECIES(6, "NULL"), ERR_FORMAT, "taxon 6 is missing");
	expect_sqlite_failure(ETE_TABLES SPECIES(6, "''"), ERR_FORMAT, "taxon 6 is not a list");
	expect_sqlite_failure(ETE_TABLES SPECIES(6, "'6,2,'"), ERR_FORMAT, "taxon 6 is not a list");
	expect_sqlite_failure(ETE_TABLES SPECIES(6, "'6;1'"), ERR_FORMAT,
			      "something else than ','");
	expect_sqlite_failure(ETE_TABLES SPECIES(6, "'1,2,6'"), ERR_FORMAT, "begin with the taxon");
	expect_sqlite_failure(ETE_TABLES SPECIES(6, "'6,2'"), ERR_FORMAT, "end at the root");
	expect_sqlite_failure(ETE_TABLES SPECIES(6, "'6,2,6,1'"), ERR_FORMAT, "twice");
	expect_sqlite_failure(ETE_TABLES SPECIES('x', "'6,1'"), ERR_FORMAT,
			      "'x' is not a positive");
	expect_sqlite_failure(ETE_TABLES SPECIES(6, "'6,2,1'") SPECIES(7, "'7,6,1'"), ERR_FORMAT,
			      "taxon 7 contradicts");
	expect_sqlite_failure(ETE_TABLES SPECIES(1, "'1'") "INSERT INTO merged VALUES (7, 'x');",
			      ERR_FORMAT, "merged");
	expect_sqlite_failure(
		ETE_TABLES SPECIES(1, "'1'") "INSERT INTO merged VALUES (7, 1), (7, 2);",
		ERR_FORMAT, "taxon 7 is merged into 1 and into 2");
}

static void a_track_deeper_than_the_limit_is_refused(void **state)
{
	struct buf b = BUF_INIT;
	int i;

	(void)state;
	buf_puts(&b, ETE_TABLES "INSERT INTO species VALUES (257, 0, '', '', '', '257");
	for (i = TAXONOMY_MAX_DEPTH; i > 0; i--)
		buf_printf(&b, ",%d", i);
	buf_puts(&b, "');");
	expect_sqlite_failure(buf_str(&b), ERR_LIMIT, "taxon 257 has more levels");
	buf_release(&b);
}

static void a_cut_sqlite_file_is_an_error(void **state)
{
	struct buf bytes = BUF_INIT;
	struct err err = ERR_INIT;
	struct taxonomy *t;
	const char *path = make_sqlite(ETE_TABLES SPECIES(1, "'1'"));

	(void)state;
	assert_int_equal(fsio_read_all(path, 1 << 20, &bytes, NULL), 0);
	assert_int_equal(fsio_write_file(path, bytes.data, 4096, NULL), 0);
	assert_int_not_equal(taxonomy_open(&t, path, &err), 0);
	assert_non_null(strstr(err.text, "taxa.sqlite"));
	buf_release(&bytes);
}

static void the_whole_ncbi_dump_loads(void **state)
{
	int64_t start = clock_mono_ns(), got[TAXONOMY_MAX_DEPTH];
	struct taxonomy *t;
	struct tax_pair p;

	(void)state;
	if (!fsio_exists(EMBOSS "/nodes.dmp"))
		skip();
	assert_int_equal(taxonomy_open(&t, EMBOSS, NULL), 0);
	print_message("# %zu taxa in %.3f s\n", taxonomy_count(t), clock_elapsed_s(start));
	assert_int_equal(taxonomy_count(t), 1038022);
	/* Man and mouse: their last common ancestor is Euarchontoglires (314146). */
	assert_true(taxonomy_lineage(t, 9606, got) > 25);
	assert_int_equal(got[0], 1);
	assert_int_equal(got[1], 131567);
	taxonomy_compare(t, 9606, 10090, &p);
	assert_string_equal(tax_relation_name(p.relation), "close");
	taxonomy_compare(t, 9606, 314146, &p);
	assert_string_equal(tax_relation_name(p.relation), "descendant");
	taxonomy_compare(t, 12, 74109, &p); /* 12 was merged into 74109 */
	assert_int_equal(p.distance, 2);
	taxonomy_close(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(vectors_of_the_specification),
		cmocka_unit_test(equal_taxa_need_no_lineage),
		cmocka_unit_test(none_or_unknown_is_unrelated),
		cmocka_unit_test(lineages_without_a_common_member_are_distant),
		cmocka_unit_test(one_common_ancestor_that_is_not_the_root_is_distant),
		cmocka_unit_test(common_members_at_different_places_count),
		cmocka_unit_test(sixteen_common_ancestors_are_close_and_fifteen_are_not),
		cmocka_unit_test(close_relations_of_the_consensus),
		cmocka_unit_test(taxon_texts),
		cmocka_unit_test(a_dump_gives_lineages_from_the_root),
		cmocka_unit_test(taxa_are_found_however_large_their_numbers_are),
		cmocka_unit_test(a_taxon_with_a_node_ignores_its_merge),
		cmocka_unit_test(merges_in_a_circle_are_unknown),
		cmocka_unit_test(nodes_dmp_by_name_finds_merged_beside_it),
		cmocka_unit_test(dos_line_ends_and_a_last_line_without_one_are_read),
		cmocka_unit_test(malformed_dumps_name_file_and_line),
		cmocka_unit_test(depth_is_limited),
		cmocka_unit_test(what_does_not_exist_is_not_found),
		cmocka_unit_test(an_ete3_file_gives_the_tracks),
		cmocka_unit_test(malformed_ete3_files_name_the_taxon),
		cmocka_unit_test(a_track_deeper_than_the_limit_is_refused),
		cmocka_unit_test(a_cut_sqlite_file_is_an_error),
		cmocka_unit_test(the_whole_ncbi_dump_loads),
	};

	return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
