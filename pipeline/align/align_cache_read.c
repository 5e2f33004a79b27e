/* Look-ups of the alignment cache: see align_cache.h. What is wanted is put into the order of the keys and
 * cut into slices for threads. Few keys of a large file are sought one by one, which in this order walks
 * the index from front to back; when a good part of the file is wanted, the whole table is read in the
 * order in which it lies, and each row is looked for among the wanted ones. */
#include "pipeline/align/align_cache_int.h"

#include <stdlib.h>
#include <string.h>

#include "pipeline/core/workers.h"

#define SLICE_KEYS      4096
#define SLICE_ROWS      16384
#define SCAN_SHARE      6    /* a wanted key per so many rows makes a scan worth while */
#define SCAN_KEYS       2048 /* fewer are sought */
#define MAX_LOOKUP      ((size_t)1 << 30)
#define MAX_READERS     16
#define BUCKETS         65536
#define MAX_VALUE_BYTES 65536 /* of a row; ours have about 400 */
#define MD5_LEN         (MD5_HEX - 1)
#define KEY_MD5S        (2 * MD5_LEN + 1) /* both, and the colon between them */

struct wanted {
	uint64_t
		head; /* the first eight letters of both digests, the order of the keys but for rare ties */
	uint32_t pair;
};

struct lookup {
	struct align_cache *c;
	const char (*query_md5)[MD5_HEX]; /* of pair i: [jobs ? jobs[i].query : i] */
	const char (*ref_md5)[MD5_HEX];
	const struct align_job *jobs;
	struct align_values *values;
	unsigned char *hit;

	struct wanted *wanted; /* owned, sorted */
	size_t n;
	uint32_t *bucket;      /* owned: first wanted of each value of the upper 16 bits */
	int64_t first, last;   /* rowids of a scan; first > last: keys are sought */
	struct reader *reader; /* owned: per thread */
	size_t n_readers;
};

struct reader {
	sqlite3 *db;      /* owned, but for the first, which is the cache's */
	sqlite3_stmt *st; /* owned: seeks or scans */
	int begun;
	size_t hits;
};

static const char *query_of(const struct lookup *l, uint32_t pair)
{
	return l->query_md5[l->jobs ? l->jobs[pair].query : pair];
}

static const char *ref_of(const struct lookup *l, uint32_t pair)
{
	return l->ref_md5[l->jobs ? l->jobs[pair].ref : pair];
}

/* ---- order ------------------------------------------------------------------------------------ */

/* Eight hexadecimal letters as a number. Others give some number: it only has to be the same each time. */
static uint32_t eight_letters(const char *text)
{
	uint32_t n = 0;

	for (int i = 0; i < 8; i++) {
		unsigned char ch = (unsigned char)text[i];

		n = n << 4 | ((ch & 15u) + (ch > '9' ? 9u : 0u));
	}
	return n;
}

static uint64_t head_of(const char *query_md5, const char *ref_md5)
{
	return (uint64_t)eight_letters(query_md5) << 32 | eight_letters(ref_md5);
}

static int by_head(const void *a, const void *b)
{
	const struct wanted *x = a, *y = b;

	return x->head < y->head ? -1 : x->head > y->head;
}

/* Sorts by the upper 16 bits at once, then each run of equal ones. */
static int sort_wanted(struct lookup *l)
{
	struct wanted *sorted = malloc(l->n * sizeof *sorted);
	size_t i;

	l->bucket = calloc(BUCKETS + 2, sizeof *l->bucket);
	l->wanted = sorted;
	if (!sorted || !l->bucket)
		return -1;
	for (i = 0; i < l->n; i++)
		l->bucket[(head_of(query_of(l, (uint32_t)i), ref_of(l, (uint32_t)i)) >> 48) + 2]++;
	for (i = 2; i < BUCKETS + 2; i++)
		l->bucket[i] += l->bucket[i - 1];
	for (i = 0; i < l->n; i++) {
		uint64_t head = head_of(query_of(l, (uint32_t)i), ref_of(l, (uint32_t)i));

		/* bucket[b + 1] runs from the first of b to the first of b + 1 */
		sorted[l->bucket[(head >> 48) + 1]++] = (struct wanted){head, (uint32_t)i};
	}
	for (i = 0; i < BUCKETS; i++)
		if (l->bucket[i + 1] - l->bucket[i] > 1)
			qsort(sorted + l->bucket[i], l->bucket[i + 1] - l->bucket[i],
			      sizeof *sorted, by_head);
	return 0;
}

/* ---- rows ------------------------------------------------------------------------------------- */

int align_cache_read_value(sqlite3_stmt *st, int column, struct align_values *v)
{
	const char *text;
	int len;

	if (sqlite3_column_type(st, column) != SQLITE_TEXT)
		return ERR_FORMAT;
	text = (const char *)sqlite3_column_text(st, column);
	len = sqlite3_column_bytes(st, column);
	if (!text || len > MAX_VALUE_BYTES)
		return ERR_FORMAT;
	return align_cache_value_parse(text, (size_t)len, v);
}

