/* Lists of processes: by number, by name, with their descendants. See pick.h; whether one can be looked at is
 * decided in pick_check.c. */
#include "prof/attach/pick.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* Of the command line, which may be megabytes long; a name is found in its beginning or not at all. */
#define CMDLINE_MAX 16384
/* pick_wait(): a process that is there this many rounds is looked at only every so many, for it may still
 * become another program. */
#define ROUNDS_YOUNG 50
#define ROUNDS_OLD   25

void pick_release(struct pick_list *l)
{
	free(l->pids);
	*l = (struct pick_list){NULL, 0, 0};
}

int pick_add(struct pick_list *l, int pid)
{
	uint32_t at = 0;

	while (at < l->n && l->pids[at] < pid)
		at++;
	if (at < l->n && l->pids[at] == pid)
		return 0;
	if (l->n == l->cap) {
		uint32_t cap = l->cap ? l->cap * 2 : 16;
		int *grown = realloc(l->pids, cap * sizeof *l->pids);

		if (!grown)
			return ERR_NOMEM;
		l->pids = grown;
		l->cap = cap;
	}
	memmove(&l->pids[at + 1], &l->pids[at], (l->n - at) * sizeof *l->pids);
	l->pids[at] = pid;
	l->n++;
	return 0;
}

/* ---- numbers ------------------------------------------------------------------------------------ */

static int add_number(struct pick_list *l, const char *part, int len, struct err *err)
{
	int hex = part[0] == '0' && (part[1] == 'x' || part[1] == 'X');
	char *end;
	long value;

	errno = 0;
	value = strtol(part, &end, hex ? 16 : 10);
	if (!len)
		return err_set(err, ERR_ARG,
			       "a process id is missing: numbers with commas between them, such as "
			       "12,77");
	if (end != part + len || isspace((unsigned char)part[0]))
		return err_set(
			err, ERR_ARG,
			"'%.*s' is no process id: a number is wanted; by name: --name PATTERN", len,
			part);
	if (errno || value <= 0 || value > PICK_PID_MAX)
		return err_set(err, ERR_ARG,
			       "no process can have the number %.*s: they go from 1 to %d", len,
			       part, PICK_PID_MAX);
	return pick_add(l, (int)value) ? err_nomem(err, "the list of processes") : 0;
}

int pick_parse(struct pick_list *l, const char *text, struct err *err)
{
	for (;;) {
		size_t len = strcspn(text, ",");
		int rc = add_number(l, text, len > 64 ? 64 : (int)len, err);

		if (rc || !text[len])
			return rc;
		text += len + 1;
	}
}

/* ---- names -------------------------------------------------------------------------------------- */

static int stat_of(int pid, struct proc_stat *stat)
{
	struct err err = ERR_INIT;
	struct proc p;
	int rc = proc_open(&p, pid, &err);

	if (rc == 0)
		rc = proc_stat(&p, stat);
	proc_close(&p);
	return rc;
}

static int contains(const struct pick_list *l, int pid)
{
	uint32_t from = 0, to = l->n;

	while (from < to) {
		uint32_t middle = from + (to - from) / 2;

		if (l->pids[middle] == pid)
			return 1;
		if (l->pids[middle] < pid)
			from = middle + 1;
		else
			to = middle;
	}
	return 0;
}

/* Ourselves and those above us: the pattern stands in their own command lines ("sh -c 'protea-prof record
 * --name foo'"), and they are never meant. */
static int own_line(struct pick_list *l)
{
	struct proc_stat stat;
	int pid = getpid();

	while (pid > 0 && !contains(l, pid)) {
		if (pick_add(l, pid))
			return ERR_NOMEM;
		if (stat_of(pid, &stat))
			break;
		pid = stat.ppid;
	}
	return 0;
}

enum match { MATCH_NO, MATCH_YES, MATCH_NEVER };

/* MATCH_NEVER: by its name it would, but no stack can be had of it. */
static enum match matches(const regex_t *pattern, int pid, char line[CMDLINE_MAX])
{
	struct err err = ERR_INIT;
	struct proc_stat stat;
	enum match match = MATCH_NO;
	struct proc p;

	if (proc_open(&p, pid, &err))
		return MATCH_NO;
	if (proc_stat(&p, &stat) == 0) {
		int hit = regexec(pattern, stat.comm, 0, NULL, 0) == 0;
		int dead = (stat.state == 'Z' && stat.n_threads <= 1) || stat.state == 'X';

		if (!hit) {
			proc_name(&p, line, CMDLINE_MAX);
			hit = regexec(pattern, line, 0, NULL, 0) == 0;
		}
		if (!hit) {
			proc_command(&p, line, CMDLINE_MAX);
			hit = regexec(pattern, line, 0, NULL, 0) == 0;
		}
		if (hit)
			match = dead || (stat.flags & PROC_KTHREAD) ? MATCH_NEVER : MATCH_YES;
	}
	proc_close(&p);
	return match;
}

struct search {
	regex_t pattern;
	struct pick_list ours;
	int *pids, *before, *rounds; /* owned; `rounds` belong to `before` */
	uint32_t n, cap, n_before, cap_before;
	uint32_t never; /* matches that are no use */
	uint32_t round;
	char line[CMDLINE_MAX];
};

