/* Addresses to frames and stacks: see resolve.h. Modules of a space are space.c's. */
#include "prof/record/resolve.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RAW_STACK_FULL 16376u /* 16 KiB but for alignment: handler.c's RAW_MAX */

void resolver_init(struct resolver *r, struct known *k, struct batch *b, const char *cache_dir)
{
	memset(r, 0, sizeof *r);
	r->k = k;
	r->b = b;
	r->cache_dir = cache_dir;
	r->truncated = KNOWN_NONE;
}

void resolver_release(struct resolver *r)
{
	for (uint32_t i = 0; i < r->n_tables; i++)
		if (r->tables[i].table)
			unwind_table_release(r->tables[i].table, r->tables[i].mapped_bytes);
	free(r->tables);
	r->tables = NULL;
	r->n_tables = 0;
}

int resolve_label(struct resolver *r, const char *label, uint32_t *stack)
{
	uint32_t frame;
	int rc = known_label(r->k, label, &frame);

	return rc ? rc : stacktab_intern(r->k->stacks, STACK_ROOT, frame, stack);
}

/* The frame of one address; asks for the modules as they are now where none was loaded at `t_ns`: an
 * address is met before the record of its module when another thread is just loading it. */
static int find_frame(struct resolver *r, struct space *s, int64_t t_ns, uint64_t address,
		      struct frame *frame)
{
	int rc = modtab_frame(r->k->modules, s->id, t_ns, address, frame);

	if (rc || frame->module != FRAME_NO_MODULE)
		return rc;
	rc = modtab_frame(r->k->modules, s->id, MODMAP_STILL - 1, address, frame);
	if (rc || frame->module != FRAME_NO_MODULE)
		return rc;
	rc = space_read_maps(r, s);
	return rc ? rc : modtab_frame(r->k->modules, s->id, MODMAP_STILL - 1, address, frame);
}

static int intern_address(struct resolver *r, struct space *s, int64_t t_ns, uint64_t address,
			  uint32_t *id)
{
	struct space_entry *e = NULL;
	struct frame frame;
	int rc;

	if (!s->cache)
		s->cache = calloc(SPACE_CACHE, sizeof *s->cache);
	if (s->cache) {
		e = &s->cache[hash_u64(address) % SPACE_CACHE];
		if (e->address == address && address != 0) {
			*id = e->frame;
			return 0;
		}
	}
	rc = find_frame(r, s, t_ns, address, &frame);
	if (rc == 0)
		rc = frametab_intern(r->k->frames, frame, id);
	if (rc == 0 && e && frame.module != FRAME_NO_MODULE) {
		e->address = address;
		e->frame = *id;
	}
	return rc;
}

/* "[no unwind info: libx.so]" for the module of `address`. */
static int no_info_frame(struct resolver *r, struct space *s, uint64_t address, uint32_t *id)
{
	char label[256];
	const char *path = "", *base;
	struct frame frame;
	int rc = find_frame(r, s, MODMAP_STILL - 1, address, &frame);

	if (rc)
		return rc;
	if (frame.module != FRAME_NO_MODULE)
		path = strtab_text(r->k->strings, modtab_get(r->k->modules, frame.module).path);
	base = strrchr(path, '/');
	base = base ? base + 1 : path;
	snprintf(label, sizeof label, "[no unwind info: %.200s]", *base ? base : "unknown code");
	return known_label(r->k, label, id);
}

/* Goes on from where the agent stopped; addresses are appended at r->addresses. Returns how many, and
 * how it ended in *end. */
static size_t unwind_on(struct resolver *r, struct space *s, const struct resolve_request *q,
			enum unwind_end *end)
{
	struct unwind_memory memory = {.lo = q->raw->reg[UNWIND_SP], .base = q->stack};
	struct unwind_regs regs;
	struct unwind_result result;
	struct unwind_map map;

	memcpy(regs.reg, q->raw->reg, sizeof regs.reg);
	regs.known = q->raw->known;
	memory.hi = memory.lo + q->raw->stack_bytes;
	if (memory.hi < memory.lo || q->n >= UNWIND_DEPTH_MAX || space_unwind_map(r, s, &map))
		return 0;
	result = unwind(&regs, &memory, &map, NULL, r->addresses,
			(uint32_t)(UNWIND_DEPTH_MAX - q->n));
	*end = result.end;
	return result.n;
}

static int intern_all(struct resolver *r, struct space *s, const struct resolve_request *q,
		      const uint64_t *addresses, size_t n, size_t *at)
{
	int rc = 0;

	for (size_t i = 0; i < n && rc == 0 && *at < UNWIND_DEPTH_MAX; i++) {
		uint32_t *frame = &r->frames[(*at)++];
		uint64_t address = addresses[i];
		const char *label = q->label ? q->label(address) : NULL;

		rc = label ? known_label(r->k, label, frame)
			   : intern_address(r, s, q->t_ns, address, frame);
	}
	return rc;
}

/* The agent copied as much of the stack as it ever does, and that was not enough. */
static int copy_ran_out(const struct resolve_request *q, enum unwind_end end)
{
	return q->raw && end == UNWIND_BAD_READ && q->raw->stack_bytes >= RAW_STACK_FULL;
}

/* The frame at the root end that says why the stack does not begin at the program's entry. */
static int add_reason(struct resolver *r, struct space *s, const struct resolve_request *q,
		      enum unwind_end end, uint64_t last, size_t *at)
{
	int rc = 0;

	if (q->truncated || end == UNWIND_DEPTH || copy_ran_out(q, end)) {
		if (r->truncated == KNOWN_NONE)
			rc = known_label(r->k, "[truncated]", &r->truncated);
		if (rc == 0)
			r->frames[(*at)++] = r->truncated;
		if (!q->truncated && !q->counted) /* the agent counted its own */
			batch_loss(r->b, SPOOL_LOSS_TRUNCATED, 1);
	} else if (end != UNWIND_ROOT) {
		rc = no_info_frame(r, s, last, &r->frames[*at]);
		*at += rc == 0;
		if (!q->counted)
			batch_loss(r->b, SPOOL_LOSS_NO_UNWIND_INFO, 1);
	}
	return rc;
}

int resolve_stack(struct resolver *r, struct space *s, const struct resolve_request *q,
		  uint32_t *stack)
{
	enum unwind_end end = q->end;
	uint64_t last = 0;
	size_t at = 0, more = 0;
	int rc = intern_all(r, s, q, q->addresses, q->n, &at);

	if (rc == 0 && q->raw && !q->truncated) {
		last = q->raw->reg[UNWIND_IP];
		more = unwind_on(r, s, q, &end);
		rc = intern_all(r, s, q, r->addresses, more, &at);
	}
	if (more)
		last = r->addresses[more - 1];
	else if (!last && q->n)
		last = q->addresses[q->n - 1];
	if (rc == 0)
		rc = add_reason(r, s, q, end, last, &at);
	return rc ? rc : stacktab_intern_path(r->k->stacks, r->frames, at, stack);
}
