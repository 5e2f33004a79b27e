/* protea-prof site: pages for many runs of a store, with an index that compares them. */
#include <stdio.h>
#include <stdlib.h>

#include "prof/base/log.h"
#include "prof/cli/cmd.h"
#include "prof/cli/site_folder.h"
#include "prof/cli/site_pages.h"
#include "prof/cli/site_read.h"

struct arguments {
	const char *store;
	struct site_options options;
	uint64_t max_bytes;
	int compare;
};

static int make(const struct arguments *a, const char *folder, int n, char **runs, struct err *err)
{
	struct site_data data = {0};
	struct site_folder f = {0};
	struct site_pages pages = {.data = &data,
				   .options = &a->options,
				   .max_bytes = a->max_bytes,
				   .compare = a->compare};
	int rc = cli_open_store(&pages.store, cli_store_path(a->store), 0, err);

	if (rc == 0)
		rc = site_read(&data, pages.store, &a->options, n, runs, err);
	if (rc == 0) {
		rc = site_folder_begin(&f, folder, err);
		if (rc == 0) {
			rc = site_pages_write(&f, &pages, err);
			if (rc)
				site_folder_abort(&f);
			else
				rc = site_folder_commit(&f, err);
		}
		if (rc == 0)
			log_info("wrote %s/" SITE_INDEX " of %u run%s", folder, data.site.n_runs,
				 data.site.n_runs == 1 ? "" : "s");
		if (rc == 0 && data.site.left_out)
			log_warn("%u run%s without an end left out", data.site.left_out,
				 data.site.left_out == 1 ? "" : "s");
		site_data_release(&data);
	}
	store_close(pages.store);
	return rc;
}

int cmd_site(int argc, char **argv)
{
	struct arguments a = {.compare = 1};
	const struct opt opts[] = {
		{0, "store", OPT_TEXT, &a.store, "FILE",
		 "store to read ($PROTEA_PROF_STORE, ./protea-prof.sqlite)", 0},
		{0, "rows", OPT_TEXT, &a.options.rows, "LABEL",
		 "label whose values are the rows (plm, or the one with most values)", 0},
		{0, "cols", OPT_TEXT, &a.options.cols, "LABEL",
		 "label whose values are the columns (k, or the next one); none: one column", 0},
		{0, "x", OPT_TEXT, &a.options.x, "SIZE",
		 "plot stages against: items, or a size of theirs (the columns' numbers)", 0},
		{0, "share", OPT_TEXT_LIST, &a.options.shares, "NAME=STAGE[,STAGE]",
		 "time of stages in that of the run (alignment, KNN); may be repeated", 0},
		{0, "per-second", OPT_TEXT_LIST, &a.options.per_second, "NAME=STAGE",
		 "items of a stage by the time of the run (rows=parquet); may be repeated", 0},
		{0, "title", OPT_TEXT, &a.options.title, "TEXT", "head of the index", 0},
		{0, "max-bytes", OPT_BYTES, &a.max_bytes, "SIZE",
		 "of a cell's page (150000); the comparison gets eight times that", 0},
		{0, "compare", OPT_FLAG, &a.compare, NULL, "a page of all cells (the default)", 0},
		{0, "no-compare", OPT_FLAG, &a.compare, NULL, "no such page", 1},
		{0, "redact", OPT_FLAG, &a.options.redact, NULL,
		 "no host, arguments, or folders of paths; labels stay", 0},
		{0, "strip", OPT_TEXT, &a.options.strip, "FOLDER",
		 "leave this folder out of paths and commands", 0},
		{0, NULL, OPT_FLAG, NULL, NULL, NULL, 0},
	};
	const struct usage usage = {"site [options] DIR [RUN | LABEL=VALUE]…",
				    "Writes static pages about many runs (default: all of the "
				    "store) into DIR: an index "
				    "with a\nmatrix of two labels, a page for each cell, and a "
				    "page that compares any two "
				    "of them.",
				    opts};
	struct err err = ERR_INIT;
	int done, rc = 0, first = opts_parse(argc, argv, &usage, 1, &done);

	if (first < 0)
		rc = EXIT_USAGE;
	if (rc || done) {
		rc = rc ? rc : EXIT_OK;
	} else if (first >= argc) {
		log_error("site: say where: a folder for the pages; see protea-prof site --help");
		rc = EXIT_USAGE;
	} else {
		rc = make(&a, argv[first], argc - first - 1, argv + first + 1, &err);
		rc = rc ? cli_fail(&err) : EXIT_OK;
	}
	free(a.options.shares.values);
	free(a.options.per_second.values);
	return rc;
}
