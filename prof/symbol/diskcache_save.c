/* Writing the disk cache: a new file beside the old one, then its name. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "prof/base/clock.h"
#include "prof/base/hash.h"
#include "prof/symbol/diskcache.h"
#include "prof/symbol/elfsym.h"

/* The parts of a file while they grow. */
struct parts {
	struct strtab *strings;
	struct buf addrs, frames, first;
	uint32_t n, n_frames;
	int rc;
};

static int parts_init(struct parts *p)
{
	memset(p, 0, sizeof *p);
	p->strings = strtab_new();
	buf_init(&p->addrs, DISKCACHE_FILE_BYTES);
	buf_init(&p->frames, DISKCACHE_FILE_BYTES);
	buf_init(&p->first, DISKCACHE_FILE_BYTES);
	if (!p->strings)
		return ERR_NOMEM;
	strtab_set_limit(p->strings, DISKCACHE_FILE_BYTES);
	return 0;
}

static void parts_release(struct parts *p)
{
	strtab_free(p->strings);
	buf_release(&p->addrs);
	buf_release(&p->frames);
	buf_release(&p->first);
}

static void add_string(struct parts *p, const char *text, size_t len)
{
	uint32_t id = STRTAB_EMPTY;
	int rc = strtab_intern(p->strings, text, len, &id);

	if (rc < 0 && p->rc == 0)
		p->rc = rc;
	buf_put_u32(&p->frames, id);
}

static void start_chain(struct parts *p, uint64_t addr)
{
	buf_put_u64(&p->addrs, addr);
	buf_put_u32(&p->first, p->n_frames);
	p->n++;
}

static void add_old(struct parts *p, const struct diskcache *c, size_t at)
{
	start_chain(p, c->addrs[at]);
	for (uint32_t k = c->first[at]; k < c->first[at + 1]; k++, p->n_frames++) {
		for (int field = 0; field < 4; field++) {
			uint32_t v = c->frames[4 * (size_t)k + (unsigned)field];

			if (field == 2)
				buf_put_u32(&p->frames, v);
			else
				add_string(p, c->text + c->strings[v],
					   c->strings[v + 1] - c->strings[v]);
		}
	}
}

static void add_new(struct parts *p, const struct strtab *s, const struct result *r, size_t i)
{
	start_chain(p, r->addrs[i]);
	for (uint32_t k = 0; k < r->count[i]; k++, p->n_frames++) {
		const struct symbol_frame *f = &r->frames[r->first[i] + k];

		add_string(p, strtab_text(s, f->function), strtab_len(s, f->function));
		add_string(p, strtab_text(s, f->file), strtab_len(s, f->file));
		buf_put_u32(&p->frames, f->line);
		add_string(p, strtab_text(s, f->language), strtab_len(s, f->language));
	}
}

/* Both in the order of addresses; what is new wins. */
static int merge(struct parts *p, const struct diskcache *old, const struct strtab *s,
		 const struct result *r)
{
	size_t at = 0;

	if (old && (uint64_t)old->n + r->n > DISKCACHE_ADDRESSES)
		old = NULL;
	for (size_t i = 0; i < r->n && p->rc == 0; i++) {
		for (; old && at < old->n && old->addrs[at] < r->addrs[i]; at++)
			add_old(p, old, at);
		if (old && at < old->n && old->addrs[at] == r->addrs[i])
			at++;
		add_new(p, s, r, i);
	}
	for (; old && at < old->n && p->rc == 0; at++)
		add_old(p, old, at);
	buf_put_u32(&p->first, p->n_frames);
	if (p->rc == 0)
		p->rc = buf_failed(&p->addrs)    ? buf_failed(&p->addrs)
			: buf_failed(&p->frames) ? buf_failed(&p->frames)
						 : buf_failed(&p->first);
	return p->rc;
}

static int assemble(struct parts *p, const struct diskcache_note *note, struct buf *out)
{
	const size_t behind = offsetof(struct diskcache_header, setup);
	uint32_t n_strings = strtab_count(p->strings), at = 0;
	struct diskcache_header h = {.setup = note->setup,
				     .source = note->source,
				     .servers = note->servers,
				     .n = p->n,
				     .n_frames = p->n_frames,
				     .n_strings = n_strings,
				     .missing_len = (uint32_t)note->missing.n};

	memcpy(h.magic, DISKCACHE_MAGIC, sizeof h.magic);
	for (uint32_t i = 0; i < n_strings; i++)
		h.text_len += strtab_len(p->strings, i);
	buf_put(out, &h, sizeof h);
	buf_put(out, buf_str(&p->addrs), p->addrs.len);
	buf_put(out, buf_str(&p->frames), p->frames.len);
	buf_put(out, buf_str(&p->first), p->first.len);
	for (uint32_t i = 0; i < n_strings; at += (uint32_t)strtab_len(p->strings, i), i++)
		buf_put_u32(out, at);
	buf_put_u32(out, at);
	for (uint32_t i = 0; i < n_strings; i++)
		buf_put(out, strtab_text(p->strings, i), strtab_len(p->strings, i));
	buf_put(out, note->missing.n ? (const char *)note->missing.p : "", note->missing.n);
	if (buf_failed(out))
		return buf_failed(out);
	h.checksum = hash_bytes(out->data + behind, out->len - behind, 0);
	memcpy(out->data, &h, sizeof h);
	return 0;
}

