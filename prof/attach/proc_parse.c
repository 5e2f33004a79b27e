/* The texts of /proc/PID, taken apart: see proc.h. Foreign bytes: what does not make sense is refused, numbers
 * that do not fit are cut to the largest. No I/O. */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "prof/attach/proc.h"

/* Fields of /proc/PID/stat, numbered as in proc(5); the state is the third. */
enum {
	STAT_PPID = 4,
	STAT_FLAGS = 9,
	STAT_MINFLT = 10,
	STAT_MAJFLT = 12,
	STAT_UTIME = 14,
	STAT_STIME = 15,
	STAT_THREADS = 20,
	STAT_START = 22,
	STAT_RSS = 24,
	STAT_CPU = 39,
	STAT_FIELDS = 40,
};

static const char *skip_blanks(const char *p)
{
	return p + strspn(p, " \t");
}

/* A number in `base` and the place after it; NULL: there is none. */
static const char *number(const char *p, int base, uint64_t *value)
{
	char *end;

	p = skip_blanks(p);
	if (*p == '-' || *p == '+')
		return NULL;
	errno = 0;
	*value = strtoull(p, &end, base); /* what is too large becomes the largest */
	return end == p || strchr(" \t\n\r\f\v", *p) ? NULL : end;
}

static int as_int(uint64_t value)
{
	return value > INT_MAX ? INT_MAX : (int)value;
}

static int64_t times(uint64_t value, uint64_t unit)
{
	uint64_t product;

	if (__builtin_mul_overflow(value, unit, &product) || product > INT64_MAX)
		return INT64_MAX;
	return (int64_t)product;
}

/* ---- stat --------------------------------------------------------------------------------------- */

/* The kernel writes a line break in a name as \n and a backslash as \\ (seq_escape_str() in fs/proc/array.c). */
static void copy_comm(char out[PROC_COMM_MAX], const char *text, const char *end)
{
	size_t n = 0;

	while (text < end && n + 1 < PROC_COMM_MAX) {
		if (*text == '\\' && end - text > 1 && (text[1] == 'n' || text[1] == '\\'))
			text++, out[n++] = *text == 'n' ? '\n' : '\\';
		else
			out[n++] = *text;
		text++;
	}
	out[n] = '\0';
}

/* Fields from the fourth on; what is negative or missing is 0. Returns how many are there. */
static int stat_numbers(const char *p, uint64_t fields[STAT_FIELDS])
{
	int field = STAT_PPID;

	memset(fields, 0, STAT_FIELDS * sizeof *fields);
	for (; field < STAT_FIELDS; field++) {
		const char *next;

		p = skip_blanks(p);
		if (*p == '\0' || *p == '\n')
			break;
		next = number(p, 10, &fields[field]);
		if (!next && *p != '-')
			break;
		p = next ? next : p + strcspn(p, " \n");
	}
	return field;
}

int proc_stat_parse(struct proc_stat *s, const char *text)
{
	const char *open = strchr(text, '('), *close = strrchr(text, ')');
	uint64_t f[STAT_FIELDS], tick_ns, hz = (uint64_t)sysconf(_SC_CLK_TCK);

	memset(s, 0, sizeof *s);
	/* A name may hold any of ") (": what comes after it are numbers, so the last one ends it. */
	if (!open || !close || close < open || close[1] != ' ' || !close[2] || close[3] != ' ')
		return -1;
	copy_comm(s->comm, open + 1, close);
	s->state = close[2];
	if (stat_numbers(close + 4, f) <= STAT_RSS)
		return -1;
	tick_ns = 1000000000u / (hz ? hz : 100);
	s->ppid = as_int(f[STAT_PPID]);
	s->n_threads = as_int(f[STAT_THREADS]);
	s->cpu = as_int(f[STAT_CPU]);
	s->flags = (uint32_t)f[STAT_FLAGS];
	s->minor_faults = f[STAT_MINFLT];
	s->major_faults = f[STAT_MAJFLT];
	s->user_ns = times(f[STAT_UTIME], tick_ns);
	s->system_ns = times(f[STAT_STIME], tick_ns);
	s->start_ticks = f[STAT_START];
	s->rss_bytes = times(f[STAT_RSS], (uint64_t)sysconf(_SC_PAGESIZE));
	return 0;
}

