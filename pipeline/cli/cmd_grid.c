/* `protea-export grid`. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pipeline/cli/cli.h"
#include "pipeline/core/cancel.h"
#include "pipeline/core/text.h"
#include "pipeline/job/grid.h"
#include "prof/base/log.h"

static const char usage[] =
	"usage: protea-export grid [OPTIONS] JOB\n"
	"Runs every cell (embedding configuration x K) of a grid job, sharing neighbours and "
	"alignments.\n"
	"Cells that are registered already are left alone, so a grid that was stopped goes on.\n"
	"  -w, --workers N     threads; default $PROTEA_PAIR_FEATURE_WORKERS, else 1\n"
	"  --db URL            bundle:PATH instead of the job file's source\n"
	"  --dry-run           check every cell, run none\n"
	"  --memory-limit SIZE refuse to start a cell if its plan needs more\n"
	"  --json              print what became of each cell as JSON\n"
	"  -q, --quiet         warnings and errors only\n"
	"Exit codes: 0 all cells done, 1 some failed, 2 usage or refused job.\n";

static const char *word(const struct grid_cell *c)
{
	return c->skipped ? "registered" : c->outcome == RUN_DONE ? "done" : "failed";
}

static void print_text(const struct grid *g)
{
	size_t i;

	for (i = 0; i < g->n; i++) {
		const struct grid_cell *c = &g->cells[i];
		const char *uri = json_string_value(json_object_get(c->result, "manifest_uri"));

		printf("%-12s K=%-3d %-10s %8.1f s  %s\n", c->plm, c->k, word(c), c->elapsed_s,
		       c->error ? c->error
		       : uri    ? uri
				: c->name);
	}
}

static void print_json(const struct grid *g)
{
	json_t *list = json_array();
	char *text;
	size_t i;

	for (i = 0; i < g->n; i++) {
		const struct grid_cell *c = &g->cells[i];

		json_array_append_new(list, json_pack("{s:s, s:s, s:i, s:s, s:f, s:s?, s:O?}",
						      "name", c->name, "plm", c->plm, "k", c->k,
						      "status", word(c), "elapsed_s", c->elapsed_s,
						      "error", c->error, "result", c->result));
	}
	text = json_pretty_ascii(list);
	if (text)
		puts(text);
	free(text);
	json_decref(list);
}

int cli_check_grid(const struct jobfile *job, const struct job_options *o)
{
	struct run_options options = {.memory_limit = o->memory_limit, .workers = o->workers};
	enum run_outcome outcome;
	json_t *r = grid_check(job, &options, &outcome), *cell;
	char *text;
	size_t i;

	if (!r) {
		log_error("no memory for the check");
		return EXIT_FAILED;
	}
	if (o->json) {
		text = json_pretty_ascii(r);
		if (text)
			puts(text);
		free(text);
	} else {
		json_array_foreach(json_object_get(r, "cells"), i, cell)
		{
			printf("%scell %s\n", i ? "\n" : "",
			       json_string_value(json_object_get(cell, "name")));
			cli_print_check(cell);
		}
		if (!json_array_size(json_object_get(r, "cells")))
			cli_print_check(r);
	}
	json_decref(r);
	return outcome == RUN_DONE ? EXIT_DONE : outcome == RUN_REFUSED ? EXIT_USAGE : EXIT_FAILED;
}

/* 0, or an exit code: --db names another database than the job file does. */
static int use_database(struct jobfile *job, const char *url)
{
	char *full = url ? jobfile_resolve_source(url, NULL) : NULL;

	if (!url)
		return 0;
	if (!full) {
		log_error("no memory for the database's URL");
		return EXIT_FAILED;
	}
	free(job->source_url);
	job->source_url = full;
	return 0;
}

int cmd_grid(int argc, char **argv)
{
	struct job_options o;
	struct jobfile job;
	struct grid grid;
	struct err err = ERR_INIT;
	struct run_options options;
	int refused = 0, rc = cli_parse_job_options(argc, argv, usage, &o);

	if (rc)
		return rc - 1;
	cancel_install();
	if (jobfile_read(&job, o.job, &err) != 0) {
		log_error("%s", err.text);
		return EXIT_USAGE;
	}
	if (strcmp(job.operation, OPERATION_GRID) != 0) {
		log_error("'%s' is no grid: run it with: protea-export run %s", job.path, job.path);
		jobfile_release(&job);
		return EXIT_USAGE;
	}
	rc = use_database(&job, o.db_url);
	if (!rc && o.dry_run)
		rc = cli_check_grid(&job, &o);
	if (rc || o.dry_run) {
		jobfile_release(&job);
		return rc;
	}
	options = (struct run_options){.memory_limit = o.memory_limit,
				       .workers = o.workers,
				       .keep_staging = o.keep_staging};
	rc = grid_run(&grid, &job, &options, &refused, &err);
	if (rc)
		log_error("%s", err.text);
	if (grid.n && !refused) {
		if (o.json)
			print_json(&grid);
		else
			print_text(&grid);
	}
	grid_release(&grid);
	jobfile_release(&job);
	return !rc ? EXIT_DONE : refused ? EXIT_USAGE : EXIT_FAILED;
}
