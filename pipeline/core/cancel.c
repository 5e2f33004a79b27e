/* Stop on request: see cancel.h. The handler is one atomic store; SA_RESETHAND gives the second
 * signal of a kind its default meaning (unless one outlasts it), and without SA_RESTART a blocked
 * call returns EINTR. */
#include "pipeline/core/cancel.h"

#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>

static const struct {
	int sig;
	const char *name;
} stops[] = {{SIGTERM, "SIGTERM"}, {SIGINT, "SIGINT"}, {SIGHUP, "SIGHUP"}};

#define N_STOPS (sizeof stops / sizeof stops[0])

static atomic_int requested;
static atomic_int installed;
static atomic_int outlasts;

static void on_signal(int sig)
{
	atomic_store(&requested, sig);
}

void cancel_install(void)
{
	struct sigaction act = {.sa_handler = on_signal,
				.sa_flags = atomic_load(&outlasts) ? 0 : (int)SA_RESETHAND};
	struct sigaction old;
	size_t i;

	sigemptyset(&act.sa_mask);
	for (i = 0; i < N_STOPS; i++) {
		/* What the starter ignores (nohup, a shell's background job) stays ignored. */
		if (sigaction(stops[i].sig, NULL, &old) == 0 && old.sa_handler != SIG_IGN)
			(void)sigaction(stops[i].sig, &act, NULL);
	}
	atomic_store(&installed, 1);
}

void cancel_outlast(void)
{
	atomic_store(&outlasts, 1);
	cancel_install();
}

int cancel_requested(void)
{
	return atomic_load_explicit(&requested, memory_order_relaxed);
}

void cancel_request(int sig)
{
	atomic_store(&requested, sig);
}

void cancel_reset(void)
{
	atomic_store(&requested, 0);
	if (atomic_load(&installed))
		cancel_install(); /* a signal that came has reset its handler */
}

int cancel_check(struct err *err)
{
	int sig = cancel_requested();
	size_t i;

	if (!sig)
		return 0;
	for (i = 0; i < N_STOPS; i++)
		if (stops[i].sig == sig)
			return err_set(err, ERR_CANCELLED, "stopped by %s", stops[i].name);
	return err_set(err, ERR_CANCELLED, "stopped by signal %d", sig);
}
