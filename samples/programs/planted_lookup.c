/* A planted improvement. Queries look a name's number up in a sorted table of 2,048; before the change one after the other,
 * 1,024 on average, after it by halves, 11.
 * Answer: `lookup` (on main;join;lookup) in stage `join` takes less than a tenth of its CPU time; stage `load`, of the same
 * work in both, takes what it took.
 * planted_lookup [SCALE [before|after]]
 * build: -O2 -fno-ipa-icf */
#include "samples/programs/planted.h"

#define ROWS 2048

static volatile uint32_t table[ROWS];

PLANTED_FUNCTION int lookup(uint32_t key, int after)
{
	int lo = 0, hi = ROWS;

	if (!after) {
		while (lo < ROWS && table[lo] < key)
			lo++;
		return lo;
	}
	while (lo < hi) {
		int mid = (lo + hi) / 2;

		if (table[mid] < key)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

PLANTED_FUNCTION uint64_t join(uint32_t queries, int after)
{
	pp_stage stage = pp_stage_begin("join");
	uint64_t wrong = 0;
	uint32_t i;

	for (i = 0; i < queries; i++) {
		uint32_t row = i * 2654435761u % ROWS;

		wrong += lookup(3 * row, after) != (int)row;
	}
	pp_stage_items(&stage, queries);
	pp_stage_end(&stage);
	return wrong;
}

int main(int argc, char **argv)
{
	double scale = spin_scale(argc, argv);
	uint32_t i;

	for (i = 0; i < ROWS; i++)
		table[i] = 3 * i;
	unchanged_work("load", (int)(300 * scale));
	return join((uint32_t)(5e5 * scale), planted_after(argc, argv)) != 0;
}
