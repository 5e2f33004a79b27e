/* protea-prof check: tries everything that recording needs and says what would make the rest work. */
#include <stdio.h>
#include <string.h>

#include "prof/base/log.h"
#include "prof/cli/check.h"
#include "prof/cli/cmd.h"
#include "prof/cli/jsonout.h"
#include "prof/cli/text.h"
#include "prof/cli/version.h"

static void (*const checks[])(struct check_finding *) = {
	check_perf,  check_clock,     check_agent,  check_shm,   check_limits,    check_cache,
	check_store, check_debuginfo, check_ptrace, check_build, check_container, check_sql,
}; /* check_perf and check_clock first: see can_sample() */

#define N_CHECKS (sizeof(checks) / sizeof(checks[0]))

static const char *const states[] = {"ok", "poor", "bad"};

void check_print(const struct check_finding *f)
{
	static const char *const colours[] = {"\033[32m", "\033[33m", "\033[31m"};
	int colour = cli_colour();

	printf("%s%-5s%s %-16s ", colour ? colours[f->state] : "", states[f->state],
	       colour ? "\033[0m" : "", f->name);
	text_print(stdout, f->what, 0, 0);
	if (f->remedy[0]) {
		printf("\n%5s %-16s -> ", "", "");
		text_print(stdout, f->remedy, 0, 0);
	}
	putchar('\n');
}

void check_put_json(json_t *root, const struct check_finding *f, size_t n, int works, int *bad)
{
	json_t *rows = json_array();
	size_t i;

	for (i = 0; rows && i < n; i++)
		*bad |= json_array_append_new(
			rows, json_pack("{s:s,s:s,s:o,s:o}", "name", f[i].name, "state",
					states[f[i].state], "what", jsonout_text(f[i].what),
					"remedy", jsonout_text(f[i].remedy)));
	*bad |= jsonout_put(root, "works", json_boolean(works));
	*bad |= jsonout_put(root, "checks", rows);
}

static int print_json(const struct check_finding *f, size_t n, int works)
{
	json_t *root = json_object();
	struct err err = ERR_INIT;
	int bad = !root;

	if (root) {
		bad |= jsonout_put(root, "version", json_string(prof_version));
		check_put_json(root, f, n, works, &bad);
	}
	if (jsonout_finish(stdout, root, bad, &err))
		return cli_fail(&err);
	return works ? EXIT_OK : EXIT_FAIL;
}

/* One of perf events and CPU timers is enough. */
static int can_sample(struct check_finding findings[])
{
	struct check_finding *perf = &findings[0], *timers = &findings[1];
	int works = 1;
	size_t i;

	if (timers->state == CHECK_BAD && perf->state == CHECK_OK)
		timers->state = CHECK_POOR;
	for (i = 0; i < N_CHECKS; i++)
		works &= findings[i].state != CHECK_BAD;
	return works;
}

int cmd_check(int argc, char **argv)
{
	int json = 0, works, done, first;
	const char *pid = NULL;
	const struct opt opts[] = {
		{'p', "pid", OPT_TEXT, &pid, "PID",
		 "may we look at this process; how would dump, record, top do it", 0},
		{0, "json", OPT_FLAG, &json, NULL, "the same for scripts", 0},
		{0, NULL, OPT_FLAG, NULL, NULL, NULL, 0},
	};
	const struct usage usage = {
		"check [-p PID] [--json]",
		"Tries what recording needs on this machine, as this user; with -p what looking at "
		"a "
		"live\nprocess needs, without touching it. Exit code 0: sampling works; with -p: "
		"dump works.",
		opts};
	struct check_finding findings[N_CHECKS];
	size_t i;

	first = opts_parse(argc, argv, &usage, 1, &done);
	if (first < 0)
		return EXIT_USAGE;
	if (done)
		return EXIT_OK;
	if (first < argc) {
		log_error("check: takes no argument such as '%s'", argv[first]);
		return EXIT_USAGE;
	}
	if (pid)
		return check_pid(pid, json);
	memset(findings, 0, sizeof(findings));
	for (i = 0; i < N_CHECKS; i++)
		checks[i](&findings[i]);
	works = can_sample(findings);
	if (json)
		return print_json(findings, N_CHECKS, works);
	for (i = 0; i < N_CHECKS; i++)
		check_print(&findings[i]);
	printf("\n%s\n", works ? "sampling works here" : "sampling does not work here");
	return works ? EXIT_OK : EXIT_FAIL;
}
