/* The page without data, made from page.html, page.css and js/ by viewer/join.sh. Private to viewer. */
#ifndef VIEWER_PAGE_H
#define VIEWER_PAGE_H

extern const char viewer_page_html[];
extern const unsigned long viewer_page_html_len;

#endif
