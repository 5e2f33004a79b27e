/* What an annotation row says (spec 4.3): experimental evidence and negation. Pure functions. */
#ifndef ONTOLOGY_EVIDENCE_H
#define ONTOLOGY_EVIDENCE_H

int evidence_is_experimental(const char *code);  /* GO code or ECO id; NULL: no */
int qualifier_is_negated(const char *qualifier); /* contains "NOT"; NULL: no */

#endif
