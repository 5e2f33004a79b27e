/* Ranges of modules that went away, the last so many one by one; older ones as one range that holds them
 * all. A module that comes back to where it was (a plugin in a loop) replaces nothing. No malloc. */
#include "prof/agent/modpast.h"

#include <string.h>

#include "prof/elf/elffile.h"

#define GONE_KEPT 64

struct past {
	uint64_t start, end; /* end 0: none */
	char build_id[ELF_BUILD_ID_HEX];
};

static struct past last_gone[GONE_KEPT];
static struct past gone_before; /* no build id: like nothing that comes */
static uint32_t gone_at;

static int overlaps(const struct past *p, uint64_t start, uint64_t end)
{
	return p->end != 0 && start < p->end && p->start < end;
}

static int same(const struct past *p, uint64_t start, uint64_t end, const char *build_id)
{
	return build_id[0] && p->start == start && p->end == end &&
	       strcmp(p->build_id, build_id) == 0;
}

static void widen(struct past *to, const struct past *by)
{
	if (by->end == 0)
		return;
	if (to->end == 0 || by->start < to->start)
		to->start = by->start;
	if (by->end > to->end)
		to->end = by->end;
}

void modpast_note(uint64_t start, uint64_t end, const char *build_id)
{
	struct past *p = &last_gone[gone_at++ % GONE_KEPT];

	widen(&gone_before, p);
	p->start = start;
	p->end = end;
	memset(p->build_id, 0, sizeof p->build_id);
	memcpy(p->build_id, build_id, strnlen(build_id, sizeof p->build_id - 1));
}

/* From now on the module that came counts there, once it goes; what it leaves of the range is still that of
 * the one before. */
static void cut(struct past *p, uint64_t start, uint64_t end)
{
	struct past rest = *p;

	if (p->start < start) {
		p->end = start;
		rest.start = end;
		if (end < rest.end) /* it lies in the middle */
			modpast_note(rest.start, rest.end, "");
	} else {
		p->start = end;
		p->end = end < p->end ? p->end : 0; /* 0: nothing is left of it */
	}
	p->build_id[0] = '\0'; /* a piece of it is like nothing that comes */
}

uint32_t modpast_replaced(uint64_t start, uint64_t end, const char *build_id)
{
	uint32_t replaced = 0;

	if (overlaps(&gone_before, start, end)) {
		replaced = 1;
		cut(&gone_before, start, end);
	}
	for (int i = 0; i < GONE_KEPT; i++) {
		if (!overlaps(&last_gone[i], start, end))
			continue;
		replaced |= !same(&last_gone[i], start, end, build_id);
		cut(&last_gone[i], start, end);
	}
	return replaced;
}
