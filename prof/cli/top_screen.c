/* The live view on a terminal: pages drawn with ncurses, which sends what changed only; keys read; the terminal given
 * back on every way out. What is shown and what keys do is decided elsewhere (top_layout.h, top_view.h). Without
 * ncurses there is none. */
#include "prof/cli/top.h"

#include <unistd.h>

#include "prof/cli/cmd.h"

#ifdef HAVE_NCURSES

#include <errno.h>
#include <locale.h>
#include <ncurses.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <wchar.h>

#include "prof/base/clock.h"
#include "prof/base/log.h"

/* How long Escape waits for the rest of a key's sequence. */
#define ESCAPE_MS 25

struct screen {
	struct top_session *r;
	SCREEN *terminal;
	FILE *out;
	struct top_page page;
	int utf8, wake_fd;
	chtype styles[TOP_STYLES];
	int64_t due_ns;
	enum top_action wish; /* what a key asks of the loop */
};

/* ---- the terminal ---- */

static void choose_styles(struct screen *s)
{
	static const struct {
		short pair, colour;
		enum top_style style;
	} colours[] = {{1, COLOR_RED, TOP_HOT},
		       {2, COLOR_YELLOW, TOP_WARM},
		       {3, COLOR_MAGENTA, TOP_WARN},
		       {4, COLOR_CYAN, TOP_STRONG}};
	const char *no = getenv("NO_COLOR");
	size_t i;

	s->styles[TOP_STRONG] = A_BOLD;
	s->styles[TOP_FAINT] = A_DIM;
	s->styles[TOP_HEAD] = A_REVERSE;
	s->styles[TOP_CHOSEN] = A_REVERSE | A_BOLD;
	s->styles[TOP_CURSOR] = A_REVERSE;
	s->styles[TOP_HOT] = A_BOLD;
	s->styles[TOP_WARN] = A_BOLD;
	if ((no && *no) || !has_colors() || start_color() == ERR)
		return;
	use_default_colors();
	for (i = 0; i < sizeof(colours) / sizeof(colours[0]); i++)
		if (init_pair(colours[i].pair, colours[i].colour, -1) == OK)
			s->styles[colours[i].style] |= (chtype)COLOR_PAIR(colours[i].pair);
}

/* Does the locale write an ellipsis as UTF-8 does? */
static int writes_utf8(void)
{
	mbstate_t state;
	wchar_t c = 0;

	memset(&state, 0, sizeof(state));
	return mbrtowc(&c, "…", 3, &state) == 3 && c == 0x2026;
}

static int open_terminal(struct screen *s, struct err *err)
{
	/* Only how characters are written follows the locale; numbers and messages stay as they are. */
	setlocale(LC_CTYPE, "");
	s->utf8 = writes_utf8();
	s->terminal = newterm(NULL, stdout, stdin);
	if (!s->terminal)
		return err_set(err, ERR_UNSUPPORTED, "this terminal cannot be used");
	set_term(s->terminal);
	top_signals_screen();
	cbreak();
	noecho();
	nonl();
	intrflush(stdscr, FALSE);
	keypad(stdscr, TRUE);
	nodelay(stdscr, TRUE);
	set_escdelay(ESCAPE_MS);
	curs_set(0);
	choose_styles(s);
	return 0;
}

static void close_terminal(struct screen *s)
{
	if (!s->terminal)
		return;
	curs_set(1);
	endwin();
	delscreen(s->terminal);
	s->terminal = NULL;
}

/* Readable for a key or a signal. */
static int make_wake_fd(struct screen *s, struct err *err)
{
	struct epoll_event event = {.events = EPOLLIN};

	s->wake_fd = epoll_create1(EPOLL_CLOEXEC);
	if (s->wake_fd < 0 || epoll_ctl(s->wake_fd, EPOLL_CTL_ADD, STDIN_FILENO, &event) ||
	    epoll_ctl(s->wake_fd, EPOLL_CTL_ADD, s->r->wake_fd, &event))
		return err_sys(err, ERR_IO, "cannot wait for keys");
	return 0;
}

/* ---- drawing ---- */

