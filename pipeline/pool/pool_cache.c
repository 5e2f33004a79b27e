/* The float16 pool cache: see pool_cache.h. */
#include "pipeline/pool/pool_cache.h"

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "pipeline/core/digest.h"
#include "pipeline/core/fsio.h"
#include "pipeline/core/half.h"
#include "pipeline/core/npy.h"
#include "pipeline/source/source.h"

#define ZERO_UUID   "00000000-0000-0000-0000-000000000000"
#define EMBEDDINGS  "embeddings.npy"
#define ACCESSIONS  "accessions.npy"
#define SIDECAR     "embeddings.json"
#define LOCK        "embeddings.lock"
#define SIDECAR_MAX 65536

static char *file_name(const char *dir, const char *config_id, const char *what)
{
	char name[128];

	snprintf(name, sizeof name, "%s__" ZERO_UUID "_%s", config_id, what);
	return fsio_join(dir, name);
}

static int digest_proteins(const struct proteins *proteins, char out[SHA256_HEX])
{
	struct sha256 *d = sha256_new();
	uint32_t i;
	int rc;

	if (!d)
		return ERR_NOMEM;
	for (i = 0; i < proteins->n; i++) {
		char id[32];
		const char *acc = dict_text(&proteins->accessions, i);
		int n = snprintf(id, sizeof id, "%" PRId64 "\n", proteins->sequence_id[i]);

		sha256_update(d, acc, strlen(acc) + 1);
		sha256_update(d, id, (size_t)n);
	}
	rc = sha256_finish(d, out);
	sha256_free(d);
	return rc;
}

static int digest_row(void *ctx, const struct source_embedding *row, struct err *err)
{
	(void)err;
	pool_digest_row(ctx, row);
	return 0;
}

int pool_cache_key_of(struct pool_cache_key *key, struct sha256 *rows_digest,
		      const struct proteins *proteins, uint64_t rows, struct err *err)
{
	*key = (struct pool_cache_key){.rows = rows, .n_proteins = proteins->n};
	if (sha256_finish(rows_digest, key->vectors_sha256) != 0 ||
	    digest_proteins(proteins, key->proteins_sha256) != 0)
		return err_set(err, ERR_INTERNAL, "cannot digest the embeddings");
	return 0;
}

int pool_cache_key(struct pool_cache_key *key, struct source *s, const char *config_id,
		   const struct proteins *proteins, uint64_t rows, struct err *err)
{
	struct sha256 *d = sha256_new();
	int rc;

	if (!d)
		return err_nomem(err, "the pool cache");
	rc = source_embeddings(s, config_id, digest_row, d, err);
	if (!rc)
		rc = pool_cache_key_of(key, d, proteins, rows, err);
	sha256_free(d);
	return rc;
}

int pool_cache_there(const char *dir, const char *config_id)
{
	char *path = file_name(dir, config_id, EMBEDDINGS);
	int there = path && fsio_exists(path);

	free(path);
	return there;
}

/* ---- reading ----------------------------------------------------------------------------------------- */

struct mapping {
	unsigned char *bytes;
	size_t n;
};

static int map_file(struct mapping *m, const char *path, struct err *err)
{
	struct stat st;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	*m = (struct mapping){0};
	if (fd < 0)
		return err_sys(err, ERR_NOTFOUND, "cannot open '%s'", path);
	if (fstat(fd, &st) != 0 || st.st_size <= 0) {
		close(fd);
		return err_set(err, ERR_FORMAT, "'%s' is empty", path);
	}
	m->n = (size_t)st.st_size;
	m->bytes = mmap(NULL, m->n, PROT_READ, MAP_PRIVATE, fd, 0);
	close(fd);
	if (m->bytes == MAP_FAILED) {
		m->bytes = NULL;
		return err_sys(err, ERR_IO, "cannot map '%s'", path);
	}
	return 0;
}

static void unmap(struct mapping *m)
{
	if (m->bytes)
		munmap(m->bytes, m->n);
	*m = (struct mapping){0};
}

