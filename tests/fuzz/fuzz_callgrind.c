/* Any bytes as a callgrind.out file: what is read adds up, to the last unit, and is a sound profile. The first byte chooses
 * whether an event is asked for, and whether the file is read twice, as two processes. */
#include <stdint.h>
#include <stdlib.h>

#include "prof/formats/callgrind.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void must(int is)
{
	if (!is)
		abort();
}

static void check(const struct profile *p, int64_t total, int whole_numbers)
{
	int64_t sum = 0;

	for (size_t i = 0; i < p->n_samples; i++) {
		const struct profile_sample *s = &p->samples[i];

		must(s->stack < p->n_stacks && s->thread < p->n_threads && s->value >= 0);
		must(s->kind == PROFILE_CPU && s->stage == PROFILE_NONE);
		sum += s->value;
	}
	must(!whole_numbers || sum == total);
	for (uint32_t i = 1; i < p->n_stacks; i++)
		must(p->stacks[i].parent < i && p->stacks[i].frame < p->n_frames);
	for (uint32_t i = 0; i < p->n_frames; i++)
		must(p->frames[i].module == PROFILE_NONE || p->frames[i].module < p->n_modules);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct callgrind *c;
	struct callgrind_facts facts;
	struct profile p;
	struct err err = ERR_INIT;
	int rc;

	if (!n)
		return 0;
	c = callgrind_new(data[0] & 1 ? "Dr" : NULL);
	must(c != NULL);
	rc = callgrind_add(c, (const char *)data + 1, n - 1, &err);
	if (rc == 0 && data[0] & 2)
		rc = callgrind_add(c, (const char *)data + 1, n - 1, &err);
	must(rc == 0 || err.text[0]);
	if (rc == 0 && callgrind_profile(c, &p, &err) == 0) {
		callgrind_facts(c, &facts);
		check(&p, facts.total, facts.event[0] != 'T');
		profile_release(&p);
	}
	callgrind_free(c);
	return 0;
}