static void take(struct lookup *l, struct reader *r, uint32_t pair, const struct align_values *v)
{
	l->values[pair] = *v;
	r->hits += !l->hit[pair];
	l->hit[pair] = 1;
}

/* Seeks the keys wanted[from … to-1]. A key asked for twice stands twice side by side. */
static int seek_slice(struct lookup *l, struct reader *r, size_t from, size_t to)
{
	struct align_values v;
	char key[ALIGN_KEY_TEXT];
	int rc = SQLITE_OK;

	for (size_t i = from; rc == SQLITE_OK && i < to; i++) {
		uint32_t pair = l->wanted[i].pair;

		align_cache_key(query_of(l, pair), ref_of(l, pair), key);
		rc = sqlite3_bind_text(r->st, 1, key, -1, SQLITE_STATIC);
		if (rc == SQLITE_OK)
			rc = sqlite3_step(r->st);
		if (rc == SQLITE_ROW && align_cache_read_value(r->st, 0, &v) == 0)
			take(l, r, pair, &v); /* else computed again, and replaced by an insert */
		if (rc == SQLITE_ROW || rc == SQLITE_DONE)
			rc = SQLITE_OK;
		sqlite3_reset(r->st);
	}
	return rc;
}

/* Is the text one of our keys? A scan meets whatever the table holds. */
static int is_key(const char *key, int len)
{
	static const char tail[] = ":10:1:blosum62";

	return len == (int)(KEY_MD5S + sizeof tail - 1) && key[MD5_LEN] == ':' &&
	       memcmp(key + KEY_MD5S, tail, sizeof tail - 1) == 0;
}

/* Gives the value of the row at hand to whoever wants its key. */
static void offer_row(struct lookup *l, struct reader *r)
{
	const char *key;
	struct align_values v;
	uint64_t head;
	size_t low, high;
	int parsed = 0;

	if (sqlite3_column_type(r->st, 0) != SQLITE_TEXT)
		return;
	key = (const char *)sqlite3_column_text(r->st, 0);
	if (!key || !is_key(key, sqlite3_column_bytes(r->st, 0)))
		return;
	head = head_of(key, key + MD5_LEN + 1);
	low = l->bucket[head >> 48];
	high = l->bucket[(head >> 48) + 1];
	while (low < high) { /* the first that is not below */
		size_t mid = low + (high - low) / 2;

		if (l->wanted[mid].head < head)
			low = mid + 1;
		else
			high = mid;
	}
	for (high = l->bucket[(head >> 48) + 1]; low < high && l->wanted[low].head == head; low++) {
		uint32_t pair = l->wanted[low].pair;

		if (memcmp(query_of(l, pair), key, MD5_LEN) != 0 ||
		    memcmp(ref_of(l, pair), key + MD5_LEN + 1, MD5_LEN) != 0)
			continue;
		if (!parsed && align_cache_read_value(r->st, 1, &v) != 0)
			return;
		parsed = 1;
		take(l, r, pair, &v);
	}
}

static int scan_slice(struct lookup *l, struct reader *r, int64_t first, int64_t last)
{
	int rc = sqlite3_bind_int64(r->st, 1, first);

	if (rc == SQLITE_OK)
		rc = sqlite3_bind_int64(r->st, 2, last);
	if (rc == SQLITE_OK)
		while ((rc = sqlite3_step(r->st)) == SQLITE_ROW)
			offer_row(l, r);
	sqlite3_reset(r->st);
	return rc == SQLITE_DONE ? SQLITE_OK : rc;
}

/* ---- threads ---------------------------------------------------------------------------------- */

static int do_slice(void *ctx, size_t worker, size_t item, struct err *err)
{
	struct lookup *l = ctx;
	struct reader *r = &l->reader[worker];
	int rc;

	if (l->first <= l->last) {
		int64_t first = l->first + (int64_t)item * SLICE_ROWS;

		rc = scan_slice(l, r, first,
				l->last - first < SLICE_ROWS ? l->last : first + SLICE_ROWS - 1);
	} else {
		size_t from = item * SLICE_KEYS;

		rc = seek_slice(l, r, from, l->n - from < SLICE_KEYS ? l->n : from + SLICE_KEYS);
	}
	if (rc == SQLITE_OK)
		return 0;
	return err_set(err, ERR_DATABASE, "%s", sqlite3_errmsg(r->db));
}

/* One read transaction for all of a thread's look-ups: without it each takes and drops the file's lock. */
static int ready(struct lookup *l, struct reader *r)
{
	const char *sql = l->first <= l->last
				  ? "SELECT k, v FROM align WHERE rowid BETWEEN ?1 AND ?2"
				  : "SELECT v FROM align WHERE k = ?1";

	if (sqlite3_prepare_v3(r->db, sql, -1, SQLITE_PREPARE_PERSISTENT, &r->st, NULL) !=
	    SQLITE_OK)
		return -1;
	r->begun = sqlite3_exec(r->db, "BEGIN", NULL, NULL, NULL) == SQLITE_OK;
	return r->begun ? 0 : -1;
}

