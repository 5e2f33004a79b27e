/* FASTA files: headers of several databases, odd layouts, bad residues. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "pipeline/bundle/fasta.h"
#include "prof/base/buf.h"

static int put_record(void *ctx, const struct fasta_record *r, struct err *err)
{
	(void)err;
	assert_int_equal(strlen(r->residues), r->n_residues);
	return buf_printf(ctx, "%llu %s|%s|%s|%s\n", (unsigned long long)r->line, r->accession,
			  r->organism, r->taxon, r->residues);
}

static int read_bytes(const char *text, size_t n, struct buf *out, struct err *err)
{
	struct lines *in;
	int rc = lines_open_memory(&in, "t.fasta", text, n, err);

	assert_int_equal(rc, 0);
	rc = fasta_read(in, put_record, out, err);
	lines_close(in);
	return rc;
}

static void reads_as(const char *text, const char *want)
{
	struct err err = ERR_INIT;
	struct buf out = BUF_INIT;

	assert_int_equal(read_bytes(text, strlen(text), &out, &err), 0);
	assert_string_equal(err.text, "");
	assert_string_equal(buf_str(&out), want);
	buf_release(&out);
}

static void fails_with(const char *text, const char *message)
{
	struct err err = ERR_INIT;
	struct buf out = BUF_INIT;

	assert_int_equal(read_bytes(text, strlen(text), &out, &err), ERR_FORMAT);
	assert_int_equal(err.code, ERR_FORMAT);
	if (!strstr(err.text, message))
		fail_msg("'%s' lacks '%s'", err.text, message);
	buf_release(&out);
}

static void uniprot_headers_give_accession_organism_and_taxon(void **state)
{
	(void)state;
	reads_as(
		">sp|P12345|AATM_RABIT Aspartate aminotransferase OS=Oryctolagus cuniculus OX=9986 "
		"GN=GOT2 PE=1 SV=2\nMKV\n",
		"1 P12345|Oryctolagus cuniculus|9986|MKV\n");
	reads_as(
		">tr|A0A1B2-2|X_Y Thing OS=Escherichia coli (strain K12) PE=4 SV=1 Split=0 \nMKV\n",
		"1 A0A1B2-2|Escherichia coli (strain K12)||MKV\n");
	reads_as(">sp|P1|X OS=Homo sapiens\nM\n", "1 P1|Homo sapiens||M\n");
	reads_as(">sp|P1|X POS=3 OX=9606 OS=Homo sapiens  \nM\n", "1 P1|Homo sapiens|9606|M\n");
}

static void other_headers_give_an_accession(void **state)
{
	(void)state;
	reads_as(">P12345\nM\n>P2 some words\nM\n>B0RED7|GO:0046933,GO:0046933\nM\n",
		 "1 P12345|||M\n3 P2|||M\n5 B0RED7|||M\n");
	reads_as(">UniRef50_Q8 Titin n=3 Tax=Mammalia TaxID=40674 RepID=X\nM\n",
		 "1 UniRef50_Q8||40674|M\n");
	reads_as(
		">gi|123|sp|P9.1|NAME x\nM\n>lcl|mine\nM\n>gnl|DB|7\nM\n>ref|NP_1.2|\nM\n>lcl\nM\n",
		"1 P9.1|||M\n3 mine|||M\n5 7|||M\n7 NP_1.2|||M\n9 lcl|||M\n");
	reads_as("> \t P1 x\nM\n", "1 P1|||M\n");
	reads_as(">gi|5\nM\n", "1 5|||M\n");
}

static void a_taxon_is_a_whole_number(void **state)
{
	(void)state;
	reads_as(">P1 OX=9606x\nM\n>P2 OX=\nM\n>P3 OX=1234567890123456789\nM\n>P4 OX=7\nM\n",
		 "1 P1|||M\n3 P2|||M\n5 P3|||M\n7 P4||7|M\n");
}

static void sequences_may_take_several_lines(void **state)
{
	(void)state;
	reads_as(">a\nMK\n\nVL \t\n*-x\n\n;comment\n>b\nW", "1 a|||MKVL*-x\n8 b|||W\n");
	reads_as("\n;first\n>a\r\nMK\r\nV\r\n", "3 a|||MKV\n");
	reads_as("", "");
	reads_as("\n\n", "");
}

static void long_sequences_are_whole(void **state)
{
	struct buf text = BUF_INIT, want = BUF_INIT;
	int i;

	(void)state;
	buf_puts(&text, ">titin OX=9606\n");
	buf_puts(&want, "1 titin||9606|");
	for (i = 0; i < 600; i++) {
		buf_puts(&text, "MKVLAWGGSSACDEFGHIKLMNPQRSTVWYMKVLAWGGSSACDEFGHIKLMNPQRSTVWY\n");
		buf_puts(&want, "MKVLAWGGSSACDEFGHIKLMNPQRSTVWYMKVLAWGGSSACDEFGHIKLMNPQRSTVWY");
	}
	buf_puts(&want, "\n");
	reads_as(buf_str(&text), buf_str(&want));
	buf_release(&text);
	buf_release(&want);
}

static void bad_residues_are_named_with_their_place(void **state)
{
	(void)state;
	fails_with(">a\nMK\nM1V\n", "t.fasta:3: byte 0x31 ('1') in column 2 is no residue");
	fails_with(">a\nMK VL\n", "t.fasta:2: byte 0x20 (' ') in column 3");
	fails_with(">a\nM\xc3\xa9\n", "t.fasta:2: byte 0xc3 in column 2");
	fails_with(">a\nM.\n", "('.')");
}

static void empty_records_are_refused(void **state)
{
	(void)state;
	fails_with(">a\n>b\nM\n", "t.fasta:1: 'a' has an empty sequence");
	fails_with(">b\nM\n>a\n", "t.fasta:3: 'a' has an empty sequence");
	fails_with(">a\n  \n", "t.fasta:1: 'a' has an empty sequence");
	fails_with(">\nM\n", "t.fasta:1: header without an accession");
	fails_with(">sp||X\nM\n", "t.fasta:1: header without an accession");
	fails_with(">|x\nM\n", "header without an accession");
	fails_with(">a\x01z\nM\n", "no printable ASCII");
	fails_with("MKV\n", "t.fasta:1: a FASTA record starts with '>'");
}

static void the_longest_accession_has_255_characters(void **state)
{
	struct err err = ERR_INIT;
	struct buf out = BUF_INIT;
	char text[400];

	(void)state;
	memset(text, 'A', sizeof text);
	text[0] = '>';
	memcpy(text + 256, "\nM\n", 4);
	assert_int_equal(read_bytes(text, strlen(text), &out, &err), 0);
	text[256] = 'A';
	memcpy(text + 257, "\nM\n", 4);
	fails_with(text, "more than 255 characters");
	buf_release(&out);
}

static void truncated_gzip_is_an_error_of_the_line(void **state)
{
	/* the first 40 bytes of `printf '>a\nMKV…' | gzip`, cut inside the data */
	static const unsigned char gz[] = {0x1f, 0x8b, 0x08, 0x00, 0x00, 0x00, 0x00,
					   0x00, 0x00, 0x03, 0xb3, 0x4b, 0xe4};
	struct err err = ERR_INIT;
	struct buf out = BUF_INIT;

	(void)state;
	assert_int_equal(read_bytes((const char *)gz, sizeof gz, &out, &err), ERR_FORMAT);
	assert_non_null(strstr(err.text, "t.fasta"));
	buf_release(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(uniprot_headers_give_accession_organism_and_taxon),
		cmocka_unit_test(other_headers_give_an_accession),
		cmocka_unit_test(a_taxon_is_a_whole_number),
		cmocka_unit_test(sequences_may_take_several_lines),
		cmocka_unit_test(long_sequences_are_whole),
		cmocka_unit_test(bad_residues_are_named_with_their_place),
		cmocka_unit_test(empty_records_are_refused),
		cmocka_unit_test(the_longest_accession_has_255_characters),
		cmocka_unit_test(truncated_gzip_is_an_error_of_the_line),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
