/* Pages on a terminal: see screen.h. */
#include "prof/cli/screen.h"

#ifdef HAVE_NCURSES

#include <locale.h>
#include <ncurses.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <wchar.h>

#include "prof/cli/top.h"
#include "prof/cli/top_view.h"

/* How long Escape waits for the rest of a key's sequence. */
#define ESCAPE_MS 25

struct screen {
	SCREEN *terminal;
	int utf8, wake_fd;
	chtype styles[TOP_STYLES];
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
static int make_wake_fd(struct screen *s, int signal_fd, struct err *err)
{
	struct epoll_event event = {.events = EPOLLIN};

	s->wake_fd = epoll_create1(EPOLL_CLOEXEC);
	if (s->wake_fd < 0 || epoll_ctl(s->wake_fd, EPOLL_CTL_ADD, STDIN_FILENO, &event) ||
	    epoll_ctl(s->wake_fd, EPOLL_CTL_ADD, signal_fd, &event))
		return err_sys(err, ERR_IO, "cannot wait for keys");
	return 0;
}

int screen_open(struct screen **out, int signal_fd, struct err *err)
{
	struct screen *s = calloc(1, sizeof(*s));
	int rc;

	*out = NULL;
	if (!s)
		return err_nomem(err, "the screen");
	s->wake_fd = -1;
	rc = open_terminal(s, err);
	if (!rc)
		rc = make_wake_fd(s, signal_fd, err);
	if (rc)
		screen_close(s);
	else
		*out = s;
	return rc;
}

void screen_close(struct screen *s)
{
	if (!s)
		return;
	close_terminal(s);
	if (s->wake_fd >= 0)
		close(s->wake_fd);
	free(s);
}

int screen_wake_fd(const struct screen *s)
{
	return s->wake_fd;
}

/* ---- drawing ---- */

int screen_begin(struct screen *s, struct top_page *p)
{
	int lines, columns;

	getmaxyx(stdscr, lines, columns);
	top_page_begin(p, columns, s->utf8);
	return lines;
}

void screen_draw(struct screen *s, const struct top_page *p)
{
	int lines = getmaxy(stdscr);
	uint32_t i, k;

	for (i = 0; (int)i < lines; i++) {
		const struct top_page_line *l = i < p->n_lines ? &p->lines[i] : NULL;

		move((int)i, 0);
		for (k = 0; l && k < l->n_runs; k++) {
			const struct top_piece *piece = &p->runs[l->run + k];

			(void)attrset((int)s->styles[piece->style]);
			addnstr(p->text.data + piece->at, (int)piece->len);
		}
		(void)attrset(A_NORMAL);
		if (!l || l->used < p->columns)
			clrtoeol();
	}
	refresh();
}

void screen_redraw(struct screen *s)
{
	(void)s;
	clearok(stdscr, TRUE);
}

void screen_resize(void)
{
	struct winsize size;

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

int screen_key(struct screen *s)
{
	int c;

	(void)s;
	do
		c = getch();
	while (c == KEY_RESIZE);
	return c == ERR ? -1 : key_of(c);
}

int screen_is_hung_up(void)
{
	struct pollfd p = {.fd = STDIN_FILENO, .events = POLLIN};
	int bytes = 0;

	return poll(&p, 1, 0) > 0 && ((p.revents & (POLLHUP | POLLERR)) ||
				      (ioctl(STDIN_FILENO, FIONREAD, &bytes) == 0 && bytes == 0));
}

/* ---- Ctrl-Z ---- */

void screen_suspend(struct screen *s)
{
	struct sigaction usual, ours;

	(void)s;
	top_signals.stop = 0;
	curs_set(1);
	endwin();
	memset(&usual, 0, sizeof(usual));
	usual.sa_handler = SIG_DFL;
	sigaction(SIGTSTP, &usual, &ours);
	raise(SIGTSTP); /* whoever waits for us stops with us (top_terminal.c) */
	sigaction(SIGTSTP, &ours, NULL);
	top_signals.stop = 0;
	screen_resize();
	clearok(stdscr, TRUE);
	refresh();
	curs_set(0);
}

#endif
