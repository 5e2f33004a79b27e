/* The pages of a site: one for each cell, the comparison of all, the index. */
#ifndef CLI_SITE_PAGES_H
#define CLI_SITE_PAGES_H

#include "prof/cli/site_folder.h"
#include "prof/cli/site_read.h"
#include "prof/store/store.h"

#define SITE_CELL_BYTES 150000
#define SITE_COMPARES   8 /* cells' pages: the room of the comparison */

struct site_pages {
	struct store *store;
	const struct site_data *data;
	const struct site_options *options;
	uint64_t max_bytes; /* of a cell's page; 0: SITE_CELL_BYTES */
	int compare;        /* 0: no comparison page */
};

int site_pages_write(struct site_folder *f, const struct site_pages *pages, struct err *err);

#endif