/* ---- the folder ---- */

static int make_dir(const char *path)
{
	return mkdir(path, 0700) == 0 || errno == EEXIST;
}

/* DIR and everything above it that is missing, and DIR/sym. */
static int make_dirs(const char *dir, char *sym, size_t size)
{
	if (snprintf(sym, size, "%s/sym", dir) >= (int)size)
		return 0;
	if (access(sym, F_OK) == 0)
		return 1;
	for (char *p = sym + 1; *p; p++) {
		if (*p != '/')
			continue;
		*p = 0;
		make_dir(sym);
		*p = '/';
	}
	return make_dir(sym);
}

struct old_file {
	char name[NAME_MAX + 1];
	int64_t mtime_ns;
	uint64_t bytes;
};

/* The least recently used file and the bytes of all; leftovers of killed writers go at once. */
static uint64_t survey(int dirfd, DIR *d, struct old_file *oldest)
{
	int64_t hour_ago = clock_real_ns() - INT64_C(3600) * 1000000000;
	uint64_t total = 0;
	struct dirent *e;

	*oldest = (struct old_file){.mtime_ns = INT64_MAX};
	rewinddir(d);
	while ((e = readdir(d)) != NULL) {
		struct stat st;
		int64_t mtime;

		if (fstatat(dirfd, e->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISREG(st.st_mode))
			continue;
		mtime = (int64_t)st.st_mtim.tv_sec * 1000000000 + st.st_mtim.tv_nsec;
		if (e->d_name[0] == '.' && mtime < hour_ago) {
			unlinkat(dirfd, e->d_name, 0);
			continue;
		}
		total += (uint64_t)st.st_size;
		if (mtime < oldest->mtime_ns) {
			snprintf(oldest->name, sizeof oldest->name, "%s", e->d_name);
			oldest->mtime_ns = mtime;
			oldest->bytes = (uint64_t)st.st_size;
		}
	}
	return total;
}

static void keep_bounded(const char *sym)
{
	DIR *d = opendir(sym);
	struct old_file oldest;
	uint64_t total;

	if (!d)
		return;
	total = survey(dirfd(d), d, &oldest);
	while (total > DISKCACHE_TOTAL_BYTES && oldest.name[0] &&
	       unlinkat(dirfd(d), oldest.name, 0) == 0)
		total = survey(dirfd(d), d, &oldest);
	closedir(d);
}

static int write_all(int fd, const char *p, size_t n)
{
	while (n) {
		ssize_t done = write(fd, p, n);

		if (done < 0 && errno == EINTR)
			continue;
		if (done <= 0)
			return 0;
		p += done;
		n -= (size_t)done;
	}
	return 1;
}

static void replace_file(const char *dir, const char *build_id, const struct buf *bytes)
{
	char sym[PATH_MAX], aside[PATH_MAX + 128], path[PATH_MAX + 128];
	int fd, good;

	if (!make_dirs(dir, sym, sizeof sym))
		return;
	snprintf(aside, sizeof aside, "%s/.%s.XXXXXX", sym, build_id);
	snprintf(path, sizeof path, "%s/%s", sym, build_id);
	fd = mkostemp(aside, O_CLOEXEC);
	if (fd < 0)
		return;
	good = write_all(fd, bytes->data, bytes->len);
	good = close(fd) == 0 && good;
	if (!good || rename(aside, path) < 0)
		unlink(aside);
	else
		keep_bounded(sym);
}

int diskcache_save(const char *dir, const char *build_id, const struct diskcache *old,
		   const struct strtab *strings, const struct result *r,
		   const struct diskcache_note *note)
{
	struct buf out;
	struct parts p;
	int rc;

	if (r->n > DISKCACHE_ADDRESSES)
		return 0;
	buf_init(&out, DISKCACHE_FILE_BYTES);
	rc = parts_init(&p);
	if (rc == 0)
		rc = merge(&p, old, strings, r);
	if (rc == 0)
		rc = assemble(&p, note, &out);
	if (rc == 0)
		replace_file(dir, build_id, &out);
	buf_release(&out);
	parts_release(&p);
	return rc == ERR_NOMEM ? rc : 0;
}
