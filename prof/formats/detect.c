/* Which format the first bytes of a file are of, and what to do with files that are something else. */
#include <stdlib.h>
#include <string.h>

#include "prof/formats/folded_read.h"
#include "prof/formats/import.h"
#include "prof/formats/json_in.h"
#include "prof/formats/perf_line.h"
#include "prof/formats/pprof_read.h"

static int begins(const char *head, size_t n, const char *with, size_t m)
{
	return n >= m && memcmp(head, with, m) == 0;
}

/* Files that people try first. */
static int known_other(const char *head, size_t n, struct err *err)
{
	static const struct {
		const char *bytes;
		size_t n;
		const char *what;
	} others[] = {
#define OTHER(bytes, what) {bytes, sizeof(bytes) - 1, what}
		OTHER("PERFILE2", "a perf.data file: 'perf script -i FILE' prints it as text, "
				  "which can be imported"),
		OTHER("SQLite format 3",
		      "a SQLite file: a store of protea-prof is read as it is, with --store FILE"),
		OTHER("FLR\0",
		      "a Java flight recording: 'jfr2flame --collapsed' or async-profiler's "
		      "jfrconv make folded stacks of it"),
		OTHER("\x7f"
		      "ELF",
		      "a program, not a profile of one"),
		OTHER("<svg", "a picture: import the folded stacks it was drawn of"),
		OTHER("<?xml", "a picture or XML: import the folded stacks it was made of"),
		OTHER("<!DOCTYPE", "a web page: import the data it was made of"),
		OTHER("<html", "a web page: import the data it was made of"),
		OTHER("heap profile:", "an old heap profile of gperftools: 'pprof -proto' makes a "
				       "file of it that can "
				       "be imported"),
		OTHER("\xff\xfe",
		      "UTF-16 text: iconv -f UTF-16 -t UTF-8 makes text that can be imported"),
		OTHER("\xfe\xff",
		      "UTF-16 text: iconv -f UTF-16 -t UTF-8 makes text that can be imported"),
		OTHER("PK\x03\x04", "a zip archive: unpack it first"),
		OTHER("(\xb5/\xfd", "packed with zstd: unpack it first (zstd -d)"),
		OTHER("\xfd"
		      "7zXZ",
		      "packed with xz: unpack it first (xz -d)"),
		OTHER("BZh", "packed with bzip2: unpack it first (bzip2 -d)"),
#undef OTHER
	};
	size_t i;

	for (i = 0; i < sizeof(others) / sizeof(*others); i++)
		if (begins(head, n, others[i].bytes, others[i].n))
			return err_set(err, ERR_FORMAT, "this is %s", others[i].what);
	return 0;
}

/* ---- JSON: by the members of the outermost object, as far as the head goes ---- */

enum {
	SEEN_SPEEDSCOPE = 1,
	SEEN_SHARED = 2,
	SEEN_GECKO = 4,
	SEEN_NODES = 8,
	SEEN_TRACE = 16,
	SEEN_HEAP = 32
};

static unsigned member(const char *key, size_t n)
{
	static const struct {
		const char *name;
		unsigned what;
	} names[] = {{"profiles", SEEN_SPEEDSCOPE}, {"activeProfileIndex", SEEN_SPEEDSCOPE},
		     {"exporter", SEEN_SPEEDSCOPE}, {"$schema", SEEN_SPEEDSCOPE},
		     {"shared", SEEN_SHARED},       {"meta", SEEN_GECKO},
		     {"libs", SEEN_GECKO},          {"threads", SEEN_GECKO},
		     {"fileType", SEEN_GECKO},      {"ticks", SEEN_GECKO},
		     {"nodes", SEEN_NODES},         {"timeDeltas", SEEN_NODES},
		     {"traceEvents", SEEN_TRACE},   {"head", SEEN_HEAP}};
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (json_in_is(key, n, names[i].name))
			return names[i].what;
	return 0;
}

/* `head` with a zero behind it. */
static unsigned members(const char *head, size_t n)
{
	struct err ignored = ERR_INIT;
	struct json_in j;
	const char *key;
	unsigned seen = 0;
	size_t len;
	int rc;

	json_in_begin(&j, head, n, &ignored);
	rc = json_in_object(&j);
	while (rc == 0 && (rc = json_in_key(&j, &key, &len)) > 0) {
		seen |= member(key, len);
		rc = json_in_skip(&j);
	}
	json_in_end(&j);
	return seen;
}

