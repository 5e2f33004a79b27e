/* The protein language models of spec section 9: see plm.h. */
#include "pipeline/core/plm.h"

#include <string.h>

const struct plm plm_list[PLM_COUNT] = {
	{"esm2_150m", "facebook/esm2_t30_150M_UR50D", "500a0c59-be09-424d-9d51-b7997629c95a"},
	{"esm2_650m", "facebook/esm2_t33_650M_UR50D", "c2e9dda3-e505-4170-b50d-435a451761ac"},
	{"esm2_3b", "facebook/esm2_t36_3B_UR50D", "55e43f1c-1a3b-4b1d-88c0-26b433f5f673"},
	{"prot_t5", "Rostlab/prot_t5_xl_half_uniref50-enc", "084943c6-fec1-441d-bdc5-63b0268ada1b"},
	{"prostt5", "Rostlab/ProstT5", "c0ae5b69-d6dc-41cf-a711-1739d3d2e170"},
	{"ankh_base", "ElnaggarLab/ankh-base", "08234f06-ba76-4d7d-aaec-ae601096b4fa"},
	{"ankh_large", "ElnaggarLab/ankh-large", "238f79b1-3068-4c6f-9013-5cc52b4f662b"},
	{"esmc_600m", "esmc_600m", "2bf1e753-022f-44b8-a131-9a90acb4024e"},
};

const struct plm *plm_find(const char *name)
{
	size_t i;

	for (i = 0; i < PLM_COUNT; i++)
		if (strcmp(name, plm_list[i].short_name) == 0 ||
		    strcmp(name, plm_list[i].checkpoint) == 0)
			return &plm_list[i];
	return NULL;
}

const struct plm *plm_of_config(const char *config_id)
{
	size_t i;

	for (i = 0; i < PLM_COUNT; i++)
		if (strcmp(config_id, plm_list[i].config_id) == 0)
			return &plm_list[i];
	return NULL;
}
