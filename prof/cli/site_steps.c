/* Changes of level in a site's trends: see site_steps.h. */
#include "prof/cli/site_steps.h"

#include "prof/analyze/change_point.h"

#define WRONG    0.05   /* chance that any of the page's series shows a change that is none */
#define SELDOM   0.01   /* of one series */
#define RELATIVE 0.02   /* less does not matter */
#define RAREST   0.0002 /* what permutations can tell */

int site_find_steps(void *ctx, const double *values, uint32_t n, uint32_t series,
		    struct site_step *to, uint32_t room)
{
	struct change_rule rule = {.relative = RELATIVE, .alpha = WRONG / (series ? series : 1)};
	struct change_work *w = change_work_new();
	struct change_series found;
	size_t i;
	int rc = ERR_NOMEM;

	(void)ctx;
	if (!w)
		return rc;
	if (rule.alpha > SELDOM)
		rule.alpha = SELDOM;
	if (rule.alpha < RAREST)
		rule.alpha = RAREST;
	rc = change_find(&found, values, NULL, n, &rule, w, NULL);
	change_work_free(w);
	for (i = 0; rc >= 0 && i < found.n && i < room; i++) {
		const struct change_point *c = &found.points[i];

		to[rc++] = (struct site_step){(uint32_t)c->at, c->before, c->after,
					      c->change,       c->lo,     c->hi};
	}
	change_release(&found);
	return rc;
}
