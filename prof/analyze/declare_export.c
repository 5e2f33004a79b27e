/* The stages of the export pipeline and what each is declared to cost. The first group is the published table of the
 * pipeline's complexity (but for pca_fit, whose scatter matrix is exact and has d^2 sums); the stages below it are not in that table and are declared by what they go through. Parameters:
 * q queries of a pair, n references of an aspect (of the pool: in stages that see all of it), d dimension, k neighbours,
 * T terms of a neighbour, p components, rows written, pairs and cells (length by length) aligned, annotations of the
 * releases read, proteins and terms in the source, bytes of files. Rows are written in windows: no memory grows with them. */
#include "prof/analyze/declare.h"

const struct declared_stage declared_export[] = {
	{"load_embeddings", "n*d", "n*d"},
	{"knn", "q*n*d + n*d + q*k", "n*d + q*k"},
	{"transfer", "q*k*T", "n*d"},
	{"alignment", "cells + pairs", "n*d + pairs"},
	{"taxonomy", "q*k", "n*d + q*k"},
	{"anc2vec", "q*k*T", "n*d + q*k"},
	{"pca_fit", "n*d^2 + d^3", "n*d + d^2"},
	{"pca", "q*d*p", "n*d + q*k"},
	{"parquet", "rows", "n*d"},
	{"upload", "bytes", "n*d"},

	{"load_maps", "proteins + terms", "proteins + terms"},
	{"load_annotations", "annotations", "proteins + terms + annotations"},
	{"load_files", "terms + taxa", "n*d + terms + taxa"},
	{"fingerprint", "n*d + n", "n*d"},
	{"ground_truth", "annotations", "n*d + annotations"},
	{"references", "annotations", "n*d + annotations"},
	{"records", "rows", "n*d"},
	{NULL, NULL, NULL},
};