enum profile_state proc_state(char letter)
{
	switch (letter) {
	case 'R':
		return PROFILE_RUNNING;
	case 'D':
		return PROFILE_DISK;
	case 'T':
	case 't':
		return PROFILE_STOPPED;
	case 'Z':
	case 'X':
	case 'x':
		return PROFILE_ZOMBIE;
	default: /* S, and of the kernel's own threads I, P */
		return PROFILE_SLEEPING;
	}
}

/* ---- status ------------------------------------------------------------------------------------- */

/* What stands after "KEY:" at a line's start; NULL: no such line. */
static const char *line_of(const char *text, const char *key)
{
	size_t len = strlen(key);

	while (text) {
		if (strncmp(text, key, len) == 0 && text[len] == ':')
			return text + len + 1;
		text = strchr(text, '\n');
		text = text ? text + 1 : NULL;
	}
	return NULL;
}

static uint64_t value_of(const char *text, const char *key, int base)
{
	const char *p = line_of(text, key);
	uint64_t value;

	return p && number(p, base, &value) ? value : 0;
}

/* Up to three ids of "Uid:" or "Gid:". */
static int ids_of(const char *text, const char *key, uint32_t ids[3])
{
	const char *p = line_of(text, key);

	for (int i = 0; i < 3; i++) {
		uint64_t value;

		p = p ? number(p, 10, &value) : NULL;
		if (!p || value > UINT32_MAX)
			return -1;
		ids[i] = (uint32_t)value;
	}
	return 0;
}

/* The last number of a line: that of the innermost pid namespace. */
static int last_of(const char *text, const char *key)
{
	const char *p = line_of(text, key);
	uint64_t value, last = 0;

	while (p && (p = number(p, 10, &value)) != NULL)
		last = value;
	return as_int(last);
}

int proc_status_parse(struct proc_status *s, const char *text)
{
	uint32_t uids[3], gids[3];

	memset(s, 0, sizeof *s);
	if (ids_of(text, "Uid", uids) || ids_of(text, "Gid", gids))
		return -1;
	s->uid = uids[0], s->euid = uids[1], s->suid = uids[2];
	s->gid = gids[0], s->egid = gids[1], s->sgid = gids[2];
	s->tgid = as_int(value_of(text, "Tgid", 10));
	s->tracer = as_int(value_of(text, "TracerPid", 10));
	s->ns_pid = last_of(text, "NSpid");
	s->threads = as_int(value_of(text, "Threads", 10));
	s->seccomp = as_int(value_of(text, "Seccomp", 10));
	s->no_new_privs = as_int(value_of(text, "NoNewPrivs", 10));
	s->cap_effective = value_of(text, "CapEff", 16);
	s->cap_permitted = value_of(text, "CapPrm", 16);
	s->cap_bounding = value_of(text, "CapBnd", 16);
	s->rss_bytes = times(value_of(text, "VmRSS", 10), 1024);
	s->peak_rss_bytes = times(value_of(text, "VmHWM", 10), 1024);
	return 0;
}

/* ---- schedstat, syscall ------------------------------------------------------------------------- */

int proc_schedstat_parse(struct proc_schedstat *s, const char *text)
{
	const char *p = number(text, 10, &s->run_ns);

	p = p ? number(p, 10, &s->wait_ns) : NULL;
	p = p ? number(p, 10, &s->slices) : NULL;
	if (p)
		return 0;
	*s = (struct proc_schedstat){0, 0, 0};
	return -1;
}

/* "-1 SP PC", "NR A0 A1 A2 A3 A4 A5 SP PC", "running". Of a kernel thread: "-1 0x0 0x0". */
enum proc_call proc_syscall_parse(struct proc_syscall *s, const char *text)
{
	const char *p = text;
	struct proc_syscall call = {.nr = -1};
	uint64_t nr;

	*s = call;
	if (strncmp(text, "running", 7) == 0)
		return PROC_CALL_RUNNING;
	if (strncmp(text, "-1 ", 3) == 0) {
		p = number(text + 3, 16, &call.sp);
	} else {
		p = number(text, 10, &nr);
		if (!p || nr > INT32_MAX)
			return PROC_CALL_DENIED;
		call.nr = (int64_t)nr;
		for (int i = 0; p && i < 6; i++)
			p = number(p, 16, &call.args[i]);
		p = p ? number(p, 16, &call.sp) : NULL;
	}
	p = p ? number(p, 16, &call.pc) : NULL;
	if (!p || (*p != '\n' && *p))
		return PROC_CALL_DENIED;
	*s = call;
	return call.nr < 0 ? PROC_CALL_NONE : PROC_CALL_IN;
}
