/* The public header with an agent in the process: here one of the test's own, that writes down each
 * call. Then the same through the worker threads, which must carry their caller's stage along. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "pipeline/core/workers.h"
#include "protea-prof.h"

static char heard[8192];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

#define HEAR(...)                                                                                  \
	do {                                                                                       \
		pthread_mutex_lock(&lock);                                                         \
		snprintf(heard + strlen(heard), sizeof heard - strlen(heard), __VA_ARGS__);        \
		pthread_mutex_unlock(&lock);                                                       \
	} while (0)

void pp_agent_stage_begin(pp_stage *stage, const char *name)
{
	stage->id = 7;
	stage->owner = 8;
	HEAR("begin %s;", name);
}

void pp_agent_stage_items(pp_stage *stage, uint64_t items)
{
	HEAR("items %d %d;", (int)stage->id, (int)items);
}

void pp_agent_stage_param(pp_stage *stage, const char *name, double value)
{
	HEAR("param %d %s %g;", (int)stage->owner, name, value);
}

void pp_agent_stage_end(pp_stage *stage)
{
	HEAR("end %d;", (int)stage->id);
}

void pp_agent_stage_token(pp_token *token)
{
	token->id = 70;
	token->owner = 80;
	HEAR("token;");
}

void pp_agent_stage_adopt(const pp_token *token)
{
	HEAR("adopt %d %d;", (int)token->id, (int)token->owner);
}

void pp_agent_stage_adopt_end(void)
{
	HEAR("adopt_end;");
}

void pp_agent_counter(const char *name, double value)
{
	HEAR("counter %s %g;", name, value);
}

int pp_agent_start(const char *path)
{
	HEAR("start %s;", path ? path : "-");
	return 0;
}

int pp_agent_stop(void)
{
	HEAR("stop;");
	return -1;
}

static void every_call_reaches_the_agent(void **state)
{
	pp_stage stage;

	(void)state;
	heard[0] = '\0';
	assert_true(pp_present());
	assert_int_equal(pp_start(NULL), 0);
	assert_int_equal(pp_start("x"), 0);
	stage = pp_stage_begin("knn");
	pp_stage_items(&stage, 5);
	pp_stage_param(&stage, "q", 2.5);
	pp_stage_adopt(pp_stage_token());
	pp_stage_adopt_end();
	pp_counter("rows", 3);
	pp_stage_end(&stage);
	assert_int_equal(pp_stop(), -1);
	assert_string_equal(heard, "start -;start x;begin knn;items 7 5;param 8 q 2.5;token;"
				   "adopt 70 80;adopt_end;counter rows 3;end 7;stop;");
}

static int nothing(void *ctx, size_t worker, size_t item, struct err *err)
{
	(void)ctx, (void)worker, (void)item, (void)err;
	return 0;
}

static size_t count(const char *word)
{
	size_t n = 0;

	for (const char *p = heard; (p = strstr(p, word)) != NULL; p += strlen(word))
		n++;
	return n;
}

static void threads_adopt_the_stage_of_their_caller(void **state)
{
	struct err err = {0};

	(void)state;
	heard[0] = '\0';
	assert_int_equal(workers_run(3, 100, nothing, NULL, &err), 0);
	assert_int_equal(count("token;"), 1);
	assert_in_range(count("adopt 70 80;"), 1, 3);
	assert_int_equal(count("adopt_end;"), count("adopt 70 80;"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_call_reaches_the_agent),
		cmocka_unit_test(threads_adopt_the_stage_of_their_caller),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
