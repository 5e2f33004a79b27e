/* Any bytes as a FASTA file: every record handed over has an accession and residues of the alphabet. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "pipeline/bundle/fasta.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(int ok)
{
	if (!ok)
		abort();
}

static int on_record(void *ctx, const struct fasta_record *r, struct err *err)
{
	size_t i;

	(void)ctx;
	(void)err;
	must(*r->accession && strlen(r->accession) <= FASTA_MAX_ACCESSION);
	must(r->n_residues > 0 && strlen(r->residues) == r->n_residues);
	for (i = 0; i < r->n_residues; i++)
		must((r->residues[i] | 32) >= 'a' ? (r->residues[i] | 32) <= 'z'
						  : r->residues[i] == '*' || r->residues[i] == '-');
	must(strspn(r->taxon, "0123456789") == strlen(r->taxon) && strlen(r->taxon) <= 18);
	must(strlen(r->organism) < SIZE_MAX / 2);
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct err err = ERR_INIT;
	struct lines *in;
	int rc;

	if (lines_open_memory(&in, "fuzz", data, size, &err) < 0)
		return 0;
	rc = fasta_read(in, on_record, NULL, &err);
	must(rc <= 0 && (rc == 0) == (err.text[0] == '\0'));
	lines_close(in);
	return 0;
}
