/* Commands of protea-prof: one function each, one file each. Only this room prints and chooses exit
 * codes. stdout is data, stderr is talk. */
#ifndef CLI_CMD_H
#define CLI_CMD_H

#include <stddef.h>
#include <stdint.h>

#include "prof/base/err.h"

enum {
	EXIT_OK = 0,
	EXIT_FAIL = 1,
	EXIT_USAGE = 2,
	EXIT_INCONCLUSIVE = 3,
	EXIT_NO_TARGET = 4,
};

struct cmd {
	const char *name;
	int (*run)(int argc,
		   char **argv); /* argv[0] is the command's name; returns the exit code */
	const char *summary;
	int hidden;
};

extern const struct cmd cmds[]; /* ends with name NULL */

int cmd_run(int argc, char **argv);
int cmd_record(int argc, char **argv);
int cmd_dump(int argc, char **argv);
int cmd_report(int argc, char **argv);
int cmd_flame(int argc, char **argv);
int cmd_diff(int argc, char **argv);
int cmd_site(int argc, char **argv);
int cmd_gate(int argc, char **argv);
int cmd_snapshot(int argc, char **argv);
int cmd_top(int argc, char **argv);
int cmd_runs(int argc, char **argv);
int cmd_import(int argc, char **argv);
int cmd_export(int argc, char **argv);
int cmd_model(int argc, char **argv);
int cmd_plan(int argc, char **argv);
int cmd_pg(int argc, char **argv);
int cmd_check(int argc, char **argv);
int cmd_supervise(int argc, char **argv); /* hidden: pp_start() starts it */

/* ---- options: a table per command; help and parsing cannot disagree (opts.c) ---- */

enum opt_kind { OPT_FLAG, OPT_TEXT, OPT_INT, OPT_DURATION, OPT_RATE, OPT_BYTES, OPT_TEXT_LIST };

struct opt_list {
	const char **values; /* owned */
	size_t n;
};

struct opt {
	char letter;      /* 0: none */
	const char *name; /* without -- */
	enum opt_kind kind;
	void *value; /* int *, const char **, int64_t *, int64_t * (ns), double * (Hz), uint64_t * (bytes), struct opt_list * */
	const char *arg; /* "FILE"; NULL for flags */
	const char *help;
	int no; /* OPT_FLAG: sets 0, for --no-x */
};

struct usage {
	const char *synopsis;   /* "run [options] JOB | -- CMD [ARG…]" */
	const char *text;       /* a few lines; NULL */
	const struct opt *opts; /* ends with name NULL; -q and -h come by themselves */
};

/* Parses up to the first operand, "--" or (permute) everywhere before "--"; -h and --help print and set
 * *done. Returns the index of the first operand (operands are moved to the end, in order), or -1 after
 * saying what is wrong: exit EXIT_USAGE. */
int opts_parse(int argc, char **argv, const struct usage *usage, int permute, int *done);

/* Common places: the store file ($PROTEA_PROF_STORE, ./protea-prof.sqlite). */
const char *cli_store_path(const char *option);
/* Says `err` on stderr with the prefix (names of foreign files in it made harmless); returns the exit code
 * (ERR_ARG: 2, else 1). */
int cli_fail(const struct err *err);
/* Opens a store for reading and completes unfinished runs left by dead supervisors (says so). */
struct store;
struct profile;
int cli_open_store(struct store **out, const char *path, int writable, struct err *err);
int cli_colour(void); /* may stdout be coloured (TTY, NO_COLOR) */
int cli_width(void);  /* columns of stdout's terminal; $COLUMNS, or 100, when there is none */
int cli_columns(int fd);

/* A run of the store, also one that is still being recorded: its frames get names and it the time since its start, in
 * memory. As store_read_run(). */
int cli_read_run(struct store *s, int64_t run, unsigned parts, struct profile *p, struct err *err);
int64_t cli_so_far_ns(int64_t started_at);
void cli_say_live(const struct profile *p); /* on stderr, if it is */

/* Place of `text` in `names` (which ends with NULL); 0, or -1 after saying what may stand there. */
int cli_choose(const char *cmd, const char *option, const char *text, const char *const *names,
	       int *value);
/* {"k": "v", …} of "k=v" texts, malloc'ed; NULL after saying what is wrong. */
char *cli_labels_json(const char *cmd, const struct opt_list *labels);

/* The kind of sample a view is of when nobody says: wall of a run in wall mode, else cpu. */
const char *cli_default_kind(const struct profile *p);

#endif
