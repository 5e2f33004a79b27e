/* Names that fix identifiers: see ids.h. */
#include "pipeline/bundle/ids.h"

#include <string.h>

#include "pipeline/core/digest.h"
#include "prof/base/buf.h"

const struct bundle_model bundle_models[BUNDLE_N_MODELS] = {
	{"esm2_150m", "facebook/esm2_t30_150M_UR50D", "500a0c59-be09-424d-9d51-b7997629c95a"},
	{"esm2_650m", "facebook/esm2_t33_650M_UR50D", "c2e9dda3-e505-4170-b50d-435a451761ac"},
	{"esm2_3b", "facebook/esm2_t36_3B_UR50D", "55e43f1c-1a3b-4b1d-88c0-26b433f5f673"},
	{"prot_t5", "Rostlab/prot_t5_xl_half_uniref50-enc", "084943c6-fec1-441d-bdc5-63b0268ada1b"},
	{"prostt5", "Rostlab/ProstT5", "c0ae5b69-d6dc-41cf-a711-1739d3d2e170"},
	{"ankh_base", "ElnaggarLab/ankh-base", "08234f06-ba76-4d7d-aaec-ae601096b4fa"},
	{"ankh_large", "ElnaggarLab/ankh-large", "238f79b1-3068-4c6f-9013-5cc52b4f662b"},
	{"esmc_600m", "esmc_600m", "2bf1e753-022f-44b8-a131-9a90acb4024e"},
};

const struct bundle_model *bundle_model_find(const char *name)
{
	size_t i;

	for (i = 0; i < BUNDLE_N_MODELS; i++) {
		if (strcmp(name, bundle_models[i].short_name) == 0 ||
		    strcmp(name, bundle_models[i].checkpoint) == 0)
			return &bundle_models[i];
	}
	return NULL;
}

int bundle_uuid(const char *kind, const char *name, char out[UUID_TEXT], struct err *err)
{
	static const char digits[] = "0123456789abcdef";
	struct buf text = BUF_INIT;
	char hex[SHA256_HEX];
	size_t from = 0, to;
	int rc;

	buf_printf(&text, "protea-bundle\n%s\n%s", kind, name);
	rc = buf_failed(&text) ? ERR_NOMEM : sha256_hex(buf_str(&text), text.len, hex);
	buf_release(&text);
	if (rc < 0)
		return err_set(err, rc, "cannot derive an id for %s '%s'", kind, name);
	hex[12] = '8';
	hex[16] =
		digits[8 + (strchr(digits, hex[16]) - digits) % 4]; /* the two upper bits are 10 */
	for (to = 0; to < UUID_TEXT - 1; to++)
		out[to] = to == 8 || to == 13 || to == 18 || to == 23 ? '-' : hex[from++];
	out[to] = '\0';
	return 0;
}
