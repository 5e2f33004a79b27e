/* The grid of spec 9: PLM x K cells over one source. First the neighbours of each PLM at the largest K, then one
 * alignment pass over the text pairs of all PLMs, then the cells one by one; every cell's files are those of a
 * single run. What is found is kept in a folder of the grid, so that a grid that was stopped goes on. */
#ifndef JOB_GRID_H
#define JOB_GRID_H

#include "pipeline/job/jobfile.h"
#include "pipeline/job/run.h"

struct grid_cell {
	char *name; /* owned: data set name */
	char *plm;  /* owned: short name */
	char config_id[UUID_TEXT];
	int k;
	int skipped; /* registered already */
	enum run_outcome outcome;
	char *error;    /* owned, NULL: none */
	json_t *result; /* owned */
	double elapsed_s;
};

struct grid {
	struct grid_cell *cells; /* owned: PLMs as listed, K descending */
	size_t n;
};

/* Runs all cells; a failed cell does not stop the others, unless the run is cancelled. Fills `grid` with
 * what became of each. Returns 0 when all are done, else the first failure. RUN_REFUSED is told by
 * *refused: the job itself is at fault and nothing was run. */
int grid_run(struct grid *grid, const struct jobfile *job, const struct run_options *options,
	     int *refused, struct err *err);
void grid_release(struct grid *grid);

/* The preflight of every cell: {"ok", "cells": [{"name", and what check_payload tells}, ...]}. A new
 * reference, NULL only without memory. */
json_t *grid_check(const struct jobfile *job, const struct run_options *options,
		   enum run_outcome *outcome);

/* grid_cells.c: the cells of a job, with all that is wrong in its list; and the payload of one. */
int grid_make_cells(struct grid *g, struct source *s, const struct jobfile *job,
		    struct problems *problems, struct err *err);
/* grid_search.c: neighbours and alignments of all cells that are not registered yet. */
int grid_search(const struct grid *g, struct context *c, const struct jobfile *job,
		const struct run_options *options, struct err *err);
/* Forgets all that is loaded: what a failed cell loaded may be half of it. */
void grid_start_afresh(struct context *c);
json_t *grid_cell_payload(const struct jobfile *job, const struct grid_cell *cell);

#endif
