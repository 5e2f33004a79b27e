/* FASTA protein files, record by record. Headers of UniProt ("sp|P12345|NAME_SPECIES … OS=… OX=…"),
 * UniRef ("TaxID="), local identifiers ("lcl|X", "gnl|DB|X") and bare accessions; whatever else holds
 * a bar is cut at the first one. Residues are letters, '*' and '-', kept as written. Duplicates are
 * the caller's business. One read belongs to one thread. */
#ifndef BUNDLE_FASTA_H
#define BUNDLE_FASTA_H

#include <stddef.h>
#include <stdint.h>

#include "pipeline/core/lines.h"
#include "prof/base/err.h"

/* Longest sequence accepted; the longest known protein has about 46,000 residues. */
#define FASTA_MAX_RESIDUES  ((size_t)64 << 20)
#define FASTA_MAX_ACCESSION 255

/* Texts are borrowed and valid during the callback only; absent ones are "". */
struct fasta_record {
	const char *accession;
	const char *organism; /* OS= */
	const char *taxon;    /* digits of OX= or TaxID= */
	const char *residues; /* not empty, NUL-terminated */
	size_t n_residues;
	uint64_t line; /* of the header */
};

/* 0 to go on; a negative code ends the reading and becomes its result. */
typedef int fasta_fn(void *ctx, const struct fasta_record *record, struct err *err);

int fasta_read(struct lines *in, fasta_fn *fn, void *ctx, struct err *err);

#endif
