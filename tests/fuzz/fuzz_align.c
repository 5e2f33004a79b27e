/* Two texts from arbitrary bytes: the definition, the scalar engine in one piece and in many, and the
 * lanes' engine in one piece and in many give the same values. Input: four bytes that set lengths,
 * budget and the lanes of a pair, then the query, then the reference. */
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

/* The pair, and cut versions of it so that lanes differ in size and are filled again; `width` lanes each. */
static void try_lanes(struct align_text q, struct align_text r, size_t width, size_t budget,
		      const struct align_values *expected)
{
	const struct align_kernel *k = align_kernel_choose();
	struct lane_job jobs[2 * LANES_MAX];
	struct align_values v[2 * LANES_MAX];
	struct lane_unit unit = {jobs, 0, width};
	struct align_workspace *w;
	struct err err = ERR_INIT;
	size_t steps = 0;

	if (!k)
		return;
	while (unit.width > k->lanes)
		unit.width /= 2;
	w = align_workspace_new(budget ? align_lanes_memory(k, q.len, r.len, unit.width) : 0);
	for (uint32_t i = 0; i < 2 * k->lanes / unit.width; i++) {
		struct align_text a = q, b = r;

		if (i % 3 == 1)
			a.len = 1 + i % q.len;
		if (i % 4 == 3)
			b.len = 1 + i % r.len;
		if (align_lanes_take(a, b))
			jobs[unit.n++] =
				(struct lane_job){.query = a, .ref = b, .out = &v[i], .number = i};
	}
	if (unit.n > 0 && align_lanes(k, w, &unit, &steps, &err) != 0)
		abort();
	for (size_t i = 0; i < unit.n; i++) {
		if (!jobs[i].done)
			abort();
		if (jobs[i].query.len == q.len && jobs[i].ref.len == r.len)
			must_equal(jobs[i].out, expected);
		else
			try_scalar(jobs[i].query, jobs[i].ref, 0, jobs[i].out);
	}
	align_workspace_free(w);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct align_text q, r;
	struct align_values expected;
	size_t share, budget, width;

	if (size < 6)
		return 0;
	share = data[0];
	budget = 64 + 64 * ((size_t)data[1] | (size_t)data[2] << 8);
	width = data[3];
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
	try_lanes(q, r, (size_t)1 << width % 7, 0, &expected);
	try_lanes(q, r, (size_t)1 << width / 7 % 7, 1, &expected);
	return 0;
}
