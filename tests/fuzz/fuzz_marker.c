/* Any bytes as the marker of a finished pair: never counts unless signed. The same as an object that
 * is signed: counts only if it says that no shard has rows, for no shard is there. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "pipeline/core/text.h"
#include "pipeline/job/staging.h"
#include "tests/fuzz/scratch.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define PAIR "v1-v2"

/* A sound marker, however strange, is told from one that does not count; both are taken apart. */
static void signed_marker(struct staging *s, json_t *marker)
{
	struct err err = ERR_INIT;
	char why[256];
	json_t *back;
	int cat, empty = 1;

	json_object_set_new(marker, "fingerprint", json_string(s->content));
	json_object_del(marker, "checksum");
	if (staging_save_marker(s, PAIR, marker, &err) != 0)
		return; /* texts that are no UTF-8 cannot be written */
	for (cat = 0; cat < CATEGORIES; cat++) {
		const json_t *shard =
			json_object_get(json_object_get(marker, "shards"), category_name[cat]);

		empty &= json_integer_value(json_object_get(shard, "rows")) == 0;
	}
	back = staging_load_marker(s, PAIR, why);
	if (back && (!empty || !json_equal(back, marker)))
		abort();
	json_decref(back);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char fingerprint[] =
		"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
	struct staging s = {.dir = (char *)(uintptr_t)scratch_folder(), .lock = -1};
	char path[SCRATCH_PATH], why[256];
	json_t *marker;

	memcpy(s.fingerprint, fingerprint, sizeof s.fingerprint);
	memcpy(s.content, fingerprint, sizeof s.content);
	scratch_write(path, PAIR ".json", data, size);
	marker = staging_load_marker(&s, PAIR, why);
	if (!marker && !why[0])
		abort();
	json_decref(marker);
	marker = json_parse("fuzz", (const char *)data, size, NULL);
	if (json_is_object(marker))
		signed_marker(&s, marker);
	json_decref(marker);
	return 0;
}
