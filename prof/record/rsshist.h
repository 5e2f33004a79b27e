/* The resident set of one process as it was seen, kept so that the highest value since any moment can be told:
 * what was seen lately as it is, and of everything before the steps of its highest values, counted backwards
 * from the latest (a value is of no more use once a later one is as high). Bounded; nothing allocated. */
#ifndef RECORD_RSSHIST_H
#define RECORD_RSSHIST_H

#include <stdint.h>

#define RSSHIST_RECENT 256
#define RSSHIST_STEPS  512

struct rss_seen {
	int64_t t_ns, bytes;
};

struct rsshist { /* zeroed memory is empty */
	struct rss_seen recent[RSSHIST_RECENT];
	struct rss_seen steps[RSSHIST_STEPS]; /* later in time, lower in value */
	uint32_t first, n, n_steps;
	int64_t grain; /* steps are thinned to that */
};

/* Times never go back. */
void rsshist_add(struct rsshist *h, int64_t t_ns, int64_t bytes);
/* Nobody will ask for spans that end before `t_ns`. */
void rsshist_settle(struct rsshist *h, int64_t t_ns);
/* The highest value seen from `from` to `to`; if there is none, the higher one of those before and after. -1: never
 * seen. */
int64_t rsshist_max(const struct rsshist *h, int64_t from, int64_t to);

#endif
