/* Suppressions of leaks: see suppress.h. */
#include "prof/analyze/suppress.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "prof/analyze/library.h"

enum builtin { OF_A_FILE, STDIO_BUFFER, LINKER, LOCALE, EXIT_LIST, RUNTIME_ONLY };

void suppress_release(struct suppress *s)
{
	uint32_t i;

	for (i = 0; i < s->n; i++) {
		free(s->rules[i].pattern);
		free(s->rules[i].reason);
	}
	free(s->rules);
	memset(s, 0, sizeof(*s));
}

static int add_rule(struct suppress *s, const char *pattern, size_t n, const char *reason,
		    size_t reason_n, int builtin)
{
	struct suppress_rule *r;

	if (s->n == s->cap) {
		uint32_t cap = s->cap ? 2 * s->cap : 16;

		r = realloc(s->rules, cap * sizeof(*r));
		if (!r)
			return ERR_NOMEM;
		s->rules = r;
		s->cap = cap;
	}
	r = &s->rules[s->n];
	r->pattern = strndup(pattern, n);
	r->reason = strndup(reason, reason_n);
	r->builtin = builtin;
	if (!r->pattern || !r->reason) {
		free(r->pattern);
		free(r->reason);
		return ERR_NOMEM;
	}
	s->n++;
	return 0;
}

