/* GAF files: columns, headers, dates, and lines that are none. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "pipeline/bundle/gaf.h"
#include "prof/base/buf.h"

#define LINE(id, qualifier, go, ev, aspect, type, taxon)                                           \
	"UniProtKB\t" id "\tSYM\t" qualifier "\t" go "\tPMID:1\t" ev "\tUniProtKB:Q1\t" aspect     \
	"\tname\tsyn\t" type "\t" taxon "\t20240101\tUniProt\t\t\n"

static int put_header(void *ctx, const struct gaf_header *h, struct err *err)
{
	(void)err;
	return buf_printf(ctx, "H %d.%d %lld %lld\n", h->major, h->minor, (long long)h->release,
			  (long long)h->date);
}

static int put_record(void *ctx, const struct gaf_record *r, struct err *err)
{
	(void)err;
	return buf_printf(ctx, "%llu %s|%s|%s|%s|%s|%c|%s|%s\n", (unsigned long long)r->line, r->db,
			  r->object_id, r->qualifier, r->go_id, r->evidence, r->aspect,
			  r->object_type, r->taxon);
}

static const struct gaf_handler handler = {put_header, put_record};

static int read_text(const char *text, struct buf *out, struct err *err)
{
	struct lines *in;
	int rc = lines_open_memory(&in, "t.gaf", text, strlen(text), err);

	assert_int_equal(rc, 0);
	rc = gaf_read(in, &handler, out, err);
	lines_close(in);
	return rc;
}

static void reads_as(const char *text, const char *want)
{
	struct err err = ERR_INIT;
	struct buf out = BUF_INIT;

	assert_int_equal(read_text(text, &out, &err), 0);
	assert_string_equal(err.text, "");
	assert_string_equal(buf_str(&out), want);
	buf_release(&out);
}

static void fails_with(const char *text, int code, const char *message)
{
	struct err err = ERR_INIT;
	struct buf out = BUF_INIT;

	assert_int_equal(read_text(text, &out, &err), code);
	if (!strstr(err.text, message))
		fail_msg("'%s' lacks '%s'", err.text, message);
	buf_release(&out);
}

static void lines_become_records(void **state)
{
	(void)state;
	reads_as("!gaf-version: 2.2\n" LINE("P1", "enables", "GO:0005515", "IPI", "F", "protein",
					    "taxon:9606")
			 LINE("P2", "NOT|involved_in", "GO:0008150", "ND", "P", "protein",
			      "taxon:9606|taxon:1280"),
		 "H 2.2 -1 -1\n"
		 "2 UniProtKB|P1|enables|GO:0005515|IPI|F|protein|9606\n"
		 "3 UniProtKB|P2|NOT|involved_in|GO:0008150|ND|P|protein|9606\n");
}

static void optional_columns_may_be_empty(void **state)
{
	(void)state;
	reads_as(LINE("P1", "", "GO:0005515", "IEA", "C", "", ""),
		 "H 0.0 -1 -1\n1 UniProtKB|P1||GO:0005515|IEA|C||\n");
	reads_as(LINE("P1", "", "GO:0005515", "IEA", "C", "protein", "taxon:x"),
		 "H 0.0 -1 -1\n1 UniProtKB|P1||GO:0005515|IEA|C|protein|\n");
}

static void fifteen_to_seventeen_columns_are_a_line(void **state)
{
	(void)state;
	reads_as("D\tI\tS\t\tG\tR\tE\t\tP\t\t\tprotein\ttaxon:1\t2\tA\n",
		 "H 0.0 -1 -1\n1 D|I||G|E|P|protein|1\n");
	reads_as("D\tI\tS\t\tG\tR\tE\t\tP\t\t\tprotein\ttaxon:1\t2\tA\tx\n",
		 "H 0.0 -1 -1\n1 D|I||G|E|P|protein|1\n");
	fails_with("D\tI\tS\t\tG\tR\tE\t\tP\t\t\tprotein\ttaxon:1\t2\n", ERR_FORMAT,
		   "t.gaf:1: 14 tab-separated columns");
	fails_with("!x\nD\tI\tS\t\tG\tR\tE\t\tP\t\t\tprotein\ttaxon:1\t2\tA\tx\ty\tz\n", ERR_FORMAT,
		   "t.gaf:2: more than 17 tab-separated columns");
	fails_with("hello world\n", ERR_FORMAT, "t.gaf:1: 1 tab-separated columns");
}

static void needed_columns_must_be_filled(void **state)
{
	(void)state;
	fails_with(LINE("", "", "GO:0005515", "IEA", "C", "", ""), ERR_FORMAT,
		   "t.gaf:1: column 2 (DB Object ID) is empty");
	fails_with(LINE("P1", "", "", "IEA", "C", "", ""), ERR_FORMAT, "column 5 (GO ID)");
	fails_with(LINE("P1", "", "GO:0005515", "", "C", "", ""), ERR_FORMAT, "column 7 (Evidence");
	fails_with(LINE("P1", "", "GO:0005515", "IEA", "", "", ""), ERR_FORMAT,
		   "column 9 (Aspect)");
	fails_with(LINE("P1", "", "GO:0005515", "IEA", "X", "", ""), ERR_FORMAT, "aspect is");
	fails_with(LINE("P1", "", "GO:0005515", "IEA", "PF", "", ""), ERR_FORMAT, "aspect is");
	fails_with(LINE("UniProtKB:", "", "GO:0005515", "IEA", "P", "", ""), ERR_FORMAT, "no id");
}

static void a_repeated_database_is_cut_from_the_id(void **state)
{
	(void)state;
	reads_as(LINE("UniProtKB:P1", "", "GO:1", "IEA", "C", "", ""),
		 "H 0.0 -1 -1\n1 UniProtKB|P1||GO:1|IEA|C||\n");
	reads_as(LINE("UniProtKBX:P1", "", "GO:1", "IEA", "C", "", ""),
		 "H 0.0 -1 -1\n1 UniProtKB|UniProtKBX:P1||GO:1|IEA|C||\n");
}

static void headers_tell_release_and_date(void **state)
{
	(void)state;
	reads_as("!gaf-version: 2.1\n!release: 160\n", "H 2.1 160 -1\n");
	reads_as("!goa-version: 161\n!release: 7\n", "H 0.0 161 -1\n");
	reads_as("!version: $Revision: 1.3 $\n!version: 5 \n", "H 0.0 5 -1\n");
	reads_as("!date-generated: 2023-07-12T10:00\n", "H 0.0 -1 20230712\n");
	reads_as("! Generated: 2023-07-12\n!date: 2020-01-01\n", "H 0.0 -1 20230712\n");
	reads_as("!date: 20230712\n", "H 0.0 -1 20230712\n");
	reads_as("!date: 12:07:2013 15:53\n!date: 2023-13-12\n!date: 2023-07\n!date: 2023-7-12-0\n",
		 "H 0.0 -1 -1\n");
	reads_as("!gaf-version 2.2\n!dates: 2023-07-12\n", "H 0.0 -1 -1\n");
}

static void the_header_ends_at_the_first_line(void **state)
{
	(void)state;
	reads_as("!release: 1\n" LINE("P1", "", "GO:1", "IEA", "C", "", "") "!release: 2\n\n \n",
		 "H 0.0 1 -1\n2 UniProtKB|P1||GO:1|IEA|C||\n");
	reads_as("", "H 0.0 -1 -1\n");
}

static void foreign_versions_are_refused(void **state)
{
	(void)state;
	fails_with("!gaf-version: 1.0\n", ERR_UNSUPPORTED, "t.gaf:1: GAF version 1.0");
	fails_with("!gaf-version: 3\n", ERR_UNSUPPORTED, "GAF version 3.0");
	fails_with("!gaf-version: new\n", ERR_FORMAT, "malformed gaf-version");
	fails_with("!gaf-version: 99999999999999999999\n", ERR_FORMAT, "malformed gaf-version");
	reads_as("!gaf-version: 2\n", "H 2.0 -1 -1\n");
}

static int refuse(void *ctx, const struct gaf_header *h, struct err *err)
{
	(void)ctx;
	(void)h;
	return err_set(err, ERR_LIMIT, "enough");
}

static void a_callback_can_end_the_reading(void **state)
{
	static const struct gaf_handler refusing = {refuse, put_record};
	struct err err = ERR_INIT;
	struct buf out = BUF_INIT;
	struct lines *in;
	const char text[] = LINE("P1", "", "GO:1", "IEA", "C", "", "");

	(void)state;
	assert_int_equal(lines_open_memory(&in, "m", text, sizeof text - 1, &err), 0);
	assert_int_equal(gaf_read(in, &refusing, &out, &err), ERR_LIMIT);
	assert_string_equal(buf_str(&out), "");
	lines_close(in);
	buf_release(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines_become_records),
		cmocka_unit_test(optional_columns_may_be_empty),
		cmocka_unit_test(fifteen_to_seventeen_columns_are_a_line),
		cmocka_unit_test(needed_columns_must_be_filled),
		cmocka_unit_test(a_repeated_database_is_cut_from_the_id),
		cmocka_unit_test(headers_tell_release_and_date),
		cmocka_unit_test(the_header_ends_at_the_first_line),
		cmocka_unit_test(foreign_versions_are_refused),
		cmocka_unit_test(a_callback_can_end_the_reading),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
