/* Process images: found by the files in the session folder, watched until their process ends, closed when
 * everything of them is stored. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "prof/base/clock.h"
#include "prof/record/observe.h"
#include "prof/attach/procmaps.h"
#include "prof/record/recording.h"

#define SCAN_PAUSE_NS INT64_C(100000000)  /* between looks at a folder that still lacks a file */
#define PATIENCE_NS   INT64_C(5000000000) /* a file that is not readable by then never will be */
#define POLL_MAX      1024                /* processes asked at once */

static int64_t process_clock_ns(int pid)
{
	clockid_t clock;
	struct timespec ts;

	if (pid <= 0 || clock_getcpuclockid(pid, &clock) || clock_gettime(clock, &ts))
		return -1;
	return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

static int open_pidfd(int pid)
{
	return (int)syscall(SYS_pidfd_open, pid, 0);
}

static int parse_name(const char *name, int *pid, uint32_t *number)
{
	char *end;
	long a, b;

	if (strlen(name) > 31)
		return -1;
	errno = 0;
	a = strtol(name, &end, 10);
	if (end == name || *end != '.' || a <= 0 || a > INT32_MAX)
		return -1;
	name = end + 1;
	b = strtol(name, &end, 10);
	if (end == name || *end || b < 0 || b >= INT32_MAX || errno)
		return -1;
	*pid = (int)a;
	*number = (uint32_t)b;
	return 0;
}

static int is_known(const struct recording *r, const char *name)
{
	for (uint32_t i = 0; i < r->n_images; i++)
		if (strcmp(r->images[i]->name, name) == 0)
			return 1;
	return 0;
}

static struct image *add_image(struct recording *r, const char *name, int pid, uint32_t number)
{
	uint32_t cap = r->cap_images ? 2 * r->cap_images : 16;
	struct image *m = calloc(1, sizeof *m);

	if (m && r->n_images == r->cap_images) {
		struct image **p = realloc(r->images, (size_t)cap * sizeof *p);

		if (!p) {
			free(m);
			return NULL;
		}
		r->images = p;
		r->cap_images = cap;
	}
	if (!m || strtab_intern_text(r->known.strings, name, &m->name_string)) {
		free(m);
		return NULL;
	}
	snprintf(m->name, sizeof m->name, "%.31s", name);
	m->number = number;
	m->space.id = number;
	m->space.pid = pid;
	m->process = KNOWN_NONE;
	m->pidfd = m->journal = m->wake_fd = -1;
	m->seen_ns = clock_mono_ns();
	r->images[r->n_images++] = m;
	r->images_met++;
	return m;
}

static int scan_folder(struct recording *r)
{
	DIR *dir = opendir(r->session_path);
	struct dirent *d;
	int rc = 0, pid;
	uint32_t number;

	if (!dir)
		return 0;
	while (rc == 0 && (d = readdir(dir)) != NULL) {
		if (parse_name(d->d_name, &pid, &number) || is_known(r, d->d_name))
			continue;
		if (!add_image(r, d->d_name, pid, number))
			rc = ERR_NOMEM;
	}
	(void)closedir(dir);
	return rc;
}

/* Whose clock and maps these are: the process that wrote the file, if it still lives. */
static void meet_process(struct recording *r, struct image *m, const struct spool_head *h)
{
	int pid = h->pid;
	uint64_t start = procstat_start(pid, NULL);

	m->pidfd = r->recovering ? -1 : open_pidfd(pid);
	m->space.pid = pid;
	if (start == 0 || (h->start_ticks && start != h->start_ticks)) {
		m->space.pid = 0;
		m->gone = 1;
	}
	if (r->recovering)
		recover_image(r, m);
	if (m->process == KNOWN_NONE)
		m->process = known_process(&r->known, pid, h->ppid,
					   h->start_ticks ? h->start_ticks : start,
					   h->start_ns ? h->start_ns : m->seen_ns);
	if (r->attached && m->process != KNOWN_NONE) {
		int64_t clock = process_clock_ns(m->space.pid);

		r->known.processes[m->process].base_ns = clock > 0 ? clock : 0;
	}
}

static void name_process(struct recording *r, const struct image *m, const struct spool_head *h)
{
	struct known_process *p = &r->known.processes[m->process];

	memcpy(p->name, h->name, SPOOL_NAME_MAX); /* exec: of the program that runs now */
	p->changed = 1;
}

static void note_engine(struct recording *r, const struct spool_head *h)
{
	if (h->engine == SPOOL_ENGINE_AUTO || /* not decided yet */
	    (r->totals.have_engine && r->totals.engine == SPOOL_ENGINE_PERF))
		return;
	r->totals.have_engine = 1;
	r->totals.engine = h->engine;
	r->totals.engine_errno = h->engine_errno;
}

/* Maps the file and takes it up; not yet where its agent is still filling the head. */
static int open_image(struct recording *r, struct image *m)
{
	char path[SPOOL_PATH_MAX + 64];
	struct spool_head *h;

	snprintf(path, sizeof path, "%s/%s", r->session_path, m->name);
	if (spool_map(&m->file, path, NULL))
		return 0;
	h = m->file.head;
	if (h->start_ticks == 0 && atomic_load(&h->rings_used) == 0 &&
	    clock_mono_ns() - m->seen_ns < PATIENCE_NS) {
		spool_unmap(&m->file);
		return 0;
	}
	meet_process(r, m, h);
	if (m->process == KNOWN_NONE) {
		spool_unmap(&m->file);
		return ERR_NOMEM;
	}
	name_process(r, m, h);
	r->totals.images++;
	return journal_replay(r, m);
}

int images_scan(struct recording *r)
{
	uint32_t next = atomic_load(&r->session->next_image);
	int64_t now = clock_mono_ns();
	int rc = 0;

	if (next != r->images_next ||
	    (r->images_met < next && now - r->scanned_ns > SCAN_PAUSE_NS)) {
		r->images_next = next;
		r->scanned_ns = now;
		rc = scan_folder(r);
	}
	for (uint32_t i = r->n_images; i-- > 0 && rc == 0;) {
		struct image *m = r->images[i];

		if (m->file.head)
			continue;
		rc = open_image(r, m);
		if (rc == 0 && !m->file.head && (r->recovering || now - m->seen_ns > PATIENCE_NS))
			image_close(r, i, 1);
	}
	return rc;
}

void image_close(struct recording *r, uint32_t i, int unlink_file)
{
	struct image *m = r->images[i];
	char path[SPOOL_PATH_MAX + 64];

	if (unlink_file) {
		snprintf(path, sizeof path, "%s/%s", r->session_path, m->name);
		(void)unlink(path);
		snprintf(path, sizeof path, "%s/%s.mod", r->session_path, m->name);
		(void)unlink(path);
		snprintf(path, sizeof path, "%s/%s" HEAP_SUFFIX, r->session_path, m->name);
		(void)unlink(path);
		snprintf(path, sizeof path, "%s/%s" SQL_SUFFIX, r->session_path, m->name);
		(void)unlink(path);
	}
	if (m->file.head)
		r->totals.self_cpu_ns += atomic_load(&m->file.head->self_cpu_ns);
	for (uint32_t k = 0; k < m->n_rings; k++)
		ring_reader_release(&m->rings[k].reader);
	free(m->rings);
	observe_release(m);
	observe_wall_release(m);
	heap_release(m);
	sql_release(m);
	timeline_forget(r, m);
	space_release(&m->space);
	spool_unmap(&m->file);
	if (m->pidfd >= 0)
		(void)close(m->pidfd);
	if (m->journal >= 0)
		(void)close(m->journal);
	free(m);
	r->images[i] = r->images[--r->n_images];
}

/* CPU time as far as it can be known: the agent's last word, or the clock of a process that is there,
 * be it as a zombie. */
static void note_usage(struct recording *r, struct image *m)
{
	struct known_process *p = &r->known.processes[m->process];
	int64_t told = atomic_load(&m->file.head->process_cpu_ns);
	int64_t rss = atomic_load(&m->file.head->max_rss_bytes);
	int64_t clock = process_clock_ns(m->space.pid);
	int64_t cpu = (told > clock ? told : clock) - p->base_ns;

	note_engine(r, m->file.head);
	if (cpu > p->row.cpu_ns && cpu < INT64_C(1) << 56) {
		p->row.cpu_ns = cpu;
		p->changed = 1;
	}
	if (rss > p->row.max_rss_bytes) {
		p->row.max_rss_bytes = rss;
		p->changed = 1;
	}
}

static int has_successor(const struct recording *r, const struct image *m)
{
	for (uint32_t i = 0; i < r->n_images; i++)
		if (r->images[i]->process == m->process && r->images[i]->number > m->number &&
		    r->images[i]->file.head)
			return 1;
	return 0;
}

static void end_threads(struct recording *r, const struct image *m, int64_t t_ns, int but_main)
{
	uint32_t main_thread = r->known.processes[m->process].main_thread;

	for (uint32_t i = 0; i < r->known.n_threads; i++) {
		struct known_thread *t = &r->known.threads[i];

		if (t->process != m->process || t->row.end_ns >= 0 ||
		    (but_main && i == main_thread))
			continue;
		t->row.end_ns = t_ns;
		t->changed = 1;
	}
}

int image_ended(struct recording *r, struct image *m, int64_t t_ns)
{
	struct known_process *p = &r->known.processes[m->process];
	int rc = heap_last_look(r, m, t_ns);

	if (rc == 0)
		rc = sql_last_look(r, m, t_ns);
	if (rc == 0)
		rc = snapshots_image_ended(r, m);
	timeline_image_ended(r, m);
	m->ended = 1;
	r->totals.sealed += atomic_load(&m->file.head->ended) == SPOOL_ENDED_SEALED;
	note_usage(r, m);
	stages_close(r, m, t_ns);
	end_threads(r, m, t_ns, m->replaced);
	if (!m->replaced) {
		p->ended = 1;
		p->row.end_ns = t_ns;
		p->changed = 1;
	}
	return rc;
}

static void ask_who_is_gone(struct recording *r)
{
	struct pollfd fds[POLL_MAX];
	struct image *of[POLL_MAX];
	nfds_t n = 0;

	for (uint32_t i = 0; i < r->n_images && n < POLL_MAX; i++) {
		struct image *m = r->images[i];

		if (!m->file.head || m->gone)
			continue;
		if (m->pidfd < 0) {
			m->gone = kill(m->space.pid, 0) && errno == ESRCH;
			m->quiet = 0;
			continue;
		}
		fds[n] = (struct pollfd){.fd = m->pidfd, .events = POLLIN};
		of[n++] = m;
	}
	if (n == 0 || poll(fds, n, 0) <= 0)
		return;
	for (nfds_t i = 0; i < n; i++)
		if (fds[i].revents) {
			note_usage(r, of[i]);
			of[i]->gone = 1;
			of[i]->quiet = 0;
		}
}

int images_watch(struct recording *r)
{
	int64_t now = clock_mono_ns();
	int rc = 0;

	ask_who_is_gone(r);
	for (uint32_t i = 0; i < r->n_images && rc == 0; i++) {
		struct image *m = r->images[i];

		if (!m->file.head || m->ended)
			continue;
		if (!m->gone && atomic_load(&m->file.head->ended) == 2 && has_successor(r, m)) {
			m->gone = m->replaced = 1;
			m->quiet = 0;
		}
		if (m->gone && m->quiet > 1) { /* a whole round found nothing: drained */
			rc = image_ended(r, m, now);
			m->space.pid = 0;
		} else if (!m->gone && now - m->watched_ns > SCAN_PAUSE_NS) {
			m->watched_ns = now;
			note_usage(r, m);
		}
	}
	return rc;
}
