/* Two texts from arbitrary bytes: the definition, the scalar engine in one piece and in many, and the
 * fast engine with all the memory it may use and with less give the same values. Input: four bytes that
 * set lengths and budgets, then the query, then the reference. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "pipeline/align/align.h"
#include "pipeline/align/align_strips.h"
#include "tests/unit/align_reference.h"

#define MAX_TEXT 200

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must_equal(const struct align_values *a, const struct align_values *b)
{
	if (memcmp(a, b, sizeof *a) != 0)
		abort();
}

static void try_scalar(struct align_text q, struct align_text r, size_t budget,
		       const struct align_values *expected)
{
	struct align_workspace *w = align_workspace_new(budget);
	struct align_values v;
	struct err err = ERR_INIT;
	int rc = align_pair(w, q, r, &v, &err);

	if (rc == 0)
		must_equal(&v, expected);
	else if (rc != ERR_LIMIT || !budget)
		abort();
	align_workspace_free(w);
}

static void try_strips(struct align_text q, struct align_text r, size_t budget,
		       const struct align_values *expected)
{
	const struct align_kernel *k = align_kernel_choose();
	struct align_workspace *w;
	struct align_values v;
	struct err err = ERR_INIT;
	struct align_swept swept;
	int rc;

	if (!k)
		return;
	w = align_workspace_new(budget);
	rc = align_strips(k, w, q, r, &v, &swept, &err);
	if (rc == 0)
		must_equal(&v, expected);
	else if (rc != ERR_LIMIT || !budget)
		abort();
	align_workspace_free(w);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct align_text q, r;
	struct align_values expected;
	size_t share, budget, cut;

	if (size < 6)
		return 0;
	share = data[0];
	budget = 64 + 64 * ((size_t)data[1] | (size_t)data[2] << 8);
	cut = data[3];
	data += 4;
	size -= 4;
	q = (struct align_text){(const char *)data, 1 + share * (size - 2) / 255};
	r = (struct align_text){(const char *)data + q.len, size - q.len};
	if (q.len > MAX_TEXT)
		q.len = MAX_TEXT;
	if (r.len > MAX_TEXT)
		r.len = MAX_TEXT;
	expected = ref_values(q, r);
	try_scalar(q, r, 0, &expected);
	try_scalar(q, r, budget, &expected);
	try_strips(q, r, 0, &expected);
	/* from all that is used downwards, by 255 parts */
	try_strips(q, r, 64 + align_strips_memory(LANES_MAX, q.len, r.len) / 255 * cut, &expected);
	return 0;
}
