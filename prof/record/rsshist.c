/* Steps of highest values: see rsshist.h. */
#include "prof/record/rsshist.h"

static const struct rss_seen *recent_at(const struct rsshist *h, uint32_t i)
{
	return &h->recent[(h->first + i) % RSSHIST_RECENT];
}

/* Of steps between two multiples of a grain the latest one stays, so that a span that begins at another one is
 * told less than a grain too little; the grain grows until half of the places are free. The highest step stays
 * itself. */
static void thin(struct rsshist *h)
{
	for (;; h->grain *= 2) {
		uint32_t n = 1;

		h->grain = h->grain ? h->grain : 1;
		for (uint32_t i = 1; i < h->n_steps; i++)
			if (i + 1 == h->n_steps ||
			    h->steps[i].bytes / h->grain != h->steps[i + 1].bytes / h->grain)
				h->steps[n++] = h->steps[i];
		h->n_steps = n;
		if (n <= RSSHIST_STEPS / 2)
			return;
	}
}

static void add_step(struct rsshist *h, const struct rss_seen *seen)
{
	while (h->n_steps && h->steps[h->n_steps - 1].bytes <= seen->bytes)
		h->n_steps--;
	if (h->n_steps == 0)
		h->grain = 0;
	if (h->n_steps == RSSHIST_STEPS)
		thin(h);
	h->steps[h->n_steps++] = *seen;
}

static void settle_first(struct rsshist *h)
{
	add_step(h, recent_at(h, 0));
	h->first = (h->first + 1) % RSSHIST_RECENT;
	h->n--;
}

void rsshist_add(struct rsshist *h, int64_t t_ns, int64_t bytes)
{
	if (h->n == RSSHIST_RECENT)
		settle_first(h);
	h->recent[(h->first + h->n++) % RSSHIST_RECENT] = (struct rss_seen){t_ns, bytes};
}

void rsshist_settle(struct rsshist *h, int64_t t_ns)
{
	while (h->n && recent_at(h, 0)->t_ns < t_ns)
		settle_first(h);
}

/* The highest of the settled ones from `from` on: the first step that is not older. -1: none. */
static int64_t step_from(const struct rsshist *h, int64_t from)
{
	uint32_t lo = 0, hi = h->n_steps;

	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;

		if (h->steps[mid].t_ns < from)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < h->n_steps ? h->steps[lo].bytes : -1;
}

int64_t rsshist_max(const struct rsshist *h, int64_t from, int64_t to)
{
	int64_t best = step_from(h, from), before, after = -1;

	before = h->n_steps ? h->steps[h->n_steps - 1].bytes : -1;
	for (uint32_t i = 0; i < h->n; i++) {
		const struct rss_seen *s = recent_at(h, i);

		if (s->t_ns < from)
			before = s->bytes;
		else if (s->t_ns > to)
			after = after < 0 ? s->bytes : after;
		else if (s->bytes > best)
			best = s->bytes;
	}
	return best >= 0 ? best : before > after ? before : after;
}