static int detect_json(const char *head, size_t n, struct err *err)
{
	unsigned seen = SEEN_TRACE;
	char *copy = strndup(head, n);

	if (!copy)
		return err_nomem(err, "the beginning of a file");
	if (*head == '{')
		seen = members(copy, strlen(copy));
	free(copy);
	if (seen & SEEN_GECKO)
		return IMPORT_GECKO;
	if (seen & (SEEN_SPEEDSCOPE | SEEN_SHARED))
		return IMPORT_SPEEDSCOPE;
	if (seen & SEEN_NODES)
		return IMPORT_CPUPROFILE;
	if (seen & SEEN_TRACE)
		return err_set(
			err, ERR_FORMAT,
			"this is a list of trace events: save the CPU profile alone (.cpuprofile), "
			"or convert it with speedscope");
	if (seen & SEEN_HEAP)
		return err_set(err, ERR_FORMAT,
			       "this is a heap profile of V8, or a CPU profile of an old one: node "
			       "--cpu-prof "
			       "writes one that can be imported");
	return err_set(
		err, ERR_FORMAT,
		"this is JSON, but of none of the known formats (speedscope, gecko, cpuprofile)");
}

/* ---- text ---- */

static int is_callgrind(const char *head, size_t n)
{
	static const char *const words[] = {"# callgrind format",
					    "version: ", "creator: ", "events: "};
	size_t i;

	for (i = 0; i < sizeof(words) / sizeof(*words); i++)
		if (begins(head, n, words[i], strlen(words[i])))
			return 1;
	return memmem(head, n, "\nevents: ", 9) != NULL;
}

struct guess {
	unsigned lines, folded, heads, frames;
};

static void guess_line(struct guess *g, const char *line, size_t n)
{
	struct perf_head h;
	struct perf_frame f;
	size_t path;
	double number;

	if (n == 0 || (*line == '#' && (n == 1 || line[1] == ' ' || line[1] == '\t')))
		return;
	g->lines++;
	if (*line == '\t')
		g->frames += perf_frame(line, n, &f) != 0;
	else if (folded_line(line, n, &path, &number))
		g->folded++;
	else if (perf_head(line, n, &h) && (h.time >= 0 || h.event.n))
		g->heads++;
}

/* The last line may be cut, unless that is all. */
static void guess_lines(struct guess *g, const char *head, size_t n, int all)
{
	const char *end;

	memset(g, 0, sizeof(*g));
	for (; n > 0 && g->lines < 64; n -= (size_t)(end - head) + 1, head = end + 1) {
		size_t len;

		end = memchr(head, '\n', n);
		if (!end && !all && g->lines > 0)
			return;
		len = end ? (size_t)(end - head) : n;
		guess_line(g, head, len > 0 && head[len - 1] == '\r' ? len - 1 : len);
		if (!end)
			return;
	}
}

static int detect_text(const char *head, size_t n, int all, struct err *err)
{
	struct guess g;

	if (is_callgrind(head, n))
		return IMPORT_CALLGRIND;
	guess_lines(&g, head, n, all);
	if (g.frames || g.heads)
		return g.folded > g.frames + g.heads ? IMPORT_FOLDED : IMPORT_PERF;
	if (g.folded > 0 && g.folded * 2 >= g.lines)
		return IMPORT_FOLDED;
	return err_set(err, ERR_FORMAT,
		       "this is none of the known formats (folded, speedscope, pprof, perf "
		       "script's text, gecko, "
		       "cpuprofile, callgrind); --format says which it should be");
}

static int is_text(const char *head, size_t n)
{
	size_t i, odd = 0;

	for (i = 0; i < n; i++) {
		unsigned char c = (unsigned char)head[i];

		odd += c < 0x20 && c != '\n' && c != '\t' && c != '\r' && c != 0x1b;
	}
	return odd == 0;
}

int import_detect(const char *head, size_t n, int all, struct err *err)
{
	const char *at = head;
	int rc = known_other(head, n, err);

	if (rc)
		return rc;
	while (at < head + n && (*at == ' ' || *at == '\n' || *at == '\r' || *at == '\t'))
		at++;
	if (at == head + n)
		return err_set(err, ERR_FORMAT, all ? "the file is empty" : "nothing but blanks");
	/* 0x7b and 0x5b could begin a message as well; a blank or what JSON goes on with follows in JSON alone. */
	if ((*at == '{' || *at == '[') &&
	    (at + 1 == head + n || strchr(" \t\r\n\"{}[]", at[1] ? at[1] : '?')))
		return detect_json(at, (size_t)(head + n - at), err);
	if (!is_text(head, n) && pprof_begins(head, n, all))
		return IMPORT_PPROF;
	return detect_text(head, n, all, err);
}
