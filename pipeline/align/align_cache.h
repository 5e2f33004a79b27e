/* The alignment cache of spec 8: `alignments.sqlite` in a folder, shared with the original in both
 * directions. A cache that is busy, read-only, foreign or corrupt degrades to "no cache": the first
 * trouble is put into `trouble` once and every later call is a no-op. Belongs to one thread. */
#ifndef ALIGN_ALIGN_CACHE_H
#define ALIGN_ALIGN_CACHE_H

#include <stddef.h>
#include <stdint.h>

#include "pipeline/align/align.h"
#include "pipeline/core/digest.h"
#include "prof/base/err.h"

struct align_cache;

#define ALIGN_KEY_TEXT 96 /* md5 ":" md5 ":10:1:blosum62" and NUL */

void align_cache_key(const char query_md5[MD5_HEX], const char ref_md5[MD5_HEX],
		     char key[ALIGN_KEY_TEXT]);

/* The cache's value text (JSON of spec 8), and back. Parsing accepts any number spelling and key
 * order; ERR_FORMAT when a key is missing or it is no such object. */
int align_cache_value_format(const struct align_values *v, char *out, size_t size);
int align_cache_value_parse(const char *text, size_t len, struct align_values *v);

/* Makes folder and file as needed. Returns NULL only when there is no memory. Look at trouble. */
struct align_cache *align_cache_open(const char *dir);
const char *align_cache_trouble(const struct align_cache *c); /* NULL: works */
const char *align_cache_path(const struct align_cache *c);

/* For each i with a row under the key of pair i: values[i] filled, hit[i] = 1. Returns hits. */
size_t align_cache_lookup(struct align_cache *c, const char (*query_md5)[MD5_HEX],
			  const char (*ref_md5)[MD5_HEX], size_t n, struct align_values *values,
			  unsigned char *hit);
/* The same for pairs of texts with digests md5[job.query] and md5[job.ref], by at most `n_workers` threads
 * with handles of their own. Made for millions of pairs in one call. */
size_t align_cache_lookup_jobs(struct align_cache *c, const char (*md5)[MD5_HEX],
			       const struct align_job *jobs, size_t n, size_t n_workers,
			       struct align_values *values, unsigned char *hit);
/* Queues one row; committed every 10,000 rows or, seen at an insert, 20 s, "ignore if present". */
void align_cache_insert(struct align_cache *c, const char query_md5[MD5_HEX],
			const char ref_md5[MD5_HEX], const struct align_values *v);
/* Commits what is queued now, so that `trouble` can be asked before closing. */
void align_cache_flush(struct align_cache *c);
void align_cache_close(struct align_cache *c); /* commits; NULL is fine */

#endif
