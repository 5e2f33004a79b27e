/* Which runs are meant, in words of the command line: see runs_team.h. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "prof/base/clock.h"
#include "prof/cli/runs_team.h"

#define SECOND INT64_C(1000000000)

int runs_wish_chooses(const struct runs_wish *w)
{
	return w->name || w->labels.n || w->since || w->last;
}

static int parse_ago(const char *text, int64_t now_ns, int64_t *since_ns)
{
	static const struct {
		const char *unit;
		int64_t s;
	} units[] = {{"s", 1}, {"m", 60}, {"min", 60}, {"h", 3600}, {"d", 86400}, {"w", 604800}};
	int64_t seconds;
	char *end;
	long n;

	errno = 0;
	n = strtol(text, &end, 10);
	if (end == text || errno || n < 0 || n > 1000000)
		return -1;
	for (size_t i = 0; i < sizeof units / sizeof *units; i++)
		if (strcmp(end, units[i].unit) == 0) {
			seconds = n * units[i].s;
			*since_ns = seconds > now_ns / SECOND ? 0 : now_ns - seconds * SECOND;
			return 0;
		}
	return -1;
}

static int parse_date(const char *text, int64_t *since_ns)
{
	static const char *const forms[] = {"%Y-%m-%d", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S",
					    "%Y-%m-%dT%H:%M:%SZ"};
	time_t at;

	for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
		struct tm tm = {0};
		const char *end = strptime(text, forms[i], &tm);
		int day = tm.tm_mday;

		if (!end || *end)
			continue;
		at = timegm(&tm); /* the 30th of February becomes a day in March */
		if (at < 0 || at > 9000000000 || tm.tm_mday != day)
			return -1;
		*since_ns = (int64_t)at * SECOND;
		return 0;
	}
	return -1;
}

int runs_parse_since(const char *text, int64_t now_ns, int64_t *since_ns, struct err *err)
{
	if (parse_ago(text, now_ns, since_ns) == 0 || parse_date(text, since_ns) == 0)
		return 0;
	return err_set(
		err, ERR_ARG,
		"runs: --since '%.100s': write a day (2026-11-01, UTC) or how long ago (90m, "
		"12h, 7d, 2w)",
		text);
}

int runs_wish_pick(const struct runs_wish *w, struct team_pick *pick, struct err *err)
{
	*pick = (struct team_pick){.name = w->name,
				   .labels = w->labels.values,
				   .n_labels = w->labels.n,
				   .last = (size_t)w->last};
	for (size_t i = 0; i < w->labels.n; i++)
		if (!strchr(w->labels.values[i], '=') || *w->labels.values[i] == '=')
			return err_set(err, ERR_ARG, "runs: --label '%.100s': write key=value",
				       w->labels.values[i]);
	return w->since ? runs_parse_since(w->since, clock_real_ns(), &pick->since_ns, err) : 0;
}
