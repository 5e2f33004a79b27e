/* Release numbers of GAF files and the order in which they are read (see create.h). Asked before any
 * work is done: the command line, the header's release, the file's name, the header's date. */
#include "pipeline/bundle/create_int.h"

#include <stdlib.h>
#include <string.h>

#include "pipeline/bundle/gaf.h"
#include "pipeline/core/lines.h"

struct peek {
	struct gaf_header header;
	int done;
};

/* Keeps the header and ends the reading. */
static int on_header(void *ctx, const struct gaf_header *header, struct err *err)
{
	struct peek *p = ctx;

	(void)err;
	p->header = *header;
	p->done = 1;
	return ERR_LIMIT;
}

static int no_record(void *ctx, const struct gaf_record *record, struct err *err)
{
	(void)ctx;
	(void)record;
	(void)err;
	return 0;
}

/* "goa_uniprot_all.gaf.220.gz" -> 220, the way GOA names its old releases; -1: no such name. */
static int64_t release_of_name(const char *path)
{
	const char *name = create_base_name(path);
	size_t len = strlen(name);
	size_t end, from;

	if (len > 3 && strcmp(name + len - 3, ".gz") == 0)
		len -= 3;
	for (end = len, from = len; from > 0 && name[from - 1] >= '0' && name[from - 1] <= '9';)
		from--;
	if (from == 0 || name[from - 1] != '.' || from == end || end - from > 9)
		return -1;
	return strtoll(name + from, NULL, 10);
}

static int find_version(struct create *c, size_t file, const struct gaf_header *h)
{
	const char *path = c->opt->gaf[file].path;
	const char *why = "its header's release";
	int64_t version = h->release;

	if (version < 0) {
		version = release_of_name(path);
		why = "its name";
	}
	if (version < 0) {
		version = h->date;
		why = "its header's date";
	}
	if (version < 0)
		return err_set(c->err, ERR_ARG,
			       "%s states no release; say which one it is: --gaf %s@VERSION", path,
			       path);
	c->gaf_version[file] = version;
	create_say(c, "%s is release %lld, by %s", path, (long long)version, why);
	return 0;
}

static int peek_file(struct create *c, size_t file)
{
	static const struct gaf_handler handler = {on_header, no_record};
	const struct create_gaf *gaf = &c->opt->gaf[file];
	struct lines *in = NULL;
	struct peek peek = {.done = 0};
	int rc = lines_open(&in, gaf->path, LINES_MAX_BYTES, c->err);

	if (rc < 0)
		return rc;
	rc = gaf_read(in, &handler, &peek, c->err);
	lines_close(in);
	if (!peek.done)
		return rc;
	c->gaf_version[file] = gaf->version;
	return gaf->version >= 0 ? 0 : find_version(c, file, &peek.header);
}

static int by_version(const void *a, const void *b, void *ctx)
{
	const int64_t *version = ctx;
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	if (version[x] != version[y])
		return version[x] < version[y] ? -1 : 1;
	return x < y ? -1 : x > y;
}

int create_check_gaf(struct create *c)
{
	size_t n = c->opt->n_gaf, i;
	int rc = 0;

	c->gaf_version = calloc(n + 1, sizeof *c->gaf_version);
	c->gaf_order = calloc(n + 1, sizeof *c->gaf_order);
	if (!c->gaf_version || !c->gaf_order)
		return err_nomem(c->err, "the releases");
	for (i = 0; i < n && rc == 0; i++) {
		c->gaf_order[i] = (uint32_t)i;
		rc = peek_file(c, i);
	}
	if (rc == 0)
		qsort_r(c->gaf_order, n, sizeof *c->gaf_order, by_version, c->gaf_version);
	return rc;
}
