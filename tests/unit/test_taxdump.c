/* NCBI dump files: fields, ends of records, and what is no dump. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "pipeline/bundle/taxdump.h"
#include "prof/base/buf.h"

static int put_node(void *ctx, int64_t taxon, int64_t parent, const char *rank, struct err *err)
{
	(void)err;
	return buf_printf(ctx, "%lld<%lld %s\n", (long long)taxon, (long long)parent, rank);
}

static int put_name(void *ctx, int64_t taxon, const char *name, const char *name_class,
		    struct err *err)
{
	(void)err;
	return buf_printf(ctx, "%lld=%s [%s]\n", (long long)taxon, name, name_class);
}

static int put_merged(void *ctx, int64_t old_taxon, int64_t new_taxon, struct err *err)
{
	(void)err;
	return buf_printf(ctx, "%lld>%lld\n", (long long)old_taxon, (long long)new_taxon);
}

static int read_as(char kind, const char *text, struct buf *out, struct err *err)
{
	struct lines *in;
	int rc = lines_open_memory(&in, "t.dmp", text, strlen(text), err);

	assert_int_equal(rc, 0);
	if (kind == 'n')
		rc = taxdump_read_nodes(in, put_node, out, err);
	else if (kind == 'a')
		rc = taxdump_read_names(in, put_name, out, err);
	else
		rc = taxdump_read_merged(in, put_merged, out, err);
	lines_close(in);
	return rc;
}

static void gives(char kind, const char *text, const char *want)
{
	struct err err = ERR_INIT;
	struct buf out = BUF_INIT;

	assert_int_equal(read_as(kind, text, &out, &err), 0);
	assert_string_equal(err.text, "");
	assert_string_equal(buf_str(&out), want);
	buf_release(&out);
}

static void fails_with(char kind, const char *text, const char *message)
{
	struct err err = ERR_INIT;
	struct buf out = BUF_INIT;

	assert_int_equal(read_as(kind, text, &out, &err), ERR_FORMAT);
	if (!strstr(err.text, message))
		fail_msg("'%s' lacks '%s'", err.text, message);
	buf_release(&out);
}

static void nodes_names_and_merges_are_read(void **state)
{
	(void)state;
	gives('n',
	      "1\t|\t1\t|\tno rank\t|\t\t|\t8\t|\t0\t|\t\t|\n"
	      "2\t|\t131567\t|\tsuperkingdom\t|\t\t|\t0\t|\n",
	      "1<1 no rank\n2<131567 superkingdom\n");
	gives('a',
	      "1\t|\tall\t|\t\t|\tsynonym\t|\n"
	      "2\t|\tBacteria\t|\tBacteria <prokaryote>\t|\tscientific name\t|\n",
	      "1=all [synonym]\n2=Bacteria [scientific name]\n");
	gives('m', "12\t|\t74109\t|\n30\t|\t29\t|\r\n", "12>74109\n30>29\n");
}

static void names_may_hold_bars_and_blanks(void **state)
{
	(void)state;
	gives('a', "7\t|\ta|b c (d)\t|\t\t|\tauthority\t|\n", "7=a|b c (d) [authority]\n");
}

static void blank_lines_and_a_missing_end_are_fine(void **state)
{
	(void)state;
	gives('m', "\n1\t|\t2\t|\n\n3\t|\t4", "1>2\n3>4\n");
	gives('n', "1\t|\t1\t|\troot", "1<1 root\n");
	gives('n', "", "");
}

static void what_is_no_dump_is_refused(void **state)
{
	(void)state;
	fails_with('n', "1\t|\t1\t|\n", "t.dmp:1: 2 fields, at least 3 expected");
	fails_with('a', "1\t|\t1\t|\t2\t|\n", "t.dmp:1: 3 fields, at least 4 expected");
	fails_with('m', "1\t|\t2\t|\nhello\n", "t.dmp:2: 1 fields, at least 2 expected");
	fails_with('m', "x\t|\t2\t|\n", "t.dmp:1: field 1 is no taxon number: 'x'");
	fails_with('m', "1\t|\t-2\t|\n", "t.dmp:1: field 2 is no taxon number: '-2'");
	fails_with('m', "1\t|\t\t|\n", "field 2 is no taxon number: ''");
	fails_with('m', "1\t|\t1234567890123456789\t|\n", "field 2 is no taxon number");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nodes_names_and_merges_are_read),
		cmocka_unit_test(names_may_hold_bars_and_blanks),
		cmocka_unit_test(blank_lines_and_a_missing_end_are_fine),
		cmocka_unit_test(what_is_no_dump_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
