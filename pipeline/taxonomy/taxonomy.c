/* Opening a taxonomy and asking for lineages: see taxonomy.h. The file formats are read by
 * tax_dump.c and tax_ete.c, the pair rule is in tax_relation.c. */
#include "pipeline/taxonomy/taxonomy.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "pipeline/core/fsio.h"
#include "pipeline/taxonomy/tax_tree.h"

/* First bytes of every SQLite 3 file (sqlite.org/fileformat2.html). */
static const char sqlite_magic[16] = "SQLite format 3";

/* 1: SQLite, 0: something else, negative: cannot be read. */
static int is_sqlite(const char *path, struct err *err)
{
	char head[sizeof sqlite_magic];
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return err_sys(err, errno == ENOENT ? ERR_NOTFOUND : ERR_IO,
			       "cannot open taxonomy '%s'", path);
	n = read(fd, head, sizeof head);
	if (n < 0) {
		int rc = err_sys(err, ERR_IO, "cannot read taxonomy '%s'", path);

		close(fd);
		return rc;
	}
	close(fd);
	return n == (ssize_t)sizeof head && memcmp(head, sqlite_magic, sizeof head) == 0;
}

static int read_dump_beside(struct taxonomy *t, struct err *err)
{
	char *dir = fsio_dirname(t->file);
	char *merged = dir ? fsio_join(dir, "merged.dmp") : NULL;
	int rc;

	if (!merged)
		rc = err_nomem(err, t->file);
	else
		rc = tax_read_dump(t, t->file, fsio_exists(merged) ? merged : NULL, err);
	free(dir);
	free(merged);
	return rc;
}

static int open_file(struct taxonomy **out, const char *path, struct err *err)
{
	int rc = is_sqlite(path, err);
	struct taxonomy *t;

	if (rc < 0)
		return rc;
	t = tax_tree_new(path);
	if (!t)
		return err_nomem(err, path);
	rc = rc == 1 ? tax_read_ete(t, path, err) : read_dump_beside(t, err);
	if (rc != 0) {
		taxonomy_close(t);
		return rc;
	}
	*out = t;
	return 0;
}

int taxonomy_open(struct taxonomy **out, const char *path, struct err *err)
{
	struct stat st;
	char *nodes;
	int rc;

	*out = NULL;
	if (stat(path, &st) != 0)
		return err_sys(err, errno == ENOENT || errno == ENOTDIR ? ERR_NOTFOUND : ERR_IO,
			       "cannot open taxonomy '%s'", path);
	if (!S_ISDIR(st.st_mode))
		return open_file(out, path, err);
	nodes = fsio_join(path, "nodes.dmp");
	if (!nodes)
		return err_nomem(err, path);
	rc = open_file(out, nodes, err);
	free(nodes);
	return rc;
}

size_t taxonomy_count(const struct taxonomy *t)
{
	return t->n_listed;
}

const char *taxonomy_file(const struct taxonomy *t)
{
	return t->file;
}

static int is_blank(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

int taxonomy_parse_id(const char *text, int64_t *taxon)
{
	const char *p = text, *end;
	uint64_t v = 0, limit = INT64_MAX;
	int negative;

	if (!text)
		return 0;
	while (is_blank(*p))
		p++;
	for (end = p + strlen(p); end > p && is_blank(end[-1]);)
		end--;
	negative = p < end && *p == '-';
	p += p < end && (*p == '-' || *p == '+');
	if (p == end)
		return 0;
	limit += (uint64_t)negative;
	for (; p < end; p++) {
		unsigned digit = (unsigned)(*p - '0');

		if (*p < '0' || *p > '9' || v > (limit - digit) / 10)
			return 0;
		v = v * 10 + digit;
	}
	if (v == 0)
		return 0;
	*taxon = negative ? (int64_t)(0 - v) : (int64_t)v;
	return 1;
}

size_t taxonomy_lineage(const struct taxonomy *t, int64_t taxon, int64_t out[TAXONOMY_MAX_DEPTH])
{
	uint32_t node = tax_tree_find(t, taxon);
	size_t n, i;

	if (node == IDMAP_NONE || !t->listed[node])
		node = idmap_get(&t->merged, (uint64_t)taxon);
	if (node == IDMAP_NONE)
		return 0;
	n = t->depths[node];
	for (i = n; i > 0; i--) {
		out[i - 1] = t->ids[node];
		node = t->parents[node];
	}
	return n;
}
