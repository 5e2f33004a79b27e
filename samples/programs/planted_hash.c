/* A planted regression: CPU time. A table of 4,096 keys in 256 buckets; after the change the hash uses 64 of them, so
 * that a look-up walks 32 entries on average instead of 8.
 * Answer: `bucket_find` (on main;build_index;bucket_find) in stage `index` takes four times its CPU time or more (seven
 * times where the longer walks also miss the branch predictor and the nearest cache); stages
 * `load` and `report`, of the same work in both, and everything else take what they took.
 * planted_hash [SCALE [before|after]]
 * build: -O2 -fno-ipa-icf */
#include "samples/programs/planted.h"

#define KEYS    4096
#define BUCKETS 256

struct entry {
	uint64_t key;
	struct entry *next;
};

static struct entry entries[KEYS];
static struct entry *buckets[BUCKETS];

static inline uint64_t hash_of(uint64_t key, int after)
{
	key *= UINT64_C(0x9e3779b97f4a7c15);
	return after ? key >> 58 : key >> 56;
}

PLANTED_FUNCTION const struct entry *bucket_find(uint64_t key, int after)
{
	const struct entry *e = buckets[hash_of(key, after)];

	while (e && e->key != key)
		e = e->next;
	return e;
}

static void fill(int after)
{
	uint64_t i;

	for (i = 0; i < KEYS; i++) {
		struct entry **bucket = &buckets[hash_of(i, after)];

		entries[i].key = i;
		entries[i].next = *bucket;
		*bucket = &entries[i];
	}
}

PLANTED_FUNCTION uint64_t build_index(uint64_t finds, int after)
{
	pp_stage stage = pp_stage_begin("index");
	uint64_t found = 0, i;

	fill(after);
	for (i = 0; i < finds; i++)
		found += bucket_find(i * 2654435761u % KEYS, after) != NULL;
	pp_stage_items(&stage, finds);
	pp_stage_end(&stage);
	return found;
}

int main(int argc, char **argv)
{
	double scale = spin_scale(argc, argv);
	uint64_t finds = (uint64_t)(4e6 * scale), found;
	int units = (int)(200 * scale);

	unchanged_work("load", units);
	found = build_index(finds, planted_after(argc, argv));
	unchanged_work("report", units / 2);
	return found == finds ? 0 : 1;
}
