/* The canonical PLM names of spec 9 (ADR D35/D36 of the original). */
#include <stddef.h>
#include <string.h>

#include "pipeline/job/grid.h"

static const struct {
	const char *name, *config_id;
} plms[] = {
	{"esm2_150m", "500a0c59-be09-424d-9d51-b7997629c95a"},
	{"esm2_650m", "c2e9dda3-e505-4170-b50d-435a451761ac"},
	{"esm2_3b", "55e43f1c-1a3b-4b1d-88c0-26b433f5f673"},
	{"prot_t5", "084943c6-fec1-441d-bdc5-63b0268ada1b"},
	{"prostt5", "c0ae5b69-d6dc-41cf-a711-1739d3d2e170"},
	{"ankh_base", "08234f06-ba76-4d7d-aaec-ae601096b4fa"},
	{"ankh_large", "238f79b1-3068-4c6f-9013-5cc52b4f662b"},
	{"esmc_600m", "2bf1e753-022f-44b8-a131-9a90acb4024e"},
};

const char *grid_short_name(const char *config_id)
{
	size_t i;

	for (i = 0; i < sizeof plms / sizeof plms[0]; i++)
		if (strcmp(plms[i].config_id, config_id) == 0)
			return plms[i].name;
	return NULL;
}

const char *grid_config_of(const char *short_name)
{
	size_t i;

	for (i = 0; i < sizeof plms / sizeof plms[0]; i++)
		if (strcmp(plms[i].name, short_name) == 0)
			return plms[i].config_id;
	return NULL;
}
