/* OBO files: every oddity of the format that GO files and their relatives hold. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "pipeline/bundle/obo.h"
#include "prof/base/buf.h"

static int put_header(void *ctx, const struct obo_header *h, struct err *err)
{
	(void)err;
	return buf_printf(ctx, "H %s|%s|%s|%s\n", h->format_version, h->data_version, h->date,
			  h->ontology);
}

static int put_term(void *ctx, const struct obo_term *t, struct err *err)
{
	size_t i;

	(void)err;
	buf_printf(ctx, "T%llu %s|%s|%c|%d", (unsigned long long)t->line, t->id, t->name,
		   t->aspect ? t->aspect : '-', t->is_obsolete);
	for (i = 0; i < t->n_alt_ids; i++)
		buf_printf(ctx, " alt=%s", t->alt_ids[i]);
	for (i = 0; i < t->n_edges; i++)
		buf_printf(ctx, " %s>%s@%llu", t->edges[i].relation, t->edges[i].target,
			   (unsigned long long)t->edges[i].line);
	return buf_putc(ctx, '\n');
}

static const struct obo_handler handler = {put_header, put_term};

static int read_text(const char *text, struct buf *out, struct err *err)
{
	struct lines *in;
	int rc = lines_open_memory(&in, "t.obo", text, strlen(text), err);

	assert_int_equal(rc, 0);
	rc = obo_read(in, &handler, out, err);
	lines_close(in);
	return rc;
}

static void reads_as(const char *text, const char *want)
{
	struct err err = ERR_INIT;
	struct buf out = BUF_INIT;
	int rc = read_text(text, &out, &err);

	assert_string_equal(err.text, "");
	assert_int_equal(rc, 0);
	assert_string_equal(buf_str(&out), want);
	buf_release(&out);
}

static void fails_with(const char *text, int code, const char *message)
{
	struct err err = ERR_INIT;
	struct buf out = BUF_INIT;

	assert_int_equal(read_text(text, &out, &err), code);
	assert_int_equal(err.code, code);
	assert_non_null(strstr(err.text, message));
	buf_release(&out);
}

static void header_and_terms_are_read(void **state)
{
	(void)state;
	reads_as("format-version: 1.2\n"
		 "data-version: releases/2013-07-05\n"
		 "date: 12:07:2013 15:53\n"
		 "subsetdef: goslim_generic \"Generic GO slim\"\n"
		 "ontology: go\n"
		 "\n"
		 "[Term]\n"
		 "id: GO:0000001\n"
		 "name: mitochondrion inheritance\n"
		 "namespace: biological_process\n"
		 "def: \"The distribution! of mitochondria.\" [GOC:mcc]\n"
		 "is_a: GO:0048308 ! organelle inheritance\n"
		 "relationship: part_of GO:0048311 ! mitochondrion distribution\n"
		 "\n"
		 "[Typedef]\n"
		 "id: part_of\n"
		 "name: part of\n"
		 "is_transitive: true\n",
		 "H 1.2|releases/2013-07-05|12:07:2013 15:53|go\n"
		 "T7 GO:0000001|mitochondrion inheritance|P|0 is_a>GO:0048308@12 "
		 "part_of>GO:0048311@13\n");
}

static void each_namespace_has_its_aspect(void **state)
{
	(void)state;
	reads_as("default-namespace: molecular_function\n"
		 "[Term]\nid: A\nnamespace: biological_process\n"
		 "[Term]\nid: B\nnamespace: molecular_function\n"
		 "[Term]\nid: C\nnamespace: cellular_component\n"
		 "[Term]\nid: D\nnamespace: external\n"
		 "[Term]\nid: E\n",
		 "H |||\nT2 A||P|0\nT5 B||F|0\nT8 C||C|0\nT11 D||-|0\nT14 E||F|0\n");
}

static void obsolete_terms_and_alternative_ids_are_kept(void **state)
{
	(void)state;
	reads_as("[Term]\nid: GO:1\nalt_id: GO:2\nalt_id: GO:3 {x=\"y\"} ! old\nis_obsolete: true\n"
		 "consider: GO:9\nreplaced_by: GO:8\n"
		 "[Term]\nid: GO:4\nis_obsolete: false\n",
		 "H |||\nT1 GO:1||-|1 alt=GO:2 alt=GO:3\nT8 GO:4||-|0\n");
}

static void comments_modifiers_and_blanks_are_cut(void **state)
{
	(void)state;
	reads_as("! a file of ours\n"
		 "  \t\n"
		 "[Term] ! first\n"
		 "id:   GO:1   {a=\"b}\", c=\"! d\"}   ! x\n"
		 "name: with a bang! inside ! and a comment\n"
		 "is_a: GO:2 {source=\"PMID:1\", is_inferred=\"true\"} ! parent {not a modifier}\n"
		 "relationship: \t regulates \t GO:3 {gci_relation=\"part_of\"}\n",
		 "H |||\nT3 GO:1|with a bang! inside|-|0 is_a>GO:2@6 regulates>GO:3@7\n");
}

static void escapes_are_undone(void **state)
{
	(void)state;
	reads_as(
		"[Term]\nid: GO\\:1\n"
		"name: 4-alpha-D-\\{(1->4)-alpha-D-glucano}trehalose\\, a \\\"b\\\"\\Wc\\td\\\\\n",
		"H |||\nT1 GO:1|4-alpha-D-{(1->4)-alpha-D-glucano}trehalose, a \"b\" c\td\\|-|0\n");
	reads_as("[Term]\nid: A\nname: not \\! a comment\n", "H |||\nT1 A|not ! a comment|-|0\n");
	reads_as("[Term]\nid: A\nname: brackets {of no modifier}\n",
		 "H |||\nT1 A|brackets {of no modifier}|-|0\n");
	reads_as("[Term]\nid: A\nname: a{x=1}\n", "H |||\nT1 A|a{x=1}|-|0\n");
}

static void continued_lines_are_joined(void **state)
{
	(void)state;
	reads_as("[Term]\nid: A\nname: one \\\ntwo \\\nthree\nis_a: B\n",
		 "H |||\nT1 A|one two three|-|0 is_a>B@6\n");
	reads_as("[Term]\nid: A\nname: backslash \\\\\nis_a: B\n",
		 "H |||\nT1 A|backslash \\|-|0 is_a>B@4\n");
	fails_with("[Term]\nid: A\nname: one \\\n", ERR_FORMAT, "t.obo:3: the file ends");
	fails_with("[Term]\nid: A\nname: one \\", ERR_FORMAT, "the file ends in a continued line");
}

static void a_byte_order_mark_and_crlf_are_fine(void **state)
{
	(void)state;
	reads_as("\xef\xbb\xbf"
		 "format-version: 1.4\r\n\r\n[Term]\r\nid: A\r\nname: b\r\n",
		 "H 1.4|||\nT3 A|b|-|0\n");
}

static void unknown_tags_and_stanzas_are_passed_over(void **state)
{
	(void)state;
	reads_as("idspace: GO urn:lsid \"x\"\nproperty_value: a b\n"
		 "[Instance]\nno id here: fine\n"
		 "[Term]\nid: A\nintersection_of: part_of B\nxref: X:1 \"{\"\ncreated_by: me\n"
		 "equivalent_to: Z\n[Future]\nid: Q\nid: R\n",
		 "H |||\nT5 A||-|0\n");
}

static void the_header_comes_once_also_without_lines(void **state)
{
	(void)state;
	reads_as("", "H |||\n");
	reads_as("[Typedef]\nid: part_of\n", "H |||\n");
}

static void many_edges_and_alternative_ids_fit(void **state)
{
	struct buf text = BUF_INIT, want = BUF_INIT;
	int i;

	(void)state;
	buf_puts(&text, "[Term]\nid: A\n");
	buf_puts(&want, "H |||\nT1 A||-|0");
	for (i = 0; i < 200; i++)
		buf_printf(&text, "alt_id: B%d\n", i), buf_printf(&want, " alt=B%d", i);
	for (i = 0; i < 200; i++)
		buf_printf(&text, "is_a: C%d\n", i), buf_printf(&want, " is_a>C%d@%d", i, 203 + i);
	buf_puts(&want, "\n");
	reads_as(buf_str(&text), buf_str(&want));
	buf_release(&text);
	buf_release(&want);
}

static void malformed_lines_are_named(void **state)
{
	(void)state;
	fails_with("[Term]\nname: x\n", ERR_FORMAT, "t.obo:1: [Term] without an id");
	fails_with("[Term]\nname: x\n\n[Term]\nid: A\n", ERR_FORMAT,
		   "t.obo:1: [Term] without an id");
	fails_with("[Term]\nid: A\nid: B\n", ERR_FORMAT, "t.obo:3: second 'id'");
	fails_with("[Term]\nid: A B\n", ERR_FORMAT, "t.obo:2: text after the id of 'id'");
	fails_with("[Term]\nid:\n", ERR_FORMAT, "t.obo:2: 'id' without an id");
	fails_with("[Term]\nid: A\nis_a: ! nothing\n", ERR_FORMAT, "t.obo:3: 'is_a' without an id");
	fails_with("[Term]\nid: A\nis_a: B {x=\"y\"\n", ERR_FORMAT, "t.obo:3: text after");
	fails_with("[Term]\nid: A\nrelationship: part_of\n", ERR_FORMAT, "t.obo:3: 'relationship'");
	fails_with("[Term]\nid: A\nis_obsolete: yes\n", ERR_FORMAT, "t.obo:3: 'is_obsolete' is");
	fails_with("[Term]\nid: A\nnonsense\n", ERR_FORMAT, "t.obo:3: expected 'tag: value'");
	fails_with("[Term\nid: A\n", ERR_FORMAT, "t.obo:1: malformed stanza header");
	fails_with("[Term] x\nid: A\n", ERR_FORMAT, "t.obo:1: malformed stanza header");
	fails_with("<?xml version='1.0'?>\n", ERR_FORMAT, "t.obo:1: expected 'tag: value'");
	fails_with(": x\n", ERR_FORMAT, "t.obo:1: expected");
}

static int refuse_term(void *ctx, const struct obo_term *t, struct err *err)
{
	(void)ctx;
	return err_set(err, ERR_EXISTS, "no %s", t->id);
}

static void a_callback_can_end_the_reading(void **state)
{
	static const struct obo_handler refusing = {put_header, refuse_term};
	struct err err = ERR_INIT;
	struct buf out = BUF_INIT;
	struct lines *in;
	const char text[] = "[Term]\nid: A\n[Term]\nid: B\n";

	(void)state;
	assert_int_equal(lines_open_memory(&in, "m", text, sizeof text - 1, &err), 0);
	assert_int_equal(obo_read(in, &refusing, &out, &err), ERR_EXISTS);
	assert_string_equal(err.text, "no A");
	lines_close(in);
	buf_release(&out);
}

static void go_ids_have_seven_digits(void **state)
{
	(void)state;
	assert_true(obo_is_go_id("GO:0000001"));
	assert_false(obo_is_go_id("GO:000001"));
	assert_false(obo_is_go_id("GO:00000011"));
	assert_false(obo_is_go_id("go:0000001"));
	assert_false(obo_is_go_id("GO:000000x"));
	assert_false(obo_is_go_id("GO:"));
	assert_false(obo_is_go_id(""));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(header_and_terms_are_read),
		cmocka_unit_test(each_namespace_has_its_aspect),
		cmocka_unit_test(obsolete_terms_and_alternative_ids_are_kept),
		cmocka_unit_test(comments_modifiers_and_blanks_are_cut),
		cmocka_unit_test(escapes_are_undone),
		cmocka_unit_test(continued_lines_are_joined),
		cmocka_unit_test(a_byte_order_mark_and_crlf_are_fine),
		cmocka_unit_test(unknown_tags_and_stanzas_are_passed_over),
		cmocka_unit_test(the_header_comes_once_also_without_lines),
		cmocka_unit_test(many_edges_and_alternative_ids_fit),
		cmocka_unit_test(malformed_lines_are_named),
		cmocka_unit_test(a_callback_can_end_the_reading),
		cmocka_unit_test(go_ids_have_seven_digits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
