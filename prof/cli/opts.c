/* Command line options by tables: parsing and --help read the same rows. Long options may be shortened
 * while unambiguous, short flags bundled, values given as "--opt value", "--opt=value", "-o value" or
 * "-ovalue". Prints usage errors; parses in the main thread only. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "prof/base/log.h"
#include "prof/base/units.h"
#include "prof/cli/cmd.h"

static int quiet; /* what -q of every command sets */

static const struct opt common[] = {
	{'q', "quiet", OPT_FLAG, &quiet, NULL, "errors only", 0},
	{0, NULL, OPT_FLAG, NULL, NULL, NULL, 0},
};

struct parse {
	const struct usage *usage;
	const char *cmd;
	int failed;
};

static int complain(struct parse *p, const char *what, const char *which, const char *why)
{
	fprintf(stderr, "protea-prof: %s: %s '%s'%s%s; see protea-prof %s --help\n", p->cmd, what,
		which, *why ? ": " : "", why, p->cmd);
	p->failed = 1;
	return -1;
}

/* ---- values ---- */

static int parse_number(const char *text, double *number, const char **rest)
{
	char *end = NULL;

	errno = 0;
	*number = strtod(text, &end);
	if (end == text || errno || !isfinite(*number))
		return -1;
	*rest = end;
	return 0;
}

struct unit {
	const char *name;
	double factor;
};

static int parse_united(const char *text, const struct unit *units, double *value)
{
	const char *rest;
	double number;

	if (parse_number(text, &number, &rest))
		return -1;
	for (; units->name; units++)
		if (strcmp(units->name, rest) == 0) {
			*value = number * units->factor;
			return 0;
		}
	return -1;
}

static int set_int(const char *text, int *value)
{
	char *end = NULL;
	long n;

	errno = 0;
	n = strtol(text, &end, 10);
	if (end == text || *end || errno || n < 0 || n > 1000000000)
		return -1;
	*value = (int)n;
	return 0;
}

static int set_duration(const char *text, int64_t *value_ns)
{
	static const struct unit units[] = {{"", 1e9},     {"s", 1e9},    {"ms", 1e6},
					    {"us", 1e3},   {"ns", 1},     {"m", 60e9},
					    {"min", 60e9}, {"h", 3600e9}, {NULL, 0}};
	double ns;

	if (parse_united(text, units, &ns) || ns <= 0 || ns > 9e18)
		return -1;
	*value_ns = (int64_t)ns;
	return 0;
}

static int set_rate(const char *text, double *hz)
{
	static const struct unit units[] = {{"", 1},       {"hz", 1},   {"Hz", 1}, {"khz", 1000},
					    {"kHz", 1000}, {"k", 1000}, {NULL, 0}};

	return parse_united(text, units, hz) || *hz < 1 || *hz > 100000 ? -1 : 0;
}

static int list_add(struct opt_list *list, const char *text)
{
	const char **more = realloc(list->values, (list->n + 1) * sizeof(*more));

	if (!more)
		return -1;
	list->values = more;
	list->values[list->n++] = text;
	return 0;
}

static int opt_set(struct parse *p, const struct opt *o, const char *shown, const char *text)
{
	switch (o->kind) {
	case OPT_FLAG:
		*(int *)o->value = !o->no;
		return 0;
	case OPT_TEXT:
		*(const char **)o->value = text;
		return 0;
	case OPT_TEXT_LIST:
		return list_add(o->value, text) ? complain(p, "no memory for", shown, "") : 0;
	case OPT_INT:
		return set_int(text, o->value) ? complain(p, shown, text, "not a whole number") : 0;
	case OPT_DURATION:
		return set_duration(text, o->value)
			       ? complain(p, shown, text, "not a duration such as 30s, 5m, 250ms")
			       : 0;
	case OPT_RATE:
		return set_rate(text, o->value)
			       ? complain(p, shown, text,
					  "not a rate of 1 to 100000 Hz such as 199, 5khz")
			       : 0;
	case OPT_BYTES:
		return units_parse_bytes(text, o->value)
			       ? complain(p, shown, text, "not a size such as 512k, 64KiB, 2g")
			       : 0;
	}
	return -1;
}

/* ---- help ---- */

#define HELP_COLUMN 26

static void print_options(const struct opt *o)
{
	for (; o->name; o++) {
		int n;

		if (!o->help)
			continue;
		n = o->letter ? printf("  -%c, --%s", o->letter, o->name)
			      : printf("      --%s", o->name);
		if (o->arg)
			n += printf(" %s", o->arg);
		if (n >= HELP_COLUMN)
			n = printf("\n") - 1;
		printf("%*s%s\n", HELP_COLUMN - n, "", o->help);
	}
}

