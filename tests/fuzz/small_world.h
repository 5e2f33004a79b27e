/* A few proteins and terms, made by hand: what tables of foreign programs are looked up in. */
#ifndef FUZZ_SMALL_WORLD_H
#define FUZZ_SMALL_WORLD_H

#include <stdlib.h>
#include <string.h>

#include "pipeline/ontology/ontology.h"
#include "pipeline/pool/proteins.h"

#define WORLD_PROTEINS 4
#define WORLD_TERMS    5

static inline void world_proteins(struct proteins *p)
{
	static const char *const name[WORLD_PROTEINS] = {"A0A024", "P1", "P12345", "Q9"};
	static int64_t sequence[WORLD_PROTEINS] = {7, 8, -1, 9};
	size_t i;

	*p = (struct proteins){.n = WORLD_PROTEINS, .sequence_id = sequence};
	for (i = 0; i < WORLD_PROTEINS; i++)
		if (dict_intern(&p->accessions, name[i], strlen(name[i])) != i)
			abort();
}

static inline void world_ontology(struct ontology *o)
{
	static const char *const name[WORLD_TERMS] = {"GO:0000001", "GO:0000002", "GO:0003674",
						      "GO:0005575", "GO:0008150"};
	static uint32_t rank[WORLD_TERMS] = {0, 1, 2, 3, 4};
	size_t i;

	*o = (struct ontology){.n_go = WORLD_TERMS, .rank = rank};
	for (i = 0; i < WORLD_TERMS; i++)
		if (dict_intern(&o->names, name[i], strlen(name[i])) != i)
			abort();
}

#endif
