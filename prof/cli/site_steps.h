/* Changes of level in a site's trends: the statistics that its pages do not know. */
#ifndef CLI_SITE_STEPS_H
#define CLI_SITE_STEPS_H

#include "viewer/site.h"

/* A site_steps; the context is not used. */
int site_find_steps(void *ctx, const double *values, uint32_t n, uint32_t series,
		    struct site_step *to, uint32_t room);

#endif
