/* symbolize FILE [OPTION=VALUE…]: names addresses (hex, one a line on stdin) as addr2line -fiC -e FILE does:
 * two lines a frame, the innermost first, then an empty line. Options: cache=DIR, debug=DIRS, id=HEX,
 * pid=N, sysroot=DIR, dwarf=0, debuginfod=1. What was wrong, and the kind of source, go to stderr. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "prof/symbol/symbol.h"

struct input {
	uint64_t *addrs;
	size_t n, cap;
};

static int read_input(struct input *in)
{
	char line[256];

	while (fgets(line, sizeof line, stdin)) {
		if (in->n == in->cap) {
			size_t want = in->cap ? 2 * in->cap : 1024;
			uint64_t *more = realloc(in->addrs, want * sizeof *more);

			if (!more)
				return -1;
			in->addrs = more;
			in->cap = want;
		}
		in->addrs[in->n++] = strtoull(line, NULL, 16);
	}
	return 0;
}

static void print_answer(const struct strtab *names, const struct symbol_answer *a)
{
	for (uint32_t i = 0; i < a->n; i++) {
		for (uint32_t k = a->first[i + 1]; k > a->first[i]; k--) {
			const struct symbol_frame *f = &a->frames[k - 1];

			printf("%s\n%s:%u\n", strtab_text(names, f->function),
			       f->file ? strtab_text(names, f->file) : "??", f->line);
		}
		putchar('\n');
	}
}

static void take_option(const char *arg, struct symbol_options *o, struct symbol_module *m)
{
	if (!strncmp(arg, "cache=", 6))
		o->cache_dir = arg + 6;
	else if (!strncmp(arg, "debug=", 6))
		o->debug_dirs = arg + 6;
	else if (!strncmp(arg, "id=", 3))
		m->build_id = arg + 3;
	else if (!strncmp(arg, "pid=", 4))
		m->pid = strtoll(arg + 4, NULL, 10);
	else if (!strncmp(arg, "sysroot=", 8))
		o->sysroot = arg + 8;
	else if (!strcmp(arg, "dwarf=0"))
		o->no_dwarf = 1;
	else if (!strcmp(arg, "debuginfod=1"))
		o->debuginfod = 1;
}

int main(int argc, char **argv)
{
	static const char *const sources[] = {"none", "dynamic", "table", "debug"};
	struct strtab *names = strtab_new();
	struct symbol_options options = {0};
	struct symbol_module module = {0};
	struct symbol_answer answer = {0};
	struct input in = {0};
	struct symbolizer *s;
	char warning[1024];
	int rc = 1;

	for (int i = 2; i < argc; i++)
		take_option(argv[i], &options, &module);
	s = names ? symbolizer_new(names, &options) : NULL;
	module.path = argc > 1 ? argv[1] : "";
	if (s && read_input(&in) == 0 &&
	    symbolize(s, &module, in.addrs, in.n, &answer, warning, sizeof warning) == 0) {
		print_answer(names, &answer);
		fprintf(stderr, "source %s\n%s", sources[answer.source], warning);
		rc = 0;
	}
	symbol_answer_release(&answer);
	symbolizer_free(s);
	strtab_free(names);
	free(in.addrs);
	return rc;
}