static int put_key(struct buf *b, const struct pool_cache_key *key)
{
	return buf_printf(b,
			  "{\"version\": 3, \"source_rows\": %" PRIu64 ", \"proteins\": %" PRIu64
			  ", \"proteins_sha256\": \"%s\", \"vectors_sha256\": \"%s\", ",
			  key->rows, key->n_proteins, key->proteins_sha256, key->vectors_sha256);
}

/* 1 the sidecar fits, 0 it does not, 2 there is none; ERR_NOMEM. */
static int sidecar_fits(const char *dir, const char *config_id, const struct pool_cache_key *key,
			struct pool *pool, struct pool_cache_file *file)
{
	char *path = file_name(dir, config_id, SIDECAR);
	struct buf text = BUF_INIT, want = BUF_INIT;
	uint64_t rows = 0, dups = 0, dropped = 0;
	int fits = 2;

	if (!path || put_key(&want, key) != 0) {
		fits = ERR_NOMEM;
	} else if (fsio_exists(path)) {
		fits = fsio_read_all(path, SIDECAR_MAX, &text, NULL) == 0 && text.len > want.len &&
		       memcmp(text.data, want.data, want.len) == 0 &&
		       memcmp(text.data + text.len - 3, "\"}\n", 3) == 0 &&
		       sscanf(buf_str(&text) + want.len,
			      "\"rows\": %" SCNu64 ", \"duplicate_rows\": %" SCNu64
			      ", \"dropped_non_finite\": %" SCNu64
			      ", \"values_sha256\": \"%64[0-9a-f]",
			      &rows, &dups, &dropped, file->values_sha256) >= 3;
		pool->duplicate_rows = dups;
		pool->dropped_non_finite = dropped;
		pool->n = (uint32_t)rows;
	}
	buf_release(&text);
	buf_release(&want);
	free(path);
	return fits;
}

/* *ordered: 1 the file has the rows in our order. */
static int read_accessions(struct pool *pool, const char *path, const struct proteins *proteins,
			   int *ordered, struct err *err)
{
	struct mapping m;
	struct npy_header h;
	struct buf text = BUF_INIT;
	uint32_t i, last = 0;
	int rc = map_file(&m, path, err);

	*ordered = 1;
	if (rc)
		return rc;
	rc = npy_parse(m.bytes, m.n, path, &h, err);
	if (!rc && (h.n_dims != 1 || h.n_items != pool->n || h.data_offset > m.n ||
		    h.n_items * h.item_size > m.n - h.data_offset))
		rc = err_set(err, ERR_FORMAT, "'%s' does not hold %u accessions", path, pool->n);
	for (i = 0; !rc && i < pool->n; i++) {
		uint32_t p;

		buf_clear(&text);
		rc = npy_text(&h, m.bytes + h.data_offset, i, &text, err);
		if (rc)
			break;
		p = dict_find(&proteins->accessions, buf_str(&text), text.len);
		if (p == DICT_NONE || p >= proteins->n || pool->row_of[p] != POOL_NONE) {
			rc = err_set(err, ERR_FORMAT,
				     "'%s': accession '%s' at %u is unknown or comes twice", path,
				     buf_str(&text), i);
			break;
		}
		*ordered &= i == 0 || p > last;
		pool->row_of[p] = i;
		pool->protein[i] = last = p;
	}
	buf_release(&text);
	unmap(&m);
	return rc;
}

static int adopt_values(struct pool *pool, int known_rows, const struct pool_cache_key *key,
			struct pool_cache_file *file, struct err *err)
{
	const char *path = file->path;
	struct mapping m;
	struct npy_header h = {0};
	int rc = map_file(&m, path, err);

