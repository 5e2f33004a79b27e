/* The painter of the progress line: a thread that exists only while a stage with progress runs and
 * stderr is a terminal. Log lines erase the line and draw it again through log_set_hook(). */
#include "pipeline/events/events_internal.h"
#include "pipeline/events/progress.h"

#include "prof/base/clock.h"
#include "prof/base/log.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#define PERIOD_NS 200000000 /* 5 times a second */
#define ERASE     "\r\033[K"

struct progress {
	char *what, *unit; /* owned */
	uint64_t total;
	atomic_uint_fast64_t done;
	int colour;
	pthread_t thread;
	pthread_mutex_t lock; /* guards all below and the terminal */
	pthread_cond_t wake;
	int stop;
	int drawn;
	struct progress_window window;
	struct buf line; /* what is on the terminal while drawn */
};

/* The line that log lines must step around. There is one terminal: who comes second draws nothing. */
static _Atomic(struct progress *) shown;

/* ---- the terminal ----------------------------------------------------------------------------- */

static void put(const char *bytes, size_t n)
{
	while (n > 0) {
		ssize_t m = write(STDERR_FILENO, bytes, n);

		if (m < 0 && errno == EINTR)
			continue;
		if (m <= 0)
			return; /* the terminal went away */
		bytes += m;
		n -= (size_t)m;
	}
}

static void erase(struct progress *p)
{
	if (p->drawn)
		put(ERASE, strlen(ERASE));
	p->drawn = 0;
}

static void draw(struct progress *p)
{
	if (!p->line.len || buf_failed(&p->line))
		return;
	put(p->line.data, p->line.len);
	p->drawn = 1;
}

/* A log line follows: the lock is kept until hook_after(), so that nothing is drawn in between. */
static void hook_before(void)
{
	struct progress *p = shown;

	pthread_mutex_lock(&p->lock);
	erase(p);
}

static void hook_after(void)
{
	struct progress *p = shown;

	if (!p->stop)
		draw(p);
	pthread_mutex_unlock(&p->lock);
}

static size_t columns(void)
{
	struct winsize size;

	if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 1)
		return (size_t)size.ws_col - 1; /* the last column would wrap */
	return 79;
}

static int terminal_draws(void)
{
	const char *term = getenv("TERM");

	return isatty(STDERR_FILENO) && (!term || strcmp(term, "dumb") != 0) &&
	       log_get_level() >= LOG_INFO;
}

static int terminal_colours(void)
{
	const char *no = getenv("NO_COLOR");

	return !(no && no[0]);
}

/* ---- the painter ------------------------------------------------------------------------------ */

static void repaint(struct progress *p)
{
	uint64_t done = atomic_load(&p->done);
	double per_s = progress_window_add(&p->window, clock_mono_ns(), done);

	buf_clear(&p->line);
	buf_puts(&p->line, ERASE);
	progress_text(&p->line, p->what, p->unit, done, p->total, per_s, columns(), p->colour);
	draw(p);
}

static void *painter(void *arg)
{
	struct progress *p = arg;
	struct timespec at;

	clock_gettime(CLOCK_MONOTONIC, &at);
	pthread_mutex_lock(&p->lock);
	while (!p->stop) {
		int rc = 0;

		at.tv_nsec += PERIOD_NS;
		at.tv_sec += at.tv_nsec / 1000000000;
		at.tv_nsec %= 1000000000;
		while (!p->stop && rc != ETIMEDOUT)
			rc = pthread_cond_timedwait(&p->wake, &p->lock, &at);
		if (!p->stop)
			repaint(p);
	}
	erase(p);
	pthread_mutex_unlock(&p->lock);
	return NULL;
}

static int start_painter(struct progress *p)
{
	pthread_condattr_t attr;
	sigset_t stops, old;
	int rc;

	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&p->wake, &attr);
	pthread_condattr_destroy(&attr);
	/* Stop signals belong to the thread that works. */
	sigemptyset(&stops);
	sigaddset(&stops, SIGTERM);
	sigaddset(&stops, SIGINT);
	sigaddset(&stops, SIGHUP);
	pthread_sigmask(SIG_BLOCK, &stops, &old);
	rc = pthread_create(&p->thread, NULL, painter, p);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return rc;
}

static void progress_free(struct progress *p)
{
	if (!p)
		return;
	buf_release(&p->line);
	pthread_mutex_destroy(&p->lock);
	free(p->what);
	free(p->unit);
	free(p);
}

static struct progress *progress_new(const char *what, const char *unit, uint64_t total)
{
	struct progress *p = calloc(1, sizeof *p);

	if (!p)
		return NULL;
	pthread_mutex_init(&p->lock, NULL);
	buf_init(&p->line, BUF_NO_LIMIT);
	p->what = strdup(what);
	p->unit = strdup(unit);
	p->total = total;
	p->colour = terminal_colours();
	if (p->what && p->unit)
		return p;
	progress_free(p);
	return NULL;
}

/* ---- events_progress_* ------------------------------------------------------------------------ */

void events_progress_begin(struct events *e, const char *what, const char *unit, uint64_t total)
{
	struct progress *p, *none = NULL;

	if (!e || !terminal_draws())
		return;
	events_progress_end(e);
	p = progress_new(what, unit, total);
	if (!p || !atomic_compare_exchange_strong(&shown, &none, p)) {
		progress_free(p); /* a line less */
		return;
	}
	if (start_painter(p) != 0) {
		shown = NULL;
		pthread_cond_destroy(&p->wake);
		progress_free(p);
		return;
	}
	pthread_mutex_lock(&e->lock);
	e->progress = p;
	pthread_mutex_unlock(&e->lock);
	log_set_hook(hook_before, hook_after);
}

void events_progress_add(struct events *e, uint64_t done)
{
	if (!e)
		return;
	pthread_mutex_lock(&e->lock);
	if (e->progress)
		atomic_fetch_add(&e->progress->done, done);
	pthread_mutex_unlock(&e->lock);
}

void events_progress_end(struct events *e)
{
	struct progress *p;

	if (!e)
		return;
	pthread_mutex_lock(&e->lock);
	p = e->progress;
	e->progress = NULL;
	pthread_mutex_unlock(&e->lock);
	if (!p)
		return;
	log_set_hook(NULL, NULL); /* waits for a line under way */
	shown = NULL;
	pthread_mutex_lock(&p->lock);
	p->stop = 1;
	pthread_cond_signal(&p->wake);
	pthread_mutex_unlock(&p->lock);
	pthread_join(p->thread, NULL);
	pthread_cond_destroy(&p->wake);
	progress_free(p);
}
