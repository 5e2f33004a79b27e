/* A terminal that pages are drawn on, by ncurses, which sends what changed only; keys read; the terminal given back on
 * every way out. What is shown and what keys do is decided elsewhere. One at a time; without ncurses there is none. */
#ifndef CLI_SCREEN_H
#define CLI_SCREEN_H

#include "prof/base/err.h"
#include "prof/cli/top_page.h"

struct screen;

/* Takes the terminal. `signal_fd` as of top_signals_init(). */
int screen_open(struct screen **out, int signal_fd, struct err *err);
void screen_close(struct screen *s);        /* NULL is fine */
int screen_wake_fd(const struct screen *s); /* readable for a key or a signal */
/* A page of the terminal's size, empty; how many lines it may have. */
int screen_begin(struct screen *s, struct top_page *p);
void screen_draw(struct screen *s, const struct top_page *p);
void screen_redraw(struct screen *s); /* everything, with the next page */
/* The next key that was pressed, as of top_view.h (0: one that means nothing); -1: none is waiting. */
int screen_key(struct screen *s);
int screen_is_hung_up(void); /* the terminal is gone */
void screen_resize(void);    /* after SIGWINCH */
/* Ctrl-Z: gives the terminal to whoever has it next, stops, and takes it back. */
void screen_suspend(struct screen *s);

#endif