	file->bytes = m.n;
	if (!rc)
		rc = npy_parse(m.bytes, m.n, path, &h, err);
	if (!rc && h.n_dims > 0)
		file->rows = h.shape[0];
	if (!rc &&
	    (h.type != NPY_F16 || h.big_endian || h.fortran_order || h.n_dims != 2 ||
	     h.shape[0] == 0 || h.shape[1] == 0 || h.shape[1] > 1u << 20 || h.data_offset > m.n ||
	     h.n_items * 2 != m.n - h.data_offset || h.shape[0] > UINT32_MAX - 1 ||
	     h.data_offset % sizeof *pool->values)) /* they are read where they lie */
		rc = err_set(err, ERR_FORMAT, "'%s' is no complete float16 matrix", path);
	if (!rc && h.shape[0] != (known_rows ? pool->n : key->rows))
		rc = err_set(err, ERR_FORMAT,
			     "'%s' has %" PRIu64 " rows, the source has %" PRIu64
			     " proteins with an embedding",
			     path, h.shape[0], key->rows);
	if (rc) {
		unmap(&m);
		return rc;
	}
	pool->n = (uint32_t)h.shape[0];
	pool->dim = (size_t)h.shape[1];
	pool->mapping = m.bytes;
	pool->mapped_bytes = m.n;
	pool->values = (uint16_t *)(void *)(m.bytes + h.data_offset);
	return 0;
}

static int make_index(struct pool *pool, const struct proteins *proteins, struct err *err)
{
	pool->n_proteins = proteins->n;
	pool->protein = malloc(((size_t)pool->n + 1) * sizeof *pool->protein);
	pool->row_of = malloc(((size_t)proteins->n + 1) * sizeof *pool->row_of);
	if (!pool->protein || !pool->row_of)
		return err_nomem(err, "the pool cache");
	memset(pool->row_of, 0xff, ((size_t)proteins->n + 1) * sizeof *pool->row_of);
	return 0;
}

/* The original keeps rows that are not finite; ours are dropped before they are stored. */
static int check_finite(const struct pool *pool, const char *path, struct err *err)
{
	size_t i, n = (size_t)pool->n * pool->dim;

	for (i = 0; i < n && half_is_finite(pool->values[i]); i++)
		;
	return i < n ? err_set(err, ERR_FORMAT, "'%s' has values that are not finite", path) : 0;
}

/* The original's rows come as its database pleased: a copy has them in ours. */
static int put_in_order(struct pool *pool, struct err *err)
{
	size_t row_bytes = pool->dim * sizeof *pool->values, bytes = pool->n * row_bytes;
	uint16_t *copy = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
			      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	uint32_t p, row = 0;

	if (copy == MAP_FAILED)
		return err_nomem(err, "the embedding pool");
	for (p = 0; p < pool->n_proteins; p++) {
		if (pool->row_of[p] == POOL_NONE)
			continue;
		memcpy(copy + (size_t)row * pool->dim, pool_at(pool, pool->row_of[p]), row_bytes);
		pool->protein[row] = p;
		pool->row_of[p] = row++;
	}
	munmap(pool->mapping, pool->mapped_bytes);
	pool->mapping = pool->values = copy;
	pool->mapped_bytes = bytes;
	return 0;
}

static int fill(struct pool *pool, const char *dir, const char *config_id,
		const struct proteins *proteins, const struct pool_cache_key *key, int sidecar,
		struct pool_cache_file *file, struct err *err)
{
	char *accessions = file_name(dir, config_id, ACCESSIONS);
	int ordered = 1;
	int rc = accessions ? adopt_values(pool, sidecar == 1, key, file, err)
			    : err_nomem(err, "the pool cache");

	if (!rc)
		rc = make_index(pool, proteins, err);
	if (!rc)
		rc = read_accessions(pool, accessions, proteins, &ordered, err);
	if (!rc && sidecar != 1)
		rc = check_finite(pool, file->path, err);
	if (!rc && !ordered)
		rc = put_in_order(pool, err);
	free(accessions);
	return rc;
}

