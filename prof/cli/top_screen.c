/* top's live view: frames drawn on a screen, keys taken, the target let go of while nobody looks. What is shown and what
 * keys do is decided elsewhere (top_layout.h, top_view.h), the terminal is screen.h's. Without ncurses there is none. */
#include "prof/cli/top.h"

#include "prof/cli/cmd.h"

#ifdef HAVE_NCURSES

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>

#include "prof/base/clock.h"
#include "prof/base/log.h"
#include "prof/cli/screen.h"

struct live {
	struct top_session *r;
	struct screen *screen;
	struct top_page page;
	int64_t due_ns;
};

static void draw(struct live *s)
{
	struct top_session *r = s->r;
	int lines = screen_begin(s->screen, &s->page);

	if (top_rows_build(&r->view, &r->feed.model))
		return;
	top_layout_screen(&s->page, &r->feed.status, &r->feed.model, &r->view, lines);
	screen_draw(s->screen, &s->page);
}

/* ---- keys ---- */

static int switch_feed(struct live *s, struct err *err)
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

static int take_action(struct live *s, enum top_action action, struct err *err)
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
		screen_redraw(s->screen);
		break;
	default:
		break;
	}
	return rc;
}

static int read_keys(struct live *s, struct err *err)
{
	int c, rc = 0, got = 0;

	while (!rc && !top_signals.quit && (c = screen_key(s->screen)) >= 0) {
		got = 1;
		rc = take_action(s, top_key(&s->r->view, &s->r->feed.model, c), err);
		/* Keys that were typed at once act on the rows as they are by then. */
		if (!rc && top_rows_build(&s->r->view, &s->r->feed.model))
			rc = err_nomem(err, "the live view");
	}
	if (!got && screen_is_hung_up())
		top_signals.quit = SIGHUP;
	return rc;
}

/* ---- Ctrl-Z ---- */

/* While we are stopped nothing of the target may be held, and nothing is sampled. */
static int suspend(struct live *s, struct err *err)
{
	top_feed_stop(&s->r->feed);
	screen_suspend(s->screen);
	return switch_feed(s, err);
}

/* ---- the loop ---- */

static int wait_paused(struct live *s)
{
	struct pollfd p = {.fd = screen_wake_fd(s->screen), .events = POLLIN};

	while (poll(&p, 1, -1) < 0 && errno == EINTR)
		;
	return TOP_FEED_WOKEN;
}

static int one_round(struct live *s, struct err *err)
{
	struct top_session *r = s->r;
	int rc, event;

	r->feed.look_at_calls = r->view.tab == TOP_TAB_THREADS;
	event = r->feed.sampler ? top_feed_wait(&r->feed, s->due_ns, screen_wake_fd(s->screen), err)
				: wait_paused(s);
	if (event < 0)
		return event;
	if (event == TOP_FEED_WOKEN) {
		top_signals_drain();
		if (top_signals.resized)
			screen_resize();
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

static int run(struct live *s, struct err *err)
{
	int rc = screen_open(&s->screen, s->r->wake_fd, err);

	s->due_ns = s->r->feed.begun_ns + s->r->interval_ns;
	if (!rc)
		draw(s);
	while (!rc && !top_signals.quit && !s->r->feed.status.ended)
		rc = one_round(s, err);
	screen_close(s->screen);
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
	struct live s = {.r = r};
	struct err err = ERR_INIT;
	int rc;

	r->view.kind = r->feed.kind;
	top_page_init(&s.page);
	rc = run(&s, &err);
	top_page_release(&s.page);
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
	(void)top_screen_usable("top", &err);
	return cli_fail(&err);
}

#endif