static int search_new(struct search **out, const char *pattern, struct err *err)
{
	struct search *s = calloc(1, sizeof *s);
	int rc;

	*out = NULL;
	if (!s)
		return err_nomem(err, "the search for processes");
	rc = *pattern ? regcomp(&s->pattern, pattern, REG_EXTENDED | REG_NOSUB) : REG_BADPAT;
	if (rc) {
		regerror(rc, &s->pattern, s->line, sizeof s->line);
		rc = err_set(err, ERR_ARG,
			     "'%.200s' is no extended regular expression (as grep -E takes it): %s",
			     pattern, *pattern ? s->line : "it is empty");
		free(s);
		return rc;
	}
	if (own_line(&s->ours)) {
		pick_release(&s->ours);
		regfree(&s->pattern);
		free(s);
		return err_nomem(err, "the search for processes");
	}
	*out = s;
	return 0;
}

static void search_free(struct search *s)
{
	if (!s)
		return;
	regfree(&s->pattern);
	pick_release(&s->ours);
	free(s->pids);
	free(s->before);
	free(s->rounds);
	free(s);
}

/* How many rounds the process was there before this one; both lists ascend, *at goes along. */
static int age_of(const struct search *s, int pid, uint32_t *at)
{
	while (*at < s->n_before && s->before[*at] < pid)
		(*at)++;
	return *at < s->n_before && s->before[*at] == pid ? s->rounds[*at] : 0;
}

/* What is there now becomes what was there before. */
static void keep_round(struct search *s, int *ages)
{
	int *pids = s->before;
	uint32_t cap = s->cap_before;

	free(s->rounds);
	s->rounds = ages;
	s->before = s->pids;
	s->n_before = s->n;
	s->cap_before = s->cap;
	s->pids = pids;
	s->cap = cap;
	s->round++;
}

/* Looks once; adds what matches. */
static int look(struct search *s, struct pick_list *l, struct err *err)
{
	int rc = proc_all(&s->pids, &s->n, &s->cap);
	uint32_t at = 0;
	int *ages;

	if (rc == ERR_NOMEM)
		return err_nomem(err, "the list of processes");
	if (rc)
		return err_set(err, ERR_UNSUPPORTED,
			       "/proc cannot be listed: mount -t proc proc /proc");
	ages = calloc(s->n, sizeof *ages);
	if (!ages)
		return err_nomem(err, "the list of processes");
	s->never = 0;
	for (uint32_t i = 0; i < s->n && rc == 0; i++) {
		int pid = s->pids[i], age = age_of(s, pid, &at);
		enum match match = MATCH_NO;

		ages[i] = age < ROUNDS_YOUNG ? age + 1 : age;
		if (contains(&s->ours, pid) ||
		    (age == ROUNDS_YOUNG && ((uint32_t)pid + s->round) % ROUNDS_OLD))
			continue;
		match = matches(&s->pattern, pid, s->line);
		s->never += match == MATCH_NEVER;
		if (match == MATCH_YES && pick_add(l, pid))
			rc = err_nomem(err, "the list of processes");
	}
	keep_round(s, ages);
	return rc;
}

int pick_named(struct pick_list *l, const char *pattern, struct err *err)
{
	uint32_t before = l->n;
	struct search *s;
	int rc = search_new(&s, pattern, err);

	if (rc == 0)
		rc = look(s, l, err);
	if (rc == 0 && l->n == before && s->never)
		rc = err_set(err, ERR_NOTFOUND,
			     "'%.200s' matches only kernel threads and processes that have ended",
			     pattern);
	else if (rc == 0 && l->n == before)
		rc = err_set(err, ERR_NOTFOUND,
			     "no process matches '%.200s' (program name, thread name and command "
			     "line were looked at): ps -e; --wait waits for one",
			     pattern);
	search_free(s);
	return rc;
}

int pick_wait(struct pick_list *l, const char *pattern, const volatile int *stop, struct err *err)
{
	const struct timespec nap = {0, 20000000};
	uint32_t before = l->n;
	struct search *s;
	int rc = search_new(&s, pattern, err);

	while (rc == 0) {
		rc = look(s, l, err);
		if (rc || l->n != before)
			break;
		if (stop && *stop)
			rc = err_set(err, ERR_CANCELLED, "no process matched '%.200s' until now",
				     pattern);
		else
			(void)nanosleep(&nap, NULL);
	}
	search_free(s);
	return rc;
}

/* ---- children ----------------------------------------------------------------------------------- */

struct parent {
	int pid, ppid;
};

/* Adds those whose parent is in the list, until there are none; children mostly have higher numbers, so one
 * or two rounds do. */
static int add_below(struct pick_list *l, const struct parent *all, uint32_t n)
{
	uint32_t before;

	do {
		before = l->n;
		for (uint32_t i = 0; i < n; i++)
			if (contains(l, all[i].ppid) && pick_add(l, all[i].pid))
				return ERR_NOMEM;
	} while (l->n != before);
	return 0;
}

/* By the parents of all processes: task/T/children leaves out some while processes come and go (proc(5)), and
 * costs a file per thread. */
int pick_children(struct pick_list *l, struct err *err)
{
	uint32_t n = 0, cap = 0, n_live = 0;
	struct parent *all = NULL;
	struct proc_stat stat;
	int *pids = NULL, rc = proc_all(&pids, &n, &cap);

	if (rc == 0) {
		all = calloc(n, sizeof *all);
		rc = all ? 0 : ERR_NOMEM;
	}
	for (uint32_t i = 0; rc == 0 && i < n; i++)
		if (stat_of(pids[i], &stat) == 0 && stat.state != 'Z' && stat.state != 'X')
			all[n_live++] = (struct parent){pids[i], stat.ppid};
	if (rc == 0)
		rc = add_below(l, all, n_live);
	free(all);
	free(pids);
	if (rc == ERR_NOMEM)
		return err_nomem(err, "the list of processes");
	return rc ? err_set(err, ERR_UNSUPPORTED,
			    "/proc cannot be listed: mount -t proc proc /proc")
		  : 0;
}
