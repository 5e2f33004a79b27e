/* protea-prof import: a profile of another tool becomes a run of the store, whole or not at all. The run's id is
 * printed on stdout, what to know and what to type next on stderr. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "prof/base/clock.h"
#include "prof/base/log.h"
#include "prof/base/units.h"
#include "prof/cli/cmd.h"
#include "prof/cli/text.h"
#include "prof/cli/version.h"
#include "prof/formats/import.h"
#include "prof/record/about.h"
#include "prof/store/write_profile.h"

struct arguments {
	const char *file, *store, *format, *name, *kind, *unit, *labels_json;
	struct opt_list labels;
	struct import_options o;
	int format_number;
};

static int read_file(const struct arguments *a, struct profile *p, enum import_format *format,
		     struct buf *notes, struct err *err)
{
	int is_stdin = strcmp(a->file, "-") == 0;
	int fd = is_stdin ? STDIN_FILENO : open(a->file, O_RDONLY | O_CLOEXEC);
	struct bytes *from = NULL;
	struct stat st;
	int rc;

	if (fd < 0)
		return err_sys(err, ERR_IO, "cannot read '%s'", a->file);
	rc = fstat(fd, &st) == 0 && S_ISDIR(st.st_mode) ? err_set(err, ERR_IO, "it is a folder")
							: bytes_from_fd(&from, fd, err);
	if (rc == 0)
		rc = import_read(p, from, a->format_number, &a->o, format, notes, err);
	if (rc && rc != ERR_ARG) /* the file is wrong, not the command line */
		err_prefix(err, "%s", is_stdin ? "standard input" : a->file);
	bytes_close(from);
	if (!is_stdin)
		close(fd);
	return rc;
}

/* The name of the run when nobody gave one: the file's. */
static const char *run_name(const struct arguments *a, const struct profile *p)
{
	const char *own = strtab_text(p->strings, p->run.name);

	if (a->name)
		return a->name;
	if (*own)
		return own;
	return strcmp(a->file, "-") == 0 ? "import" : text_base(a->file);
}

static int write_run(const struct arguments *a, const struct profile *p, char id[ABOUT_UUID],
		     struct err *err)
{
	const struct profile_run *r = &p->run;
	struct store_run run = {.name = run_name(a, p),
				.labels_json = a->labels_json,
				.version = prof_version,
				.mode = strtab_text(p->strings, r->mode),
				.engine = r->engine ? strtab_text(p->strings, r->engine) : "import",
				.started_at = r->started_at > 0 ? r->started_at : clock_real_ns(),
				.rate_hz = r->rate_hz};
	const struct store_run_end end = {.duration_ns = r->duration_ns};
	struct store *s = NULL;
	struct about about;
	int64_t key;
	int rc = about_init(&about, NULL, err);

	if (rc)
		return rc;
	memcpy(id, about.id, ABOUT_UUID);
	about_release(&about);
	run.id = id;
	run.command = r->command             ? strtab_text(p->strings, r->command)
		      : strcmp(a->file, "-") ? a->file
					     : "standard input";
	run.host = r->host ? strtab_text(p->strings, r->host) : NULL;
	run.kernel = r->kernel ? strtab_text(p->strings, r->kernel) : NULL;
	run.cpu_model = r->cpu_model ? strtab_text(p->strings, r->cpu_model) : NULL;
	rc = store_open(&s, cli_store_path(a->store), STORE_CREATE, err);
	if (rc == 0)
		rc = store_write_profile(s, p, &run, &end, &key, err);
	store_close(s);
	return rc;
}

/* ---- what is said ---- */

static void say_notes(struct buf *notes)
{
	char *line, *end, *clean;

	for (line = notes->data; line && *line; line = end ? end + 1 : NULL) {
		end = strchr(line, '\n');
		if (end)
			*end = '\0';
		clean = text_valid(line, 1);
		log_warn("%s", clean ? clean : "no memory");
		free(clean);
	}
}

static void put_kinds(struct buf *b, const struct profile *p)
{
	int64_t sums[PROFILE_KINDS] = {0};
	int kinds[PROFILE_KINDS] = {0}, kind;
	char text[UNITS_TEXT];
	size_t i;

	for (i = 0; i < p->n_samples; i++) {
		kind = (int)p->samples[i].kind;
		kinds[kind] = 1;
		if (__builtin_add_overflow(sums[kind], p->samples[i].value, &sums[kind]))
			sums[kind] = INT64_MAX;
	}
	for (kind = 0; kind < PROFILE_KINDS; kind++)
		if (kinds[kind])
			buf_printf(b, "%s%s %s", b->len ? ", " : "",
				   profile_kind_name((enum profile_kind)kind),
				   profile_kind_is_time((enum profile_kind)kind)
					   ? units_ns(text, sums[kind])
					   : units_bytes(text, (uint64_t)sums[kind]));
}

