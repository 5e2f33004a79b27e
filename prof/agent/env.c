/* What the profiler put into the environment: taken out when the agent starts, so that the program sees
 * the environment it would see without it, and put back for the programs it starts (exec.c).
 *
 * The initial environment lies on the stack between the arguments and the auxiliary vector, and some
 * runtimes find that vector by walking past the environment's end; so the array keeps its place and what
 * becomes free at its end is made to read as an entry to be ignored. */
#include "prof/agent/env.h"

#include <dlfcn.h>
#include <elf.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

#include "prof/agent/agent.h"

#define AGENT_FILE "libprotea-prof.so"
#define PRELOAD    "LD_PRELOAD="
#define SESSION    SPOOL_ENV_SESSION "="
#define SEPARATORS " :" /* of LD_PRELOAD, as ld.so parts it */

static char preload_entry[sizeof PRELOAD + PATH_MAX];
static char session_entry[sizeof SESSION + SPOOL_PATH_MAX];
static char own_path[PATH_MAX];
static volatile int forgotten;

const char *env_preload_entry(void)
{
	return preload_entry;
}

const char *env_session_entry(void)
{
	return session_entry;
}

const char *env_agent_path(void)
{
	Dl_info info;
	size_t n;

	if (!own_path[0] && dladdr((void *)(uintptr_t)&agent_env_hide, &info) && info.dli_fname) {
		n = strlen(info.dli_fname);
		if (n < sizeof own_path)
			memcpy(own_path, info.dli_fname, n + 1);
	}
	return own_path;
}

static int starts_with(const char *s, const char *head)
{
	return strncmp(s, head, strlen(head)) == 0;
}

const char *agent_env_session(void)
{
	if (session_entry[0])
		return session_entry + sizeof SESSION - 1;
	for (char **e = environ; e && *e; e++)
		if (starts_with(*e, SESSION))
			return *e + sizeof SESSION - 1;
	return NULL;
}

/* ---- taking out ------------------------------------------------------------------------------ */

/* Is one entry of LD_PRELOAD the agent? By its file's name: it may have been given by another path. */
static int names_agent(const char *entry, size_t n)
{
	const size_t file = sizeof AGENT_FILE - 1;

	return n >= file && memcmp(entry + n - file, AGENT_FILE, file) == 0 &&
	       (n == file || entry[n - file - 1] == '/');
}

/* Finds the agent's entry in the value of LD_PRELOAD; its length, 0: none. */
static size_t find_entry(char *value, char **entry)
{
	for (char *p = value; *p;) {
		size_t n = strcspn(p, SEPARATORS);

		if (names_agent(p, n)) {
			*entry = p;
			return n;
		}
		p += n;
		p += strspn(p, SEPARATORS);
	}
	return 0;
}

/* Keeps "LD_PRELOAD=" and the entry, made absolute: the program may change its folder. */
static void keep_preload(const char *entry, size_t n)
{
	size_t at = sizeof PRELOAD - 1, dir = 0;

	if (entry[0] != '/' && memchr(entry, '/', n)) {
		if (!getcwd(preload_entry + at, PATH_MAX / 2))
			return;
		dir = strlen(preload_entry + at);
		preload_entry[at + dir++] = '/';
	}
	if (at + dir + n >= sizeof preload_entry)
		return;
	memcpy(preload_entry + at + dir, entry, n);
	preload_entry[at + dir + n] = 0;
	memcpy(preload_entry, PRELOAD, at);
}

/* Takes the agent out of "LD_PRELOAD=…" in place; returns 1 if it was all there was. One separator goes with
 * it: the one put there for it, so that what the program's user wrote stays to the letter. */
static int cut_preload(char *var)
{
	char *value = var + sizeof PRELOAD - 1, *entry = NULL, *rest;
	size_t n = find_entry(value, &entry);

	if (n == 0)
		return 0;
	keep_preload(entry, n);
	rest = entry + n;
	if (entry == value && !*rest)
		return 1;
	if (*rest)
		rest++;
	else
		entry--;
	memmove(entry, rest, strlen(rest) + 1);
	return 0;
}

static int keep_session(const char *var)
{
	size_t n = strlen(var);

	if (n < sizeof session_entry && !session_entry[0])
		memcpy(session_entry, var, n + 1);
	return 1;
}

/* `n` pointers were taken out of an array whose end (NULL) was at `old_end`. */
static void fill_gap(char **end, char **old_end)
{
	for (char **p = end; p <= old_end; p++)
		*p = NULL;
	if (old_end - end == 2)
		end[1] = (char *)(uintptr_t)AT_IGNORE;
}

void agent_env_hide(void)
{
	char **out, **in;

	if (!environ)
		return;
	for (in = out = environ; *in; in++) {
		if (starts_with(*in, PRELOAD) && cut_preload(*in))
			continue;
		if (starts_with(*in, SESSION) && keep_session(*in))
			continue;
		*out++ = *in;
	}
	fill_gap(out, in);
}

/* ---- putting back ---------------------------------------------------------------------------- */

void env_forget(void)
{
	forgotten = 1;
}

int env_follows(int own)
{
	struct spool_session *session = agent.session;
	uint32_t state = atomic_load_explicit(&agent.state, memory_order_relaxed);

	if (atomic_load_explicit(&agent.sealed, memory_order_relaxed)) /* the filter is inherited */
		return 0;
	if (forgotten || !session_entry[0] || !preload_entry[0] || state == AGENT_IDLE || !session)
		return 0;
	return own || session->children;
}

size_t env_count(char *const *envp)
{
	size_t n = 0;

	while (envp && envp[n])
		n++;
	return n;
}

size_t env_text_bytes(char *const *envp)
{
	size_t bytes = strlen(preload_entry) + 2;

	for (; envp && *envp; envp++)
		if (starts_with(*envp, PRELOAD))
			bytes += strlen(*envp);
	return bytes;
}

/* "LD_PRELOAD=ours", then ":theirs", even if that is empty. If they name us, theirs as it is. */
static char *join_preload(char *text, const char *theirs)
{
	size_t n = strlen(preload_entry);
	char *entry;

	memcpy(text, preload_entry, n + 1);
	if (!theirs)
		return text;
	theirs += sizeof PRELOAD - 1;
	text[n] = ':';
	memcpy(text + n + 1, theirs, strlen(theirs) + 1);
	return find_entry(text + n + 1, &entry) ? memmove(text, theirs - (sizeof PRELOAD - 1),
							  strlen(theirs) + sizeof PRELOAD)
						: text;
}

void env_with_agent(char **out, char *text, char *const *envp)
{
	const char *theirs = NULL;
	size_t n = 0, at = 0;
	int named = 0;

	for (size_t i = 0; envp && envp[i]; i++) {
		out[n] = envp[i];
		if (starts_with(envp[i], SESSION))
			named = 1;
		if (starts_with(envp[i], PRELOAD)) { /* ld.so takes the last one */
			theirs = envp[i];
			at = n;
		}
		n++;
	}
	out[n] = NULL;
	if (named)
		return;
	text = join_preload(text, theirs);
	if (theirs)
		out[at] = text;
	else
		out[n++] = text;
	out[n++] = session_entry;
	out[n] = NULL;
}
