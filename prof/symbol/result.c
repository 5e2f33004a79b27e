/* Chains of frames for a batch of addresses: see result.h. */
#include "prof/symbol/result.h"

#include <stdlib.h>
#include <string.h>

#define FRAMES_MAX (UINT32_MAX / 2)

int result_init(struct result *r, const uint64_t *addrs, size_t n)
{
	*r = (struct result){.addrs = addrs, .n = n};
	r->first = calloc(n + 1, sizeof *r->first);
	r->count = calloc(n + 1, sizeof *r->count);
	if (r->first && r->count)
		return 0;
	result_release(r);
	return ERR_NOMEM;
}

void result_release(struct result *r)
{
	free(r->first);
	free(r->count);
	free(r->frames);
	memset(r, 0, sizeof *r);
}

struct symbol_frame *result_put(struct result *r, size_t i, uint32_t n)
{
	if (n > FRAMES_MAX - r->n_frames)
		return NULL;
	if (r->n_frames + n > r->cap_frames) {
		uint32_t want = r->cap_frames ? r->cap_frames : 256;
		struct symbol_frame *more;

		while (want < r->n_frames + n)
			want *= 2;
		more = realloc(r->frames, (size_t)want * sizeof *more);
		if (!more)
			return NULL;
		r->frames = more;
		r->cap_frames = want;
	}
	r->first[i] = r->n_frames;
	r->count[i] = n;
	memset(r->frames + r->n_frames, 0, n * sizeof *r->frames);
	r->n_frames += n;
	return r->frames + r->first[i];
}
