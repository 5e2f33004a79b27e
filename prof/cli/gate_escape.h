/* Foreign names in documents that machines read: each function appends `text` so that nothing in it acts. Invalid UTF-8
 * becomes U+FFFD; control characters and those that turn text around become '?'. Failures stick to the buffer. */
#ifndef CLI_GATE_ESCAPE_H
#define CLI_GATE_ESCAPE_H

#include "prof/base/buf.h"

/* A part that has failed spoils the whole. */
void gate_spoil(struct buf *whole, const struct buf *part);

/* Harmless on a terminal and in the log of a CI server (no "##[" of its commands). */
void gate_put_plain(struct buf *b, const char *text);
/* Markdown: inline code, also in a cell of a table; for a name. `room` characters at most (0: no limit). */
void gate_put_code(struct buf *b, const char *text, int room);
/* Markdown: words; nothing in them is markup, a mention, a reference or a link. */
void gate_put_words(struct buf *b, const char *text);
/* XML and HTML: between tags and in quoted values. */
void gate_put_xml(struct buf *b, const char *text);
/* A workflow command of GitHub: the message, or with `property` the value of a property. */
void gate_put_command(struct buf *b, const char *text, int property);
/* One word of a shell, byte for byte: as it is where that is safe, else quoted. */
void gate_put_shell(struct buf *b, const char *text);

/* `text` cut in the middle to `room` characters (0: no limit), made harmless; malloc'ed, NULL: no memory. */
char *gate_shortened(const char *text, int room);

#endif
