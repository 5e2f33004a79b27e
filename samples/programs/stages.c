/* Stages of the public API: nested, with items and parameters, handed to a thread, a counter.
 * Answer: stage `load` 1, `search` 4 (items 250 each, parameter k) with `score` inside each; `score` of the thread
 * belongs to the stage whose token it adopted; wall and CPU of search : load = 4 : 1; counter rows 0 … 3.
 * build: -O2 -fno-ipa-icf -pthread */
#include <pthread.h>

#include "protea-prof.h"
#include "samples/programs/spin.h"

static int rounds;

static __attribute__((noinline)) void load_rows(void)
{
	int i;

	for (i = 0; i < rounds; i++)
		spin_sink = spin_body(SPIN_UNIT, spin_sink);
}

static __attribute__((noinline)) void score_rows(void)
{
	int i;

	for (i = 0; i < rounds; i++)
		spin_sink = spin_body(SPIN_UNIT, spin_sink);
}

static void *helper(void *arg)
{
	pp_stage score;

	pp_stage_adopt(*(pp_token *)arg);
	score = pp_stage_begin("score");
	score_rows();
	pp_stage_end(&score);
	pp_stage_adopt_end();
	return NULL;
}

static int search(int k)
{
	pp_stage stage = pp_stage_begin("search");
	pp_token token = pp_stage_token();
	pthread_t thread;

	pp_stage_items(&stage, 250);
	pp_stage_param(&stage, "k", k);
	pp_counter("rows", k);
	if (pthread_create(&thread, NULL, helper, &token))
		return -1;
	pthread_join(thread, NULL);
	pp_stage_end(&stage);
	return 0;
}

int main(int argc, char **argv)
{
	pp_stage load;
	int k, bad = 0;

	rounds = (int)(300 * spin_scale(argc, argv));
	load = pp_stage_begin("load");
	load_rows();
	pp_stage_end(&load);
	for (k = 0; k < 4; k++)
		bad |= search(k);
	return bad ? 1 : 0;
}