static void say_next(const struct arguments *a, const struct profile *p, enum import_format format,
		     const char *id)
{
	struct buf kinds = BUF_INIT;
	char stacks[UNITS_TEXT], functions[UNITS_TEXT];
	const char *shown = cli_default_kind(p);
	int has = 0;
	size_t i;

	for (i = 0; i < p->n_samples && !has; i++)
		has = (int)p->samples[i].kind == profile_kind_parse(shown);
	if (!has && p->n_samples)
		shown = profile_kind_name((enum profile_kind)p->samples[0].kind);
	put_kinds(&kinds, p);
	log_info("%s: %s stacks, %s places in the code: %s", import_format_names[format],
		 units_count(stacks, p->n_samples), units_count(functions, p->n_frames),
		 buf_str(&kinds));
	log_info("next: protea-prof report %.8s%s%s%s%s", id, has ? "" : " --kind ",
		 has ? "" : shown, a->store ? " --store " : "", a->store ? a->store : "");
	buf_release(&kinds);
}

static int import_file(struct arguments *a)
{
	struct err err = ERR_INIT;
	struct buf notes = BUF_INIT;
	enum import_format format;
	char id[ABOUT_UUID];
	struct profile p = {0};
	int rc;

	buf_init(&notes, 65536);
	rc = read_file(a, &p, &format, &notes, &err);
	if (rc == 0)
		rc = write_run(a, &p, id, &err);
	if (rc == 0) {
		printf("%s\n", id);
		say_notes(&notes);
		say_next(a, &p, format, id);
	}
	profile_release(&p);
	buf_release(&notes);
	return rc ? cli_fail(&err) : EXIT_OK;
}

/* ---- arguments ---- */

static int check_arguments(struct arguments *a, int operands)
{
	int unit = 0;

	if (operands != 1) {
		log_error("import: name one file (- is standard input)%s",
			  operands ? ", not several" : "");
		return -1;
	}
	a->format_number = -1;
	if (a->format &&
	    cli_choose("import", "format", a->format, import_format_names, &a->format_number))
		return -1;
	if (a->unit && cli_choose("import", "unit", a->unit, import_unit_names, &unit))
		return -1;
	a->o.unit = (enum import_unit)unit;
	a->o.kind = a->kind ? profile_kind_parse(a->kind) : -1;
	if (a->kind && a->o.kind < 0) {
		log_error("import: --kind '%s' is no kind of sample; see protea-prof import --help",
			  a->kind);
		return -1;
	}
	return 0;
}

int cmd_import(int argc, char **argv)
{
	struct arguments a = {.o = {.kind = -1}};
	const struct opt opts[] = {
		{'f', "format", OPT_TEXT, &a.format, "F",
		 "of the file, one of these; else by its content", 0},
		{0, "store", OPT_TEXT, &a.store, "FILE",
		 "store to write ($PROTEA_PROF_STORE, ./protea-prof.sqlite)", 0},
		{'n', "name", OPT_TEXT, &a.name, "NAME", "name of the run (the file's)", 0},
		{'l', "label", OPT_TEXT_LIST, &a.labels, "K=V", "label of the run; may be repeated",
		 0},
		{'k', "kind", OPT_TEXT, &a.kind, "KIND",
		 "cpu, wall, offcpu, alloc, live, … (as the file says, else cpu)", 0},
		{'u', "unit", OPT_TEXT, &a.unit, "UNIT",
		 "samples, ns, us, ms, s, bytes: where the file does not say", 0},
		{'r', "rate", OPT_RATE, &a.o.rate_hz, "HZ",
		 "samples per second, where the file does not say", 0},
		{0, "only", OPT_TEXT, &a.o.only, "NAME",
		 "only this event, sample type, thread or profile", 0},
		{0, NULL, OPT_FLAG, NULL, NULL, NULL, 0},
	};
	const struct usage usage = {
		"import FILE [options]",
		"Makes a run of a profile that another tool wrote (- is standard input; gzip is\n"
		"unpacked), and prints its id: folded, speedscope, pprof, perf (the text of perf "
		"script),\n"
		"gecko, cpuprofile, callgrind. docs/formats.md says what of each is kept.",
		opts};
	int done, rc, first = opts_parse(argc, argv, &usage, 1, &done);
	char *labels = NULL;

	if (first < 0)
		return EXIT_USAGE;
	if (done)
		return EXIT_OK;
	rc = check_arguments(&a, argc - first) ? EXIT_USAGE : EXIT_OK;
	if (rc == EXIT_OK) {
		labels = cli_labels_json("import", &a.labels);
		rc = labels ? EXIT_OK : EXIT_USAGE;
	}
	if (rc == EXIT_OK) {
		a.file = argv[first];
		a.labels_json = labels;
		rc = import_file(&a);
	}
	free(labels);
	free(a.labels.values);
	return rc;
}
