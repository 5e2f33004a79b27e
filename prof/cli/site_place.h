/* What is where a site goes, what a killed one left beside it, and removing a site. Nothing but pages that protea-prof
 * wrote is ever removed, and no link is followed on the way to them. */
#ifndef CLI_SITE_PLACE_H
#define CLI_SITE_PLACE_H

#include "prof/base/err.h"

#define SITE_INDEX   "index.html"
#define SITE_COMPARE "compare.html"
#define SITE_CELLS   "cells"
#define SITE_MARKER  ".protea-prof-site" /* in a site that is being made; locked by who makes it */

#define SITE_MAKING                                                                                \
	".tmp-" /* and six letters: a site that is being made, or one that was replaced */
#define SITE_ASIDE ".old-" /* likewise: a site whose place is not taken yet */

/* 0: nothing, an empty folder, or a site with nothing else in it; ERR_EXISTS tells what else there is. */
int site_place_check(const char *path, struct err *err);

/* Puts the marker into a new folder. The lock, to be closed; -1 with errno: ENOENT when another process took the
 * folder for one that was left behind. */
int site_place_mark(const char *folder);
void site_place_unmark(const char *folder);

/* A site, or with `marked` whatever was written of one. What is not of a site stays, and so does the folder then. */
void site_place_remove(const char *path, int marked);

/* What killed processes left beside `path`: unfinished sites go; one that had been moved aside and has no
 * successor gets its place back. Only folders of this user which nobody is writing. */
void site_place_sweep(const char *path);

#endif
