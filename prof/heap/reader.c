/* Heap files from outside. What was checked is copied; words in shared memory are read once each. Memory under
 * a part of the file is asked for before it is looked at, so that a damaged file with holes on a full tmpfs is
 * an end of the table, not SIGBUS. One thread per reader. */
#include "prof/heap/reader.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#ifndef MADV_POPULATE_READ
#define MADV_POPULATE_READ 22 /* Linux 5.14 */
#endif

#define PAGE    4096u
#define TRIES   4u /* at a site that changes while it is read */
#define TICK_NS 65536

struct heap_reader_seen { /* bytes of each part */
	uint64_t threads, sites, stacks;
};

/* ---- opening */

/* Parts in their order, each where it is said to be; nothing overflows as counts have limits. */
static int layout_right(const struct heap_head *h, uint64_t size)
{
	uint64_t threads = (uint64_t)h->threads_max * sizeof(struct heap_thread_row);
	uint64_t sites = (uint64_t)h->sites_max * sizeof(struct heap_site);

	return h->head_bytes == HEAP_HEAD_BYTES && h->threads_max >= 1 &&
	       h->threads_max <= HEAP_THREADS_MAX && h->sites_max >= HEAP_SITES_RESERVED &&
	       h->sites_max <= HEAP_SITES_MAX && h->stacks_bytes >= 8 &&
	       h->stacks_bytes <= HEAP_STACKS_MAX && threads % PAGE == 0 && sites % PAGE == 0 &&
	       h->stacks_bytes % PAGE == 0 && h->threads_offset == HEAP_HEAD_BYTES &&
	       h->sites_offset == h->threads_offset + threads &&
	       h->stacks_offset == h->sites_offset + sites &&
	       h->file_bytes == h->stacks_offset + h->stacks_bytes && h->file_bytes <= size;
}

static int check_head(const struct heap_head *h, uint64_t size, const char *path, struct err *err)
{
	if (h->magic == 0 || (h->magic == HEAP_MAGIC && h->mode == HEAP_OFF))
		return err_set(err, ERR_NOTFOUND, "heap file '%s' is just being made", path);
	if (h->magic != HEAP_MAGIC)
		return err_set(err, ERR_FORMAT, "'%s' is no heap file", path);
	if (h->version != HEAP_VERSION)
		return err_set(err, ERR_UNSUPPORTED,
			       "heap file '%s' has version %u, this program knows version %u", path,
			       h->version, (unsigned int)HEAP_VERSION);
	if (!layout_right(h, size) || h->mode > HEAP_FULL ||
	    h->count_unit != (h->mode == HEAP_SAMPLED ? HEAP_COUNT_UNIT_SAMPLED : 1u))
		return err_set(err, ERR_FORMAT, "heap file '%s' is damaged", path);
	return 0;
}

static int open_file(const char *path, uint64_t *size, struct err *err)
{
	struct stat st;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);

	if (fd < 0)
		return err_sys(err, errno == ENOENT ? ERR_NOTFOUND : ERR_IO,
			       "cannot open heap file '%s'", path);
	if (fstat(fd, &st) || !S_ISREG(st.st_mode)) {
		(void)close(fd);
		return err_set(err, ERR_FORMAT, "'%s' is no heap file", path);
	}
	*size = (uint64_t)st.st_size;
	return fd;
}

static int map_checked(struct heap_reader *r, int fd, const struct heap_head *copy,
		       const char *path, struct err *err)
{
	void *p;

	r->seen = calloc(1, sizeof *r->seen);
	if (!r->seen)
		return err_nomem(err, "reader of a heap file");
	p = mmap(NULL, copy->file_bytes, PROT_READ, MAP_SHARED, fd, 0);
	if (p == MAP_FAILED) {
		free(r->seen);
		r->seen = NULL;
		return err_sys(err, ERR_IO, "cannot map heap file '%s'", path);
	}
	r->head = p;
	r->bytes = copy->file_bytes;
	r->threads_offset = copy->threads_offset;
	r->sites_offset = copy->sites_offset;
	r->stacks_offset = copy->stacks_offset;
	r->stacks_bytes = copy->stacks_bytes;
	r->threads_max = copy->threads_max;
	r->sites_max = copy->sites_max;
	r->mode = copy->mode;
	r->count_unit = copy->count_unit;
	r->rate_bytes = copy->rate_bytes;
	return 0;
}

/* A file shorter than a head may be one that was made a moment ago. */
int heap_reader_open(struct heap_reader *r, const char *path, struct err *err)
{
	struct heap_head copy;
	uint64_t size = 0;
	ssize_t n;
	int fd, rc;

	memset(r, 0, sizeof *r);
	fd = open_file(path, &size, err);
	if (fd < 0)
		return fd;
	n = pread(fd, &copy, sizeof copy, 0);
	if (n == 0)
		rc = err_set(err, ERR_NOTFOUND, "heap file '%s' is just being made", path);
	else if (n != (ssize_t)sizeof copy)
		rc = n < 0 ? err_sys(err, ERR_IO, "cannot read heap file '%s'", path)
			   : err_set(err, ERR_FORMAT, "'%s' is no heap file", path);
	else
		rc = check_head(&copy, size, path, err);
	if (rc == 0)
		rc = map_checked(r, fd, &copy, path, err);
	(void)close(fd);
	return rc;
}

