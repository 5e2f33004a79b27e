/* Text of foreign origin as HTML: the one place that makes it harmless, in elements and in quoted attributes.
 * Nothing in it is markup, nothing is invisible, nothing turns the direction of the text around it. */
#ifndef VIEWER_HTML_H
#define VIEWER_HTML_H

#include <stddef.h>

#include "prof/base/buf.h"

/* Appends `n` bytes of text. The signs of HTML become references; control characters, line separators and marks
 * that hide or turn text become visible, as in the page's own script; invalid UTF-8 becomes U+FFFD. */
void html_text(struct buf *b, const char *text, size_t n);

/* The same in an element that keeps the direction of a name to itself; "(no name)" for nothing but blanks. */
void html_name(struct buf *b, const char *text, size_t n);

#endif
