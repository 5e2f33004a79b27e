/* The protein language models of spec section 9 (ADR D35/D36 of the original): canonical short names,
 * checkpoints, configuration ids. A constant table. */
#ifndef CORE_PLM_H
#define CORE_PLM_H

#include <stddef.h>

struct plm {
	const char *short_name; /* "esm2_650m" */
	const char *checkpoint; /* "facebook/esm2_t33_650M_UR50D" */
	const char *config_id;
};

#define PLM_COUNT 8
extern const struct plm plm_list[PLM_COUNT];

/* By short name or checkpoint; NULL: any other model. */
const struct plm *plm_find(const char *name);
const struct plm *plm_of_config(const char *config_id);

#endif
