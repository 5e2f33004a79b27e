/* Two texts from arbitrary bytes: the definition, the scalar engine in one piece and in many, and the
 * lanes' engine in one piece and in many give the same values. Input: four bytes that set lengths and
 * budget, then the query, then the reference. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "pipeline/align/align.h"
#include "pipeline/align/align_lanes.h"
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

/* The pair in some lanes, cut versions of it in the others, so that lanes differ in size. */
static void try_lanes(struct align_text q, struct align_text r, size_t budget,
		      const struct align_values *expected)
{
	const struct align_kernel *k = align_kernel_choose();
	struct align_workspace *w = align_workspace_new(budget);
	struct lane_pair pairs[LANES_MAX];
	struct align_values v[LANES_MAX];
	struct err err = ERR_INIT;
	int rc;

	if (!k) {
		align_workspace_free(w);
		return;
	}
	for (size_t i = 0; i < k->lanes; i++) {
		pairs[i] = (struct lane_pair){q, r};
		if (i % 3 == 1)
			pairs[i].query.len = 1 + i % q.len;
		if (i % 4 == 3)
			pairs[i].ref.len = 1 + i % r.len;
	}
	rc = align_lanes(k, w, pairs, k->lanes, v, &err);
	if (rc != 0 && rc != ERR_UNSUPPORTED)
		abort();
	for (size_t i = 0; rc == 0 && i < k->lanes; i++) {
		if (pairs[i].query.len == q.len && pairs[i].ref.len == r.len)
			must_equal(&v[i], expected);
		else
			try_scalar(pairs[i].query, pairs[i].ref, 0, &v[i]);
	}
	align_workspace_free(w);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct align_text q, r;
	struct align_values expected;
	size_t share, budget;

	if (size < 6)
		return 0;
	share = data[0];
	budget = 64 + 64 * ((size_t)data[1] | (size_t)data[2] << 8);
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
	try_lanes(q, r, 0, &expected);
	try_lanes(q, r, 32 * budget, &expected);
	return 0;
}