/* Size and, if it can be told, rows of a file that is not used. */
static void describe(struct pool_cache_file *file)
{
	struct npy_header h;
	struct mapping m;

	if (map_file(&m, file->path, NULL) != 0)
		return;
	file->bytes = m.n;
	if (npy_parse(m.bytes, m.n, file->path, &h, NULL) == 0 && h.n_dims > 0)
		file->rows = h.shape[0];
	unmap(&m);
}

int pool_cache_load(struct pool *pool, const char *dir, const char *config_id,
		    const struct proteins *proteins, const struct pool_cache_key *key,
		    struct pool_cache_file *file, struct err *err)
{
	int sidecar, rc;

	memset(pool, 0, sizeof *pool);
	*file = (struct pool_cache_file){.path = file_name(dir, config_id, EMBEDDINGS)};
	if (!file->path)
		return err_nomem(err, "the pool cache");
	if (!fsio_exists(file->path))
		return POOL_CACHE_ABSENT;
	sidecar = sidecar_fits(dir, config_id, key, pool, file);
	if (sidecar < 0)
		return err_nomem(err, "the pool cache");
	if (sidecar == 0) {
		memset(pool, 0, sizeof *pool);
		describe(file);
		err_set(err, ERR_FORMAT, "'%s' was made from other data", file->path);
		return POOL_CACHE_STALE;
	}
	rc = fill(pool, dir, config_id, proteins, key, sidecar, file, err);
	if (rc) {
		pool_release(pool);
		return rc == ERR_NOMEM ? rc : POOL_CACHE_STALE;
	}
	memccpy(pool->config_id, config_id, '\0', UUID_TEXT - 1);
	return sidecar == 1 ? POOL_CACHE_HIT : POOL_CACHE_HIT_FOREIGN;
}

/* ---- writing ----------------------------------------------------------------------------------------- */

static int write_values(const struct pool *pool, const char *path, uint64_t *bytes, struct err *err)
{
	struct fsio_out out = {.fd = -1};
	struct buf header = BUF_INIT;
	uint64_t shape[2] = {pool->n, pool->dim};
	int rc = 0;

	if (npy_write_header(&header, "<f2", shape, 2) != 0)
		rc = err_nomem(err, "the pool cache");
	if (!rc)
		rc = fsio_create(&out, path, err);
	if (!rc)
		rc = fsio_write(&out, header.data, header.len, err);
	if (!rc)
		rc = fsio_write(&out, pool->values, (size_t)pool->n * pool->dim * 2, err);
	*bytes = out.offset;
	if (!rc)
		rc = fsio_commit(&out, err);
	else
		fsio_abort(&out);
	buf_release(&header);
	return rc;
}

/* Fixed-width UCS-4, as NumPy keeps text; accessions are ASCII in practice, other bytes are decoded. */
static int put_ucs4(struct buf *b, const char *text, size_t width)
{
	const unsigned char *p = (const unsigned char *)text;
	size_t n = 0;

	while (*p && n < width) {
		uint32_t c = *p++;
		int more = c >= 0xf0 ? 3 : c >= 0xe0 ? 2 : c >= 0xc0 ? 1 : 0;

		if (more)
			c &= 0x3fu >> more;
		while (more-- && (*p & 0xc0) == 0x80)
			c = c << 6 | (*p++ & 0x3f);
		buf_put_u32(b, c);
		n++;
	}
	while (n++ < width)
		buf_put_u32(b, 0);
	return buf_failed(b);
}

static int write_accessions(const struct pool *pool, const char *path,
			    const struct proteins *proteins, struct err *err)
{
	struct buf b = BUF_INIT;
	uint64_t shape[1] = {pool->n};
	size_t width = 1;
	char descr[24];
	uint32_t i;
	int rc;

	for (i = 0; i < pool->n; i++) {
		size_t len = strlen(dict_text(&proteins->accessions, pool->protein[i]));

		width = len > width ? len : width;
	}
	snprintf(descr, sizeof descr, "<U%zu", width);
	rc = npy_write_header(&b, descr, shape, 1);
	for (i = 0; !rc && i < pool->n; i++)
		rc = put_ucs4(&b, dict_text(&proteins->accessions, pool->protein[i]), width);
	if (rc)
		rc = err_nomem(err, "the pool cache");
	else
		rc = fsio_write_file(path, b.data, b.len, err);
	buf_release(&b);
	return rc;
}

