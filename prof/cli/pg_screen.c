/* pg's live view: looks at the server, drawn on a screen, and what keys ask for done: the dump of a client, a statement
 * cancelled. The terminal is screen.h's. Without ncurses there is none. */
#include "prof/cli/pg.h"

#include <stdio.h>

#include "prof/cli/top.h"

#ifdef HAVE_NCURSES

#include <poll.h>
#include <signal.h>
#include <string.h>

#include "prof/base/clock.h"
#include "prof/cli/pg_page.h"
#include "prof/cli/pg_view.h"
#include "prof/cli/screen.h"

struct live {
	struct pg_session *r;
	struct screen *screen;
	struct top_page page;
	struct pg_view view;
	int64_t said_ns; /* since when there is a message; 0: there is none */
};

#define MESSAGE_NS INT64_C(4000000000)

static void draw(struct live *s)
{
	int lines = screen_begin(s->screen, &s->page);

	if (pg_view_rows(&s->view, &s->r->look))
		return;
	pg_layout_screen(&s->page, &s->r->look, &s->view, lines);
	screen_draw(s->screen, &s->page);
}

/* ---- what keys ask for ---- */

static uint32_t lines_of(const char *text)
{
	uint32_t n = 0;

	for (; *text; text++)
		n += *text == '\n';
	return n;
}

static void say(struct live *s, const struct err *err)
{
	snprintf(s->view.message, sizeof(s->view.message), "%.250s", err->text);
}

static int dump(struct live *s, struct err *err)
{
	struct pg_view *v = &s->view;
	uint32_t at = pg_view_session(v, &s->r->look);
	const struct shot_session *a = at == SHOT_NONE ? NULL : &s->r->look.shot.sessions[at];
	struct err why = ERR_INIT;
	int rc;

	if (!a || !a->client_pid) {
		snprintf(v->message, sizeof(v->message), "%s",
			 !a ? "no session is selected"
			    : "its client is no process of this machine that can be seen");
		return 0;
	}
	buf_clear(&v->text);
	buf_printf(&v->text, "client of session %d, as: protea-prof dump -p %d\n", a->pid,
		   a->client_pid);
	rc = pg_dump_text(a->client_pid, &v->text, &why);
	if (rc == ERR_NOMEM) {
		*err = why;
		return rc;
	}
	if (rc) {
		say(s, &why);
		return 0;
	}
	v->detail = 1;
	v->text_first = 0;
	v->text_lines = lines_of(buf_str(&v->text));
	return 0;
}

/* The session that was asked about, and no other that has its number now. */
static void signal_session(struct live *s, int terminate)
{
	struct pg_view *v = &s->view;
	uint32_t at = shot_find(&s->r->look.shot, v->ask_pid);
	struct err err = ERR_INIT;

	if (at == SHOT_NONE || s->r->look.shot.sessions[at].backend_start_us != v->ask_start_us)
		snprintf(v->message, sizeof(v->message), "session %d is there no more", v->ask_pid);
	else if (watch_signal(s->r->look.watch, v->ask_pid, v->ask_start_us, terminate, &err))
		say(s, &err);
	else
		snprintf(v->message, sizeof(v->message), "%s %d",
			 terminate ? "ended session" : "cancelled the statement of session",
			 v->ask_pid);
}

static int take_action(struct live *s, enum pg_action action, struct err *err)
{
	switch (action) {
	case PG_ACT_QUIT:
		top_signals.quit = -1;
		break;
	case PG_ACT_REDRAW:
		screen_redraw(s->screen);
		break;
	case PG_ACT_DUMP:
		return dump(s, err);
	case PG_ACT_CANCEL:
	case PG_ACT_TERMINATE:
		signal_session(s, action == PG_ACT_TERMINATE);
		break;
	default:
		break;
	}
	return 0;
}

static int read_keys(struct live *s, struct err *err)
{
	int c, rc = 0, got = 0;

	while (!rc && !top_signals.quit && (c = screen_key(s->screen)) >= 0) {
		got = 1;
		rc = take_action(s, pg_key(&s->view, &s->r->look, c), err);
		if (!rc && pg_view_rows(&s->view, &s->r->look))
			rc = err_nomem(err, "the live view");
		if (!rc)
			pg_view_settle(&s->view, &s->r->look);
	}
	if (!got && screen_is_hung_up())
		top_signals.quit = SIGHUP;
	return rc;
}

/* ---- the loop ---- */

static int woken(struct live *s, struct err *err)
{
	int rc = 0;

	top_signals_drain();
	if (top_signals.resized)
		screen_resize();
	if (top_signals.stop)
		screen_suspend(s->screen);
	else
		rc = read_keys(s, err);
	if (!rc && !top_signals.quit)
		draw(s);
	return rc;
}

/* A message goes by itself where no key is pressed. */
static void forget_message(struct live *s)
{
	int64_t now = clock_mono_ns();

	if (!s->view.message[0])
		s->said_ns = 0;
	else if (!s->said_ns)
		s->said_ns = now;
	else if (now - s->said_ns > MESSAGE_NS)
		s->view.message[0] = '\0';
}

/* Keys do not make a period longer: what is left of it goes on. */
static int one_period(struct live *s, struct err *err)
{
	struct pg_session *r = s->r;
	int64_t until = clock_mono_ns() + r->interval_ns;
	int wake = screen_wake_fd(s->screen), rc = PG_LOOK_WOKEN, begun = 0;

	while (rc == PG_LOOK_WOKEN && !top_signals.quit) {
		if (s->view.paused) {
			rc = pg_nap(clock_mono_ns() + r->interval_ns, wake);
			begun = 0;
			until = clock_mono_ns();
		} else {
			rc = pg_part(r, &begun, until, wake, err);
		}
		if (rc == PG_LOOK_WOKEN) {
			int bad = woken(s, err);

			rc = bad ? bad : rc;
		}
	}
	if (rc == 0 && r->look.lost && !top_signals.quit) {
		draw(s);
		rc = pg_nap(until, wake) == PG_LOOK_WOKEN ? woken(s, err) : 0;
	}
	if (rc == 0 && !top_signals.quit) {
		forget_message(s);
		if (r->frames && --r->frames == 0)
			top_signals.quit = -1;
		if (r->until_ns && clock_mono_ns() >= r->until_ns)
			top_signals.quit = -1;
		draw(s);
	}
	return rc < 0 ? rc : 0;
}

static int run(struct live *s, struct err *err)
{
	int rc = pg_look_once(&s->r->look, err);

	/* The first server must be there: later ones may come and go. */
	if (!rc)
		rc = screen_open(&s->screen, s->r->wake_fd, err);
	if (!rc)
		draw(s);
	while (!rc && !top_signals.quit)
		rc = one_period(s, err);
	screen_close(s->screen);
	return rc;
}

int pg_screen(struct pg_session *r)
{
	struct live s = {.r = r};
	struct err err = ERR_INIT;
	int rc;

	pg_view_init(&s.view);
	top_page_init(&s.page);
	rc = run(&s, &err);
	top_page_release(&s.page);
	pg_view_release(&s.view);
	if (rc == ERR_CANCELLED && top_signals.quit)
		rc = 0;
	return rc ? cli_fail(&err) : EXIT_OK;
}

#else

int pg_screen(struct pg_session *r)
{
	struct err err = ERR_INIT;

	(void)r;
	(void)top_screen_usable("pg", &err);
	return cli_fail(&err);
}

#endif