int suppress_add_builtin(struct suppress *s, struct err *err)
{
	static const struct {
		const char *name, *reason;
		enum builtin which;
	} all[] = {
		{"stdio buffers", "libc keeps the buffer of an open stream", STDIO_BUFFER},
		{"dynamic linker", "records of loaded libraries and of threads' variables", LINKER},
		{"locale and time zone", "libc keeps what it loaded", LOCALE},
		{"atexit and environment", "libc keeps the lists of handlers and variables",
		 EXIT_LIST},
		{"run-time start-up",
		 "no code of the program's own is on the stack: the emergency "
		 "pool of libstdc++ and the like",
		 RUNTIME_ONLY},
	};
	size_t i;

	for (i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		if (add_rule(s, all[i].name, strlen(all[i].name), all[i].reason,
			     strlen(all[i].reason), (int)all[i].which))
			return err_nomem(err, "suppressions");
	return 0;
}

/* ---- files ---- */

static int is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

/* Where the reason begins: behind a tab or two blanks; names have single ones. */
static size_t end_of_pattern(const char *text, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (text[i] == '\t' || (text[i] == ' ' && (i + 1 == n || text[i + 1] == ' ')))
			return i;
	return n;
}

static int bad_line(const char *file, size_t line, const char *what, struct err *err)
{
	return err_set(err, ERR_FORMAT,
		       "%s:%zu: %s; a line is 'leak:PATTERN', '# comment' or empty", file, line,
		       what);
}

static int add_line(struct suppress *s, const char *text, size_t n, const char *file, size_t line,
		    struct err *err)
{
	size_t end, reason;

	while (n && is_blank(text[0]))
		text++, n--;
	while (n && is_blank(text[n - 1]))
		n--;
	if (!n || text[0] == '#')
		return 0;
	if (memchr(text, '\0', n))
		return bad_line(file, line, "a NUL byte", err);
	if (n < 5 || memcmp(text, "leak:", 5) != 0)
		return bad_line(file, line, "no suppression of leaks", err);
	text += 5;
	n -= 5;
	end = end_of_pattern(text, n);
	if (end == 0)
		return bad_line(file, line, "no pattern behind 'leak:'", err);
	if (end > SUPPRESS_PATTERN)
		return bad_line(file, line, "a pattern of more than 1024 bytes", err);
	for (reason = end; reason < n && is_blank(text[reason]);)
		reason++;
	if (s->n >= SUPPRESS_RULES)
		return bad_line(file, line, "more than 10000 rules", err);
	return add_rule(s, text, end, text + reason, n - reason, OF_A_FILE)
		       ? err_nomem(err, "suppressions")
		       : 0;
}

int suppress_add_text(struct suppress *s, const char *text, size_t n, const char *file,
		      struct err *err)
{
	size_t line = 1;
	int rc = 0;

	while (rc == 0 && n) {
		const char *end = memchr(text, '\n', n);
		size_t len = end ? (size_t)(end - text) : n;

		rc = add_line(s, text, len, file, line++, err);
		text += len + (end != NULL);
		n -= len + (end != NULL);
	}
	return rc;
}

/* ---- matching ---- */

/* From the beginning of both, or (floating) anywhere in the text; `tied`: up to the text's end. Going back to
 * the last '*' is enough, and a pattern that floats is one behind a '*'. */
static int matches_at(const char *pattern, size_t n, const char *text, int floating, int tied)
{
	size_t at = 0, back = floating ? 0 : SIZE_MAX;
	const char *from = text;

	for (;;) {
		if (at == n && (!tied || !*text))
			return 1;
		if (at < n && pattern[at] == '*') {
			back = ++at;
			from = text;
		} else if (at < n && *text && pattern[at] == *text) {
			at++;
			text++;
		} else if (back != SIZE_MAX && *from) {
			at = back;
			text = ++from;
		} else {
			return 0;
		}
	}
}

int suppress_matches(const char *pattern, const char *text)
{
	size_t n = strlen(pattern);
	int tied_end = n > 0 && pattern[n - 1] == '$';

	if (tied_end)
		n--;
	if (n > 0 && pattern[0] == '^')
		return matches_at(pattern + 1, n - 1, text, 0, tied_end);
	return matches_at(pattern, n, text, 1, tied_end);
}

static const char *function_of(const struct profile *p, uint32_t stack)
{
	return strtab_text(p->strings, p->frames[p->stacks[stack].frame].function);
}

static const char *module_of(const struct profile *p, uint32_t stack)
{
	uint32_t m = p->frames[p->stacks[stack].frame].module;

	return m == PROFILE_NONE ? "" : strtab_text(p->strings, p->modules[m].path);
}

static int matches_pattern(const char *pattern, const struct profile *p, uint32_t stack)
{
	for (; stack; stack = p->stacks[stack].parent) {
		const struct profile_frame *f = &p->frames[p->stacks[stack].frame];

		if (suppress_matches(pattern, strtab_text(p->strings, f->function)) ||
		    suppress_matches(pattern, strtab_text(p->strings, f->file)) ||
		    suppress_matches(pattern, module_of(p, stack)))
			return 1;
	}
	return 0;
}

/* Among the innermost frames, as long as they are library code, is one of those functions. */
static int innermost_is(const struct profile *p, uint32_t stack, const char *const *names)
{
	for (; stack && library_is_frame(p, &p->frames[p->stacks[stack].frame]);
	     stack = p->stacks[stack].parent)
		for (const char *const *name = names; *name; name++)
			if (suppress_matches(*name, function_of(p, stack)))
				return 1;
	return 0;
}

static int is_linker(const char *module)
{
	const char *slash = strrchr(module, '/');
	const char *name = slash ? slash + 1 : module;

	return strncmp(name, "ld-linux", 8) == 0 || strncmp(name, "ld-musl", 7) == 0 ||
	       (strncmp(name, "ld-", 3) == 0 && name[3] >= '0' && name[3] <= '9');
}

static int only_library(const struct profile *p, uint32_t stack)
{
	if (!stack)
		return 0;
	for (; stack; stack = p->stacks[stack].parent)
		if (!library_is_frame(p, &p->frames[p->stacks[stack].frame]))
			return 0;
	return 1;
}

static int meets_builtin(enum builtin which, const struct profile *p, uint32_t stack)
{
	static const char *const stdio[] = {"^_IO_file_doallocate$", "^_IO_wfile_doallocate$",
					    "^_IO_default_doallocate$", NULL};
	static const char *const locale[] = {"^setlocale$",
					     "^_nl_*",
					     "^__gconv_*",
					     "^__tzfile_*",
					     "^__tzset*",
					     "^tzset$",
					     "^tzset_*",
					     "^textdomain$",
					     "^bindtextdomain$",
					     "^set_binding_*",
					     "^__dcigettext$",
					     "^__nss_*",
					     NULL};
	static const char *const lists[] = {"^__new_exitfn$",
					    "^__cxa_atexit$",
					    "^__cxa_thread_atexit_impl$",
					    "^on_exit$",
					    "^__add_to_environ$",
					    "^setenv$",
					    "^putenv$",
					    NULL};

	switch (which) {
	case STDIO_BUFFER:
		return innermost_is(p, stack, stdio);
	case LINKER:
		return is_linker(module_of(p, stack));
	case LOCALE:
		return innermost_is(p, stack, locale);
	case EXIT_LIST:
		return innermost_is(p, stack, lists);
	case RUNTIME_ONLY:
		return only_library(p, stack);
	case OF_A_FILE:
		break;
	}
	return 0;
}

uint32_t suppress_find(const struct suppress *s, const struct profile *p, uint32_t stack)
{
	uint32_t i;

	for (i = 0; stack && i < s->n; i++) {
		const struct suppress_rule *r = &s->rules[i];

		if (r->builtin ? meets_builtin((enum builtin)r->builtin, p, stack)
			       : matches_pattern(r->pattern, p, stack))
			return i;
	}
	return SUPPRESS_NONE;
}
