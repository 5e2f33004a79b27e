/* The preflight of a grid, cell by cell; see grid.h. */
#include "pipeline/job/check.h"
#include "pipeline/job/grid.h"

static json_t *refusal(const struct problems *problems)
{
	json_t *list = json_array();
	size_t i;

	for (i = 0; i < problems->count; i++)
		json_array_append_new(list, json_string(problems->list[i].text));
	return json_pack("{s:b, s:o, s:[]}", "ok", 0, "problems", list, "cells");
}

/* A cell that is registered already is left alone by the grid, so nothing stands in its way. */
static json_t *check_cell(const struct jobfile *job, const struct grid_cell *cell,
			  struct source *source, const struct run_options *options,
			  enum run_outcome *outcome)
{
	struct err why = ERR_INIT;
	json_t *payload, *r;

	*outcome = RUN_DONE;
	if (source_has_dataset(source, cell->name, &why) == 1)
		return json_pack("{s:s, s:b, s:b, s:[], s:[]}", "name", cell->name, "ok", 1,
				 "registered", 1, "problems", "warnings");
	payload = grid_cell_payload(job, cell);
	r = check_payload(job->source_url, payload, job->environment, job->base_dir, options,
			  outcome);
	json_decref(payload);
	if (r)
		json_object_set_new(r, "name", json_string(cell->name));
	return r;
}

json_t *grid_check(const struct jobfile *job, const struct run_options *options,
		   enum run_outcome *outcome)
{
	struct problems problems = PROBLEMS_INIT;
	struct source *source = NULL;
	struct grid grid = {0};
	struct err err = ERR_INIT;
	json_t *cells = json_array(), *out;
	size_t i;
	int rc = source_open(&source, job->source_url, SOURCE_READ, &err);

	*outcome = RUN_DONE;
	if (!rc)
		rc = grid_make_cells(&grid, source, job, &problems, &err);
	if (rc)
		problems_add_err(&problems, &err);
	for (i = 0; !problems.count && i < grid.n; i++) {
		enum run_outcome one;
		json_t *r = check_cell(job, &grid.cells[i], source, options, &one);

		if (one != RUN_DONE && *outcome != RUN_FAILED)
			*outcome = one;
		json_array_append_new(cells, r);
	}
	if (problems.count) {
		*outcome = rc ? RUN_FAILED : RUN_REFUSED;
		json_decref(cells);
		out = refusal(&problems);
	} else {
		out = json_pack("{s:b, s:o}", "ok", *outcome == RUN_DONE, "cells", cells);
	}
	source_close(source);
	grid_release(&grid);
	problems_release(&problems);
	return out;
}