static void draw(struct screen *s)
{
	struct top_session *r = s->r;
	struct top_page *p = &s->page;
	int lines, columns;
	uint32_t i, k;

	getmaxyx(stdscr, lines, columns);
	top_page_begin(p, columns, s->utf8);
	if (top_rows_build(&r->view, &r->feed.model))
		return;
	top_layout_screen(p, &r->feed.status, &r->feed.model, &r->view, lines);
	for (i = 0; (int)i < lines; i++) {
		const struct top_page_line *l = i < p->n_lines ? &p->lines[i] : NULL;

		move((int)i, 0);
		for (k = 0; l && k < l->n_runs; k++) {
			const struct top_piece *piece = &p->runs[l->run + k];

			(void)attrset((int)s->styles[piece->style]);
			addnstr(p->text.data + piece->at, (int)piece->len);
		}
		(void)attrset(A_NORMAL);
		if (!l || l->used < columns)
			clrtoeol();
	}
	refresh();
}

static void resize(struct screen *s)
{
	struct winsize size;

	(void)s;
	top_signals.resized = 0;
	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_row && size.ws_col)
		resizeterm(size.ws_row, size.ws_col);
}

/* ---- keys ---- */

static int key_of(int c)
{
	switch (c) {
	case KEY_UP:
		return TOP_KEY_UP;
	case KEY_DOWN:
		return TOP_KEY_DOWN;
	case KEY_LEFT:
		return TOP_KEY_LEFT;
	case KEY_RIGHT:
		return TOP_KEY_RIGHT;
	case KEY_PPAGE:
		return TOP_KEY_PAGE_UP;
	case KEY_NPAGE:
		return TOP_KEY_PAGE_DOWN;
	case KEY_HOME:
		return TOP_KEY_HOME;
	case KEY_END:
		return TOP_KEY_END;
	case KEY_ENTER:
	case '\r':
	case '\n':
		return TOP_KEY_ENTER;
	case KEY_BACKSPACE:
	case '\b':
	case 0x7f:
		return TOP_KEY_BACKSPACE;
	case KEY_BTAB:
		return TOP_KEY_BACK_TAB;
	case KEY_F(1):
		return TOP_KEY_HELP;
	case 0x1b:
		return TOP_KEY_ESCAPE;
	case 'L' & 0x1f:
		return TOP_KEY_REDRAW;
	default:
		return c < 0x100 ? c : 0;
	}
}

/* The terminal is gone: readable, and nothing there. */
static int is_hung_up(void)
{
	struct pollfd p = {.fd = STDIN_FILENO, .events = POLLIN};
	int bytes = 0;

	return poll(&p, 1, 0) > 0 && ((p.revents & (POLLHUP | POLLERR)) ||
				      (ioctl(STDIN_FILENO, FIONREAD, &bytes) == 0 && bytes == 0));
}

static int switch_feed(struct screen *s, struct err *err)
{
	struct top_feed *f = &s->r->feed;
	int rc = 0;

	if (s->r->view.paused) {
		top_feed_stop(f);
	} else if (!f->sampler || f->kind != s->r->view.kind) {
		top_feed_stop(f);
		f->kind = s->r->view.kind;
		rc = top_feed_start(f, err);
	}
	s->due_ns = f->begun_ns + s->r->interval_ns;
	return rc;
}

static int take_action(struct screen *s, enum top_action action, struct err *err)
{
	int rc = 0;

	switch (action) {
	case TOP_ACT_QUIT:
		top_signals.quit = -1;
		break;
	case TOP_ACT_RESET:
		rc = top_feed_reset(&s->r->feed, err);
		break;
	case TOP_ACT_PAUSE:
	case TOP_ACT_KIND:
		rc = switch_feed(s, err);
		break;
	case TOP_ACT_REDRAW:
		clearok(stdscr, TRUE);
		break;
	default:
		break;
	}
	return rc;
}

static int read_keys(struct screen *s, struct err *err)
{
	int c, rc = 0, got = 0;

	while (!rc && !top_signals.quit && (c = getch()) != ERR) {
		got = 1;
		if (c != KEY_RESIZE)
			rc = take_action(s, top_key(&s->r->view, &s->r->feed.model, key_of(c)),
					 err);
		/* Keys that were typed at once act on the rows as they are by then. */
		if (!rc && top_rows_build(&s->r->view, &s->r->feed.model))
			rc = err_nomem(err, "the live view");
	}
	if (!got && is_hung_up())
		top_signals.quit = SIGHUP;
	return rc;
}

