/* protea-prof check: tries everything that recording needs and says what would make the rest work. */
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "prof/base/log.h"
#include "prof/cli/check.h"
#include "prof/cli/cmd.h"
#include "prof/cli/version.h"

static void (*const checks[])(struct check_finding *) = {
	check_perf,  check_clock, check_agent,     check_shm,    check_limits,
	check_cache, check_store, check_debuginfo, check_ptrace, check_container,
};

#define N_CHECKS (sizeof(checks) / sizeof(checks[0]))

static const char *const states[] = {"ok", "poor", "bad"};

static void print_text(const struct check_finding *f)
{
	static const char *const colours[] = {"\033[32m", "\033[33m", "\033[31m"};
	int colour = cli_colour();

	printf("%s%-5s%s %-16s %s\n", colour ? colours[f->state] : "", states[f->state],
	       colour ? "\033[0m" : "", f->name, f->what);
	if (f->remedy[0])
		printf("%5s %-16s -> %s\n", "", "", f->remedy);
}

static int print_json(const struct check_finding *f, size_t n, int works)
{
	json_t *root = json_object(), *rows = json_array();
	size_t i;
	int bad = !root || !rows;

	for (i = 0; !bad && i < n; i++)
		bad |= json_array_append_new(rows, json_pack("{s:s,s:s,s:s,s:s}", "name", f[i].name,
							     "state", states[f[i].state], "what",
							     f[i].what, "remedy", f[i].remedy));
	if (root) {
		bad |= json_object_set_new(root, "version", json_string(prof_version));
		bad |= json_object_set_new(root, "works", json_boolean(works));
		bad |= json_object_set_new(root, "checks", json_incref(rows));
	}
	json_decref(rows);
	bad = bad || json_dumpf(root, stdout, JSON_INDENT(1)) || putchar('\n') == EOF;
	json_decref(root);
	return bad;
}

int cmd_check(int argc, char **argv)
{
	int json = 0, works = 1, done, first;
	const struct opt opts[] = {
		{0, "json", OPT_FLAG, &json, NULL, "the same for scripts", 0},
		{0, NULL, OPT_FLAG, NULL, NULL, NULL, 0},
	};
	const struct usage usage = {
		"check [--json]",
		"Tries what recording needs on this machine, as this user. Exit code 0: "
		"sampling works.",
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
	memset(findings, 0, sizeof(findings));
	for (i = 0; i < N_CHECKS; i++) {
		checks[i](&findings[i]);
		works &= findings[i].state != CHECK_BAD;
	}
	if (json)
		return print_json(findings, N_CHECKS, works) ? EXIT_FAIL
		       : works                               ? EXIT_OK
							     : EXIT_FAIL;
	for (i = 0; i < N_CHECKS; i++)
		print_text(&findings[i]);
	printf("\n%s\n", works ? "sampling works here" : "sampling does not work here");
	return works ? EXIT_OK : EXIT_FAIL;
}
