/* What cmd_top.c asks of the ways to show: a live screen, text, JSON. */
#ifndef CLI_TOP_H
#define CLI_TOP_H

#include <stdint.h>

#include "prof/base/err.h"
#include "prof/cli/top_feed.h"
#include "prof/cli/top_view.h"

struct top_session {
	struct top_feed feed;
	struct top_view view;
	int64_t interval_ns, until_ns; /* until_ns: CLOCK_MONOTONIC; 0: no end */
	uint64_t frames;               /* at most; 0: no limit */
	int wake_fd;                   /* readable when a signal came */
};

/* Signals that end us or concern the terminal, as flags; each also makes top_signals_fd() readable.
 * (top_signals.c) */
struct top_signals {
	volatile int quit;    /* the signal's number */
	volatile int resized; /* SIGWINCH */
	volatile int stop;    /* SIGTSTP: only where a screen asked for it */
};
extern struct top_signals top_signals;
int top_signals_init(struct err *err); /* the descriptor to poll, or negative */
void top_signals_screen(void);         /* terminal signals too */
void top_signals_drain(void);

/* Frame after frame on stdout; one if `once`. Exit code. (top_print.c) */
int top_print(struct top_session *r, int json, int once);
/* One frame as text, for a reader. (top_print.c) */
void top_print_text(const struct top_feed *f, struct top_view *v, FILE *out, int both);

/* The live view, until the user or the target ends it. Exit code. (top_screen.c) */
int top_screen(struct top_session *r);
/* Can there be one, for that command? Else why not: `err`. (top_terminal.c) */
int top_screen_usable(const char *command, struct err *err);
/* Forks: 1 in the child, which shows; 0 in the parent once that has ended, the terminal as it was; or
 * negative. (top_terminal.c) */
int top_keep_terminal(const char *command, int *exit_code, struct err *err);

#endif
