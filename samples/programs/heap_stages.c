/* Memory of stages. MiB allocated (blocks) and, above what is live at the start of `outer`, the highest heap:
 *   outer    1 + 2 + 0.5 = 3.5 MiB (3), peak 3 MiB   holds 1 MiB all the time
 *   inner    2 MiB (1), peak 3 MiB                   freed in it
 *   second   0.5 MiB (1), peak 1.5 MiB               kept until outer ends
 *   threads  4 x 0.25 = 1 MiB (4), peak 1 MiB        a thread that adopts the stage, and frees at its end
 *   tiny     1,000 stages, 10 blocks of 100 B each: 1,000,000 B (10,000) in all
 * build: -O2 -fno-builtin -pthread */
#include <pthread.h>
#include <stdlib.h>

#include "protea-prof.h"

#define NOINLINE __attribute__((noinline, noclone))
#define MIB      ((size_t)1 << 20)

static NOINLINE void *take(size_t bytes)
{
	void *p = malloc(bytes);

	if (!p)
		abort();
	return p;
}

static NOINLINE void tiny(void)
{
	pp_stage stage = pp_stage_begin("tiny");
	void *p[10];
	int i;

	for (i = 0; i < 10; i++)
		p[i] = take(100);
	for (i = 0; i < 10; i++)
		free(p[i]);
	pp_stage_end(&stage);
}

static void *helper(void *token)
{
	void *p[4];
	int i;

	pp_stage_adopt(*(pp_token *)token);
	for (i = 0; i < 4; i++)
		p[i] = take(MIB / 4);
	for (i = 0; i < 4; i++)
		free(p[i]);
	pp_stage_adopt_end();
	return NULL;
}

static int threads(void)
{
	pp_stage stage = pp_stage_begin("threads");
	pp_token token = pp_stage_token();
	pthread_t thread;

	if (pthread_create(&thread, NULL, helper, &token) || pthread_join(thread, NULL))
		return -1;
	pp_stage_end(&stage);
	return 0;
}

int main(void)
{
	pp_stage outer = pp_stage_begin("outer"), inner, second;
	void *a = take(MIB), *b, *c;
	int i;

	inner = pp_stage_begin("inner");
	b = take(2 * MIB);
	free(b);
	pp_stage_end(&inner);
	second = pp_stage_begin("second");
	c = take(MIB / 2);
	pp_stage_end(&second);
	free(a);
	free(c);
	pp_stage_end(&outer);
	if (threads())
		return 1;
	for (i = 0; i < 1000; i++)
		tiny();
	return 0;
}