static void print_help(const struct usage *u)
{
	printf("usage: protea-prof %s\n", u->synopsis);
	if (u->text)
		printf("\n%s\n", u->text);
	printf("\noptions:\n");
	print_options(u->opts);
	print_options(common);
	printf("  -h, --help%*sthis text\n", HELP_COLUMN - 12, "");
}

/* ---- parsing ---- */

static const struct opt *find_letter(const struct usage *u, char letter)
{
	const struct opt *o;

	for (o = u->opts; o->name; o++)
		if (o->letter && o->letter == letter)
			return o;
	for (o = common; o->name; o++)
		if (o->letter == letter)
			return o;
	return NULL;
}

/* The option of that name, or the only one that begins with it. */
static const struct opt *find_name(struct parse *p, const char *name, size_t len, const char *shown)
{
	const struct opt *o, *hit = NULL;
	int hits = 0, own;

	for (own = 1; len && own >= 0; own--)
		for (o = own ? p->usage->opts : common; o->name; o++) {
			if (strncmp(o->name, name, len) != 0)
				continue;
			if (strlen(o->name) == len)
				return o;
			hit = o;
			hits++;
		}
	if (hits == 1)
		return hit;
	complain(p, hits ? "ambiguous option" : "unknown option", shown, "");
	return NULL;
}

static int is_help(const char *arg)
{
	return strcmp(arg, "-h") == 0 || strcmp(arg, "--help") == 0;
}

/* The value in the argument after argv[i]. "--" is never one: "run -n -- CMD" lacks a name. */
static int take_next(struct parse *p, const struct opt *o, int argc, char **argv, int i)
{
	if (i + 1 >= argc || strcmp(argv[i + 1], "--") == 0)
		return complain(p, "a value is missing after", argv[i], "");
	return opt_set(p, o, o->name, argv[i + 1]) ? -1 : 2;
}

/* One "--name[=value]" at argv[i]; how many arguments it took, or -1. */
static int take_long(struct parse *p, int argc, char **argv, int i)
{
	const char *name = argv[i] + 2, *equals = strchr(name, '=');
	size_t len = equals ? (size_t)(equals - name) : strlen(name);
	const struct opt *o = find_name(p, name, len, argv[i]);

	if (!o)
		return -1;
	if (o->kind == OPT_FLAG)
		return equals ? complain(p, "no value is expected by", argv[i], "")
			      : (opt_set(p, o, argv[i], NULL), 1);
	if (equals)
		return opt_set(p, o, o->name, equals + 1) ? -1 : 1;
	return take_next(p, o, argc, argv, i);
}

/* Bundled letters at argv[i]; how many arguments they took, or -1. */
static int take_letters(struct parse *p, int argc, char **argv, int i)
{
	const char *c;

	for (c = argv[i] + 1; *c; c++) {
		const struct opt *o = find_letter(p->usage, *c);

		if (!o)
			return complain(p, "unknown option", argv[i], "");
		if (o->kind == OPT_FLAG) {
			opt_set(p, o, argv[i], NULL);
			continue;
		}
		if (c[1])
			return opt_set(p, o, o->name, c + 1) ? -1 : 1;
		return take_next(p, o, argc, argv, i);
	}
	return 1;
}

/* Moves the `n` arguments at `from` down to `to`. */
static void rotate(char **argv, int to, int from, int n)
{
	int k;

	for (k = 0; k < n; k++) {
		char *moved = argv[from + k];
		int j;

		for (j = from + k; j > to + k; j--)
			argv[j] = argv[j - 1];
		argv[to + k] = moved;
	}
}

static int parse_all(int argc, char **argv, const struct usage *usage, int permute, int *done)
{
	struct parse p = {.usage = usage, .cmd = argv[0]};
	int first = 1, i = 1; /* operands seen so far stand at first … i - 1 */

	*done = 0;
	while (i < argc) {
		int took;

		if (strcmp(argv[i], "--") == 0) {
			rotate(argv, first, i, 1);
			return first + 1;
		}
		if (argv[i][0] != '-' || argv[i][1] == '\0') {
			if (!permute)
				return i;
			i++;
			continue;
		}
		if (is_help(argv[i])) {
			print_help(usage);
			*done = 1;
			return argc;
		}
		took = argv[i][1] == '-' ? take_long(&p, argc, argv, i)
					 : take_letters(&p, argc, argv, i);
		if (took < 0 || p.failed)
			return -1;
		rotate(argv, first, i, took);
		first += took;
		i += took;
	}
	return first;
}

int opts_parse(int argc, char **argv, const struct usage *usage, int permute, int *done)
{
	int first = parse_all(argc, argv, usage, permute, done);

	if (quiet)
		log_init("protea-prof", LOG_QUIET);
	return first;
}
