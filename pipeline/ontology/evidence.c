/* What an annotation row says: see evidence.h. */
#include "pipeline/ontology/evidence.h"

#include <stddef.h>
#include <string.h>

int evidence_is_experimental(const char *code)
{
	static const char *const codes[] = {
		"EXP",
		"IDA",
		"IPI",
		"IMP",
		"IGI",
		"IEP",
		"HTP",
		"HDA",
		"HMP",
		"HGI",
		"HEP",
		"IC",
		"TAS",
		/* the ECO ids that stand for them, in the same order */
		"ECO:0000269",
		"ECO:0000314",
		"ECO:0000353",
		"ECO:0000315",
		"ECO:0000316",
		"ECO:0000270",
		"ECO:0006056",
		"ECO:0007005",
		"ECO:0007001",
		"ECO:0007003",
		"ECO:0007007",
		"ECO:0000305",
		"ECO:0000304",
	};
	size_t i;

	if (!code)
		return 0;
	for (i = 0; i < sizeof codes / sizeof codes[0]; i++)
		if (strcmp(code, codes[i]) == 0)
			return 1;
	return 0;
}

int qualifier_is_negated(const char *qualifier)
{
	return qualifier && strstr(qualifier, "NOT") != NULL;
}
