/* The index of a site with its marks, made from viewer/site/ by its join.sh. Private to viewer. */
#ifndef VIEWER_SITE_PAGE_H
#define VIEWER_SITE_PAGE_H

extern const char viewer_site_html[];
extern const unsigned long viewer_site_html_len;

#endif