void heap_reader_close(struct heap_reader *r)
{
	if (r->head)
		(void)munmap((void *)(uintptr_t)r->head, r->bytes);
	free(r->seen);
	memset(r, 0, sizeof *r);
}

/* ---- tables */

/* Whether the first `bytes` of a part may be looked at. Kernels without the call: they may. */
static int has_memory(const struct heap_reader *r, uint64_t offset, uint64_t bytes, uint64_t *seen)
{
	uint64_t from = *seen / PAGE * PAGE;

	if (bytes <= *seen)
		return 1;
	if (madvise((uint8_t *)(uintptr_t)r->head + offset + from, bytes - from,
		    MADV_POPULATE_READ) &&
	    errno != EINVAL)
		return 0;
	*seen = bytes;
	return 1;
}

static uint32_t rows_seen(const struct heap_reader *r, uint32_t used, uint32_t max, uint64_t offset,
			  uint64_t row_bytes, uint64_t *seen)
{
	if (used > max)
		used = max;
	return has_memory(r, offset, used * row_bytes, seen) ? used : (uint32_t)(*seen / row_bytes);
}

uint32_t heap_reader_sites(const struct heap_reader *r)
{
	uint32_t used = atomic_load_explicit(&r->head->sites_used, memory_order_acquire);

	return rows_seen(r, used, r->sites_max, r->sites_offset, sizeof(struct heap_site),
			 &r->seen->sites);
}

uint32_t heap_reader_threads(const struct heap_reader *r)
{
	uint32_t used = atomic_load_explicit(&r->head->threads_used, memory_order_acquire);

	return rows_seen(r, used, r->threads_max, r->threads_offset, sizeof(struct heap_thread_row),
			 &r->seen->threads);
}

/* What of a site is read at one moment. */
struct moment {
	uint64_t gen, alloc_bytes, alloc_count, freed_bytes, freed_count, peak_bytes, peak_count;
	uint64_t born, died;
};

static uint64_t word(const _Atomic uint64_t *p)
{
	return atomic_load_explicit(p, memory_order_relaxed);
}

/* `freed` before `alloc`: what was freed was allocated before, so a difference is rarely too small. */
static void read_moment(const struct heap_site *s, struct moment *m)
{
	m->gen = atomic_load_explicit(&s->gen, memory_order_acquire);
	m->peak_bytes = word(&s->peak_bytes);
	m->peak_count = word(&s->peak_count);
	m->died = word(&s->died);
	m->freed_bytes = word(&s->freed_bytes);
	m->freed_count = word(&s->freed_count);
	atomic_thread_fence(memory_order_acquire);
	m->born = word(&s->born);
	m->alloc_bytes = word(&s->alloc_bytes);
	m->alloc_count = word(&s->alloc_count);
	atomic_thread_fence(memory_order_acquire);
}

static int same_moment(const struct moment *a, const struct moment *b)
{
	return memcmp(a, b, sizeof *a) == 0;
}

/* Twice the same, with the same mark, is taken for one moment. *gen: of the mark. */
static void read_settled(const struct heap_reader *r, const struct heap_site *s, struct moment *m,
			 uint64_t *gen)
{
	struct moment again;

	*gen = word(&r->head->gen);
	read_moment(s, m);
	for (uint32_t i = 0; i < TRIES; i++) {
		uint64_t gen_again;

		read_moment(s, &again);
		gen_again = word(&r->head->gen);
		if (*gen == gen_again && same_moment(m, &again))
			return;
		*m = again;
		*gen = gen_again;
	}
}

static uint64_t less(uint64_t a, uint64_t b)
{
	return a > b ? a - b : 0;
}

static uint64_t blocks(uint64_t units, uint64_t unit)
{
	return units / unit + (units % unit > unit / 2);
}

/* Sums of times are modulo 2^64; what is negative, by an event half seen, is 0. */
static int64_t mean_life(const struct heap_reader *r, const struct moment *m, int64_t now_ns)
{
	int64_t now = (int64_t)((uint64_t)now_ns - (uint64_t)r->head->start_ns) / TICK_NS;
	uint64_t live = less(m->alloc_count, m->freed_count);
	int64_t sum = (int64_t)(m->died + live * (uint64_t)(now > 0 ? now : 0) - m->born);
	double mean;

	if (m->alloc_count == 0)
		return -1;
	mean = sum > 0 ? (double)sum / (double)m->alloc_count * TICK_NS : 0;
	return mean < 9e18 ? (int64_t)mean : INT64_MAX;
}

static double variance_of(const struct heap_site *s)
{
	uint64_t bits = word(&s->variance);
	double v;

	memcpy(&v, &bits, sizeof v);
	return isfinite(v) && v > 0 ? v : 0;
}

