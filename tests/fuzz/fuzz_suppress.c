/* Any bytes as a file of suppressions, matched with themselves: rules lie in their bounds, errors name a line, and
 * a rule that was taken matches a stack that has its pattern as a name. */
#include <stdint.h>
#include <stdlib.h>

#include "prof/analyze/suppress.h"
#include "tests/unit/made_profile.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void ask(const struct suppress *s, const char *name)
{
	struct profile_frame frame = {.module = PROFILE_NONE};
	struct profile_stack stacks[2] = {{0, PROFILE_NONE, 0}, {0, 0, 1}};
	struct profile p = {0};

	p.strings = strtab_new();
	if (!p.strings || strtab_intern_text(p.strings, name, &frame.function))
		abort();
	p.frames = &frame;
	p.n_frames = 1;
	p.stacks = stacks;
	p.n_stacks = 2;
	if (suppress_find(s, &p, 1) != SUPPRESS_NONE && suppress_find(s, &p, 1) >= s->n)
		abort();
	strtab_free(p.strings);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct suppress s = {0};
	struct err err = ERR_INIT;
	int rc = suppress_add_text(&s, (const char *)data, n, "f", &err);

	if (rc && (rc != ERR_FORMAT || err.text[0] != 'f' || err.text[1] != ':'))
		abort();
	for (uint32_t i = 0; i < s.n; i++) {
		const char *pattern = s.rules[i].pattern;
		size_t len = strlen(pattern);

		if (len == 0 || len > SUPPRESS_PATTERN || s.rules[i].builtin)
			abort();
		/* What has no sign of its own matches itself. */
		if (pattern[0] != '^' && pattern[len - 1] != '$' &&
		    !suppress_matches(pattern, pattern))
			abort();
		if (i < 8)
			ask(&s, pattern);
	}
	suppress_release(&s);
	return 0;
}