static int write_sidecar(const struct pool *pool, const char *path,
			 const struct pool_cache_key *key, struct err *err)
{
	struct buf text = BUF_INIT;
	int rc = 0;

	if (put_key(&text, key) != 0 ||
	    buf_printf(&text,
		       "\"rows\": %u, \"duplicate_rows\": %" PRIu64
		       ", \"dropped_non_finite\": %" PRIu64 ", \"values_sha256\": \"%s\"}\n",
		       pool->n, pool->duplicate_rows, pool->dropped_non_finite,
		       pool->values_sha256) != 0)
		rc = err_nomem(err, "the pool cache");
	else
		rc = fsio_write_file(path, text.data, text.len, err);
	buf_release(&text);
	return rc;
}

int pool_cache_lock(const char *dir, const char *config_id, struct err *err)
{
	char *lock = file_name(dir, config_id, LOCK);
	int fd = lock ? fsio_mkdirs(dir, err) : err_nomem(err, "the pool cache");

	if (fd == 0)
		fd = fsio_lock(lock, 0, err);
	free(lock);
	return fd;
}

/* What writers that were killed have left. Nobody else is writing. */
static void remove_remains(const char *dir, const char *config_id)
{
	char begin[80];
	DIR *d = opendir(dir);
	struct dirent *entry;

	snprintf(begin, sizeof begin, "%s__" ZERO_UUID "_", config_id);
	while (d && (entry = readdir(d))) {
		char *path;

		if (strncmp(entry->d_name, begin, strlen(begin)) != 0 ||
		    !strstr(entry->d_name, ".tmp."))
			continue;
		path = fsio_join(dir, entry->d_name);
		if (path)
			(void)fsio_remove(path);
		free(path);
	}
	if (d)
		closedir(d);
}

static int write_all(const struct pool *pool, const char *dir, const struct proteins *proteins,
		     const struct pool_cache_key *key, struct pool_cache_file *file,
		     struct err *err)
{
	char *accessions = file_name(dir, pool->config_id, ACCESSIONS);
	char *sidecar = file_name(dir, pool->config_id, SIDECAR);
	int rc = 0;

	if (!accessions || !sidecar)
		rc = err_nomem(err, "the pool cache");
	/* A reader asks for the embeddings file first: while it is away there is no cache, and it comes
	 * back last. */
	if (!rc && fsio_remove(file->path) != 0)
		rc = err_sys(err, ERR_IO, "cannot remove '%s'", file->path);
	if (!rc)
		rc = write_accessions(pool, accessions, proteins, err);
	if (!rc)
		rc = write_sidecar(pool, sidecar, key, err);
	if (!rc)
		rc = write_values(pool, file->path, &file->bytes, err);
	free(accessions);
	free(sidecar);
	return rc;
}

int pool_cache_store(const struct pool *pool, const char *dir, const struct proteins *proteins,
		     const struct pool_cache_key *key, int lock, struct pool_cache_file *file,
		     struct err *err)
{
	char *name = file_name(dir, pool->config_id, LOCK);
	int fd = -1, rc = 0;

	*file = (struct pool_cache_file){.path = file_name(dir, pool->config_id, EMBEDDINGS),
					 .rows = pool->n};
	if (!name || !file->path)
		rc = err_nomem(err, "the pool cache");
	else
		rc = fsio_mkdirs(dir, err);
	if (!rc && lock < 0) {
		fd = fsio_lock(name, 1, err);
		rc = fd < 0 ? fd : 0;
	}
	if (!rc) {
		remove_remains(dir, pool->config_id);
		rc = write_all(pool, dir, proteins, key, file, err);
	}
	if (fd >= 0)
		fsio_unlock(fd);
	free(name);
	return rc;
}