int heap_reader_site(const struct heap_reader *r, uint32_t index, int64_t now_ns,
		     struct heap_sums *out)
{
	const struct heap_site *s;
	struct moment m;
	uint32_t kind;
	uint64_t gen, unit;
	int at_mark;

	memset(out, 0, sizeof *out);
	if (index == 0 || index >= r->seen->sites / sizeof *s)
		return 0;
	s = (const struct heap_site *)((uintptr_t)r->head + r->sites_offset) + index;
	kind = atomic_load_explicit(&s->kind, memory_order_acquire);
	if (kind < HEAP_SITE_MALLOC || kind > HEAP_SITE_COPY)
		return 0;
	unit = kind == HEAP_SITE_COPY ? HEAP_COUNT_UNIT_SAMPLED : r->count_unit;
	read_settled(r, s, &m, &gen);
	at_mark = m.gen == gen;
	out->kind = (enum heap_site_kind)kind;
	out->stack = atomic_load_explicit(&s->stack, memory_order_relaxed);
	out->thread = atomic_load_explicit(&s->thread, memory_order_relaxed);
	out->thread = out->thread < r->threads_max ? out->thread : 0;
	out->stage = word(&s->stage);
	out->alloc_bytes = m.alloc_bytes;
	out->alloc_count = blocks(m.alloc_count, unit);
	out->live_bytes = less(m.alloc_bytes, m.freed_bytes);
	out->live_count = blocks(less(m.alloc_count, m.freed_count), unit);
	out->peak_bytes = at_mark ? m.peak_bytes : out->live_bytes;
	out->peak_count = at_mark ? blocks(m.peak_count, unit) : out->live_count;
	out->temporary_bytes = word(&s->temporary_bytes);
	out->temporary_count = blocks(word(&s->temporary_count), unit);
	out->variance = variance_of(s);
	out->life_ns = mean_life(r, &m, now_ns);
	return 1;
}

int heap_reader_stack(const struct heap_reader *r, uint32_t stack, struct heap_stack_view *out)
{
	static const uint64_t table_full = HEAP_LABEL_TABLE_FULL;
	uint64_t used = atomic_load_explicit(&r->head->stacks_used, memory_order_acquire);
	const struct heap_stack_row *row;
	uint32_t n;

	memset(out, 0, sizeof *out);
	if (stack == 0) {
		out->addresses = &table_full;
		out->n = 1;
		return 0;
	}
	if (used > r->stacks_bytes / 8)
		used = r->stacks_bytes / 8;
	if (stack + sizeof *row / 8 > used ||
	    !has_memory(r, r->stacks_offset, used * 8, &r->seen->stacks))
		return ERR_FORMAT;
	row = (const struct heap_stack_row *)((uintptr_t)r->head + r->stacks_offset +
					      8 * (uint64_t)stack);
	if (atomic_load_explicit(&row->hash, memory_order_acquire) == 0)
		return ERR_FORMAT;
	n = *(const volatile uint32_t *)&row->n;
	if (n > HEAP_DEPTH_MAX || stack + sizeof *row / 8 + n > used)
		return ERR_FORMAT;
	out->addresses = (const uint64_t *)(row + 1);
	out->n = n;
	out->flags = row->flags;
	out->t_ns = row->t_ns;
	return 0;
}

int heap_reader_thread(const struct heap_reader *r, uint32_t row, int *tid, int64_t *start_ns)
{
	const struct heap_thread_row *t =
		(const struct heap_thread_row *)((uintptr_t)r->head + r->threads_offset) + row;

	*tid = 0;
	*start_ns = 0;
	if (row == 0)
		return 0;
	if (row >= r->seen->threads / sizeof *t)
		return ERR_NOTFOUND;
	*tid = atomic_load_explicit(&t->tid, memory_order_acquire);
	*start_ns = t->start_ns;
	return *tid != 0 ? 0 : ERR_NOTFOUND;
}

const char *heap_label_name(uint64_t address)
{
	static const char *const names[HEAP_LABELS] = {
		[0] = "[unknown]",
		[HEAP_LABEL_THREAD_STACK] = "[thread stack]",
		[HEAP_LABEL_BRK] = "[brk]",
		[HEAP_LABEL_TABLE_FULL] = "[site table full]",
	};

	if (address >= HEAP_LABELS)
		return NULL;
	return names[address] ? names[address] : names[0];
}

const char *heap_loss_name(enum heap_loss loss)
{
	switch (loss) {
	case HEAP_LOSS_SITE_TABLE:
	case HEAP_LOSS_STACK_ROOM:
	case HEAP_LOSS_TAG_TABLE:
	case HEAP_LOSS_NO_MEMORY:
	case HEAP_LOSS_FOLDED:
		return "table_full";
	case HEAP_LOSS_NO_UNWIND:
		return "no_unwind_info";
	case HEAP_LOSS_TRUNCATED:
		return "truncated";
	case HEAP_LOSS_NO_THREAD:
		return "thread_limit";
	default:
		return "record_dropped";
	}
}