/* ---- Ctrl-Z ---- */

/* While we are stopped nothing of the target may be held, and nothing is sampled. */
static int suspend(struct screen *s, struct err *err)
{
	struct top_feed *f = &s->r->feed;
	struct sigaction usual, ours;

	top_signals.stop = 0;
	top_feed_stop(f);
	curs_set(1);
	endwin();
	memset(&usual, 0, sizeof(usual));
	usual.sa_handler = SIG_DFL;
	sigaction(SIGTSTP, &usual, &ours);
	raise(SIGTSTP); /* whoever waits for us stops with us (top_terminal.c) */
	sigaction(SIGTSTP, &ours, NULL);
	top_signals.stop = 0;
	resize(s);
	clearok(stdscr, TRUE);
	refresh();
	curs_set(0);
	return switch_feed(s, err);
}

/* ---- the loop ---- */

static int wait_paused(struct screen *s)
{
	struct pollfd p = {.fd = s->wake_fd, .events = POLLIN};

	while (poll(&p, 1, -1) < 0 && errno == EINTR)
		;
	return TOP_FEED_WOKEN;
}

static int one_round(struct screen *s, struct err *err)
{
	struct top_session *r = s->r;
	int rc, event;

	r->feed.look_at_calls = r->view.tab == TOP_TAB_THREADS;
	event = r->feed.sampler ? top_feed_wait(&r->feed, s->due_ns, s->wake_fd, err)
				: wait_paused(s);
	if (event < 0)
		return event;
	if (event == TOP_FEED_WOKEN) {
		top_signals_drain();
		if (top_signals.resized)
			resize(s);
		rc = top_signals.stop ? suspend(s, err) : read_keys(s, err);
	} else {
		r->feed.status.ended = event == TOP_FEED_ENDED;
		rc = top_feed_frame(&r->feed, err);
		s->due_ns += r->interval_ns;
		if (s->due_ns <
		    clock_mono_ns()) /* we were kept from running: no frames to catch up */
			s->due_ns = clock_mono_ns() + r->interval_ns;
		if ((r->frames && --r->frames == 0) ||
		    (r->until_ns && clock_mono_ns() >= r->until_ns))
			top_signals.quit = -1;
	}
	if (!rc && !top_signals.quit)
		draw(s);
	return rc;
}

static int run(struct screen *s, struct err *err)
{
	int rc = open_terminal(s, err);

	if (!rc)
		rc = make_wake_fd(s, err);
	s->due_ns = s->r->feed.begun_ns + s->r->interval_ns;
	if (!rc)
		draw(s);
	while (!rc && !top_signals.quit && !s->r->feed.status.ended)
		rc = one_round(s, err);
	close_terminal(s);
	return rc;
}

/* The last frame of a target that ended stays on the terminal. */
static void say_ended(struct top_session *r)
{
	r->view.help = 0;
	top_print_text(&r->feed, &r->view, stdout, 0);
	fflush(stdout);
	log_info("process %d (%s) ended", r->feed.status.pid, r->feed.status.name);
}

int top_screen(struct top_session *r)
{
	struct screen s = {.r = r, .wake_fd = -1};
	struct err err = ERR_INIT;
	int rc;

	r->view.kind = r->feed.kind;
	top_page_init(&s.page);
	rc = run(&s, &err);
	top_page_release(&s.page);
	if (s.wake_fd >= 0)
		close(s.wake_fd);
	/* A target that ended while it was not looked at, and is to be looked at again. */
	if (rc == ERR_NOTFOUND) {
		r->feed.status.ended = 1;
		rc = 0;
	}
	if (rc)
		return cli_fail(&err);
	if (r->feed.status.ended)
		say_ended(r);
	return EXIT_OK;
}

#else

int top_screen(struct top_session *r)
{
	struct err err = ERR_INIT;

	(void)r;
	(void)top_screen_usable(&err);
	return cli_fail(&err);
}

#endif