static void close_reader(const struct lookup *l, struct reader *r)
{
	sqlite3_finalize(r->st);
	if (r->begun && !sqlite3_get_autocommit(r->db))
		sqlite3_exec(r->db, "ROLLBACK", NULL, NULL, NULL); /* nothing was written */
	if (r->db != l->c->db)
		sqlite3_close(r->db);
}

/* The cache's own handle and, as far as they can be opened, further ones. */
static int open_readers(struct lookup *l, size_t n, struct err *err)
{
	int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX;

	l->reader = calloc(n, sizeof *l->reader);
	if (!l->reader)
		return err_nomem(err, "a look-up");
	l->reader[0].db = l->c->db;
	l->n_readers = 1;
	if (ready(l, &l->reader[0]) != 0)
		return err_set(err, ERR_DATABASE, "%s", sqlite3_errmsg(l->c->db));
	for (; l->n_readers < n; l->n_readers++) {
		struct reader *r = &l->reader[l->n_readers];

		if (sqlite3_open_v2(l->c->path, &r->db, flags, NULL) == SQLITE_OK) {
			align_cache_guard(r->db);
			if (ready(l, r) == 0)
				continue;
		}
		close_reader(l, r); /* fewer threads do the same work */
		*r = (struct reader){0};
		break;
	}
	return 0;
}

/* The rowids of the whole table when so much of it is wanted that reading it all is quicker. */
static void choose(struct lookup *l)
{
	static const char sql[] = "SELECT min(rowid), max(rowid) FROM align";
	sqlite3_stmt *st = NULL;
	int64_t first, last;

	l->first = 1;
	l->last = 0;
	if (l->n < SCAN_KEYS || sqlite3_prepare_v2(l->c->db, sql, -1, &st, NULL) != SQLITE_OK ||
	    sqlite3_step(st) != SQLITE_ROW || sqlite3_column_type(st, 0) != SQLITE_INTEGER) {
		sqlite3_finalize(st); /* a table without rowids among them */
		return;
	}
	first = sqlite3_column_int64(st, 0);
	last = sqlite3_column_int64(st, 1);
	sqlite3_finalize(st);
	if (first <= last && (uint64_t)last - (uint64_t)first < (uint64_t)l->n * SCAN_SHARE) {
		l->first = first;
		l->last = last;
	}
}

static size_t slices(const struct lookup *l)
{
	if (l->first <= l->last)
		return (size_t)(((uint64_t)l->last - (uint64_t)l->first) / SLICE_ROWS) + 1;
	return (l->n + SLICE_KEYS - 1) / SLICE_KEYS;
}

static size_t look_up(struct lookup *l, size_t n_workers)
{
	struct align_cache *c = l->c;
	struct err why = ERR_INIT;
	size_t hits = 0, i, n = n_workers < MAX_READERS ? n_workers : MAX_READERS;
	int rc = 0;

	if (sort_wanted(l) != 0) {
		rc = err_nomem(&why, "a look-up");
	} else {
		choose(l);
		if (n > slices(l))
			n = slices(l);
		rc = open_readers(l, n ? n : 1, &why);
	}
	if (!rc)
		rc = workers_run(l->n_readers, slices(l), do_slice, l, &why);
	for (i = 0; i < l->n_readers; i++) {
		hits += l->reader[i].hits; /* what was found before trouble is right */
		close_reader(l, &l->reader[i]);
	}
	if (rc && rc != ERR_CANCELLED)
		align_cache_give_up(c, why.text);
	free(l->reader);
	free(l->wanted);
	free(l->bucket);
	return hits;
}

static size_t look_up_all(struct lookup all, size_t n, size_t n_workers)
{
	size_t hits = 0;

	memset(all.hit, 0, n);
	align_cache_flush(all.c); /* what was just inserted can be found */
	all.n = n;
	if (all.c->db && n)
		hits = look_up(&all, n_workers);
	return hits;
}

size_t align_cache_lookup_jobs(struct align_cache *c, const char (*md5)[MD5_HEX],
			       const struct align_job *jobs, size_t n, size_t n_workers,
			       struct align_values *values, unsigned char *hit)
{
	size_t hits = 0, at, count;

	for (at = 0; at < n; at += count) {
		count = n - at < MAX_LOOKUP ? n - at : MAX_LOOKUP;
		hits += look_up_all((struct lookup){.c = c,
						    .query_md5 = md5,
						    .ref_md5 = md5,
						    .jobs = jobs + at,
						    .values = values + at,
						    .hit = hit + at},
				    count, n_workers);
	}
	return hits;
}

size_t align_cache_lookup(struct align_cache *c, const char (*query_md5)[MD5_HEX],
			  const char (*ref_md5)[MD5_HEX], size_t n, struct align_values *values,
			  unsigned char *hit)
{
	size_t hits = 0, at, count;

	for (at = 0; at < n; at += count) {
		count = n - at < MAX_LOOKUP ? n - at : MAX_LOOKUP;
		hits += look_up_all((struct lookup){.c = c,
						    .query_md5 = query_md5 + at,
						    .ref_md5 = ref_md5 + at,
						    .values = values + at,
						    .hit = hit + at},
				    count, 1);
	}
	return hits;
}
