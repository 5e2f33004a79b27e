/* Prints what agents wrote into a session, one record a line, and a summary: the eyes of the agent's tests.
 *   spool_dump FOLDER                      a session that exists
 *   spool_dump [options] -- CMD…           makes one, runs CMD with the agent preloaded, drains, removes it
 *     -o FILE  (default stdout, after CMD's own output)   -r HZ   -e perf|clock|none   -l LIBRARY
 *     -n  do not follow children    -s  only the summary    -b BYTES  of a ring    -c DIR  cache of tables
 *     -a TID…  is done by itself: threads without a ring are asked for
 * Exit code: CMD's, 128 + N by a signal. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "prof/spool/reader.h"
#include "prof/unwind/unwind.h"

#define FILES_MAX 4096

struct tally {
	uint64_t samples, raw, bad, frames, threads, roots;
	int64_t value;
};

struct image {
	char name[64];
	struct spool_file file;
	struct ring_reader *readers;
	uint32_t n_readers;
	struct tally sum;
};

static struct image *images;
static size_t n_images;
static FILE *out;
static int summary_only;

static const char *const type_names[] = {
	"pad",    "thread-start", "thread-name", "thread-end", "module-load", "module-unload",
	"sample", "sample-raw",   "stage-begin", "stage-end",  "counter",     "fork",
	"env",    "stage-whole",  "stage-fold",  "stage-add"};

static void print_sample(const struct spool_view *v, struct tally *t)
{
	struct spool_sample s;

	memcpy(&s, v->payload, sizeof s);
	t->samples++;
	t->raw += v->type == SPOOL_SAMPLE_RAW;
	t->value += s.value_ns;
	t->frames += v->extra;
	t->roots += (v->flags & SPOOL_SAMPLE_END_MASK) == UNWIND_ROOT;
	if (summary_only)
		return;
	fprintf(out, " value %" PRId64 " stage %" PRIu64 " end %s flags %d n %u:", s.value_ns,
		s.stage_id, unwind_end_name(v->flags & SPOOL_SAMPLE_END_MASK), v->flags >> 4,
		v->extra);
	for (uint32_t i = 0; i < v->extra && i < 64; i++) {
		uint64_t a;

		memcpy(&a, v->payload + sizeof s + 8 * (size_t)i, sizeof a);
		fprintf(out, " %" PRIx64, a);
	}
}

static void print_payload(const struct spool_view *v)
{
	struct spool_thread th;
	struct spool_module m;
	struct spool_stage_begin sb;
	struct spool_stage_end se;
	struct spool_stage_whole sw;
	struct spool_stage_fold sf;
	struct spool_stage_add sa;
	uint64_t word[2] = {0, 0};
	double value;

	switch (v->type) {
	case SPOOL_THREAD_START:
		memcpy(&th, v->payload, sizeof th);
		fprintf(out, " tid %u cpu %" PRId64 " name %.16s", v->extra, th.start_cpu_ns,
			th.name);
		break;
	case SPOOL_THREAD_NAME:
		fprintf(out, " tid %u name %.16s", v->extra, (const char *)v->payload);
		break;
	case SPOOL_THREAD_END:
		memcpy(word, v->payload, 8);
		fprintf(out, " tid %u cpu %" PRIu64, v->extra, word[0]);
		break;
	case SPOOL_MODULE_LOAD:
		memcpy(&m, v->payload, sizeof m);
		fprintf(out, " %" PRIx64 "-%" PRIx64 " bias %" PRIx64 " offset %" PRIx64 " %s %s",
			m.start, m.end, m.bias, m.file_offset, m.build_id[0] ? m.build_id : "-",
			(const char *)v->payload + sizeof m);
		break;
	case SPOOL_MODULE_UNLOAD:
		memcpy(word, v->payload, 16);
		fprintf(out, " %" PRIx64 "-%" PRIx64, word[0], word[1]);
		break;
	case SPOOL_STAGE_BEGIN:
		memcpy(&sb, v->payload, sizeof sb);
		fprintf(out, " id %" PRIu64 " parent %" PRIu64 " cpu %" PRId64 " name %s", sb.id,
			sb.parent, sb.cpu_ns, (const char *)v->payload + sizeof sb);
		break;
	case SPOOL_STAGE_END:
		memcpy(&se, v->payload, sizeof se);
		fprintf(out, " id %" PRIu64 " cpu %" PRId64 " items %g params %u", se.id, se.cpu_ns,
			se.items, v->extra);
		break;
	case SPOOL_STAGE_WHOLE:
		memcpy(&sw, v->payload, sizeof sw);
		fprintf(out,
			" id %" PRIu64 " parent %" PRIu64 " wall %" PRId64 " cpu %" PRId64
			" items %g params %u name %s",
			sw.id, sw.parent, sw.wall_ns, sw.cpu_ns, sw.items, v->extra,
			(const char *)v->payload + sizeof sw +
				v->extra * sizeof(struct spool_param));
		break;
	case SPOOL_STAGE_FOLD:
		memcpy(&sf, v->payload, sizeof sf);
		fprintf(out,
			" parent %" PRIu64 " count %" PRIu64 " wall %" PRId64 " cpu %" PRId64
			" min %" PRId64 " max %" PRId64 " items %g name %s",
			sf.parent, sf.count, sf.wall_ns, sf.cpu_ns, sf.wall_min_ns, sf.wall_max_ns,
			sf.items, (const char *)v->payload + sizeof sf);
		break;
	case SPOOL_STAGE_ADD:
		memcpy(&sa, v->payload, sizeof sa);
		fprintf(out, " id %" PRIu64 " cpu %" PRId64, sa.id, sa.cpu_ns);
		break;
	case SPOOL_COUNTER:
		memcpy(&value, v->payload, sizeof value);
		fprintf(out, " %s = %g", (const char *)v->payload + sizeof value, value);
		break;
	default:
		fprintf(out, " extra %u", v->extra);
	}
}

static void print_record(struct image *im, uint32_t ring, const struct spool_view *v)
{
	unsigned int type = (unsigned int)v->type;

	if (v->type == SPOOL_THREAD_START)
		im->sum.threads++;
	if (!summary_only)
		fprintf(out, "%s ring %u t %" PRId64 " %s", im->name, ring, v->t_ns,
			type < sizeof type_names / sizeof *type_names ? type_names[type] : "?");
	if (v->type == SPOOL_SAMPLE || v->type == SPOOL_SAMPLE_RAW)
		print_sample(v, &im->sum);
	else if (!summary_only)
		print_payload(v);
	if (!summary_only)
		fputc('\n', out);
}

static int drain_ring(struct image *im, uint32_t i)
{
	struct ring_reader *r = &im->readers[i];
	struct spool_view v;
	int rc;

	ring_reader_refresh(r);
	while ((rc = ring_next(r, &v)) > 0)
		print_record(im, i, &v);
	ring_consume(r);
	(void)ring_recycle(r);
	im->sum.bad += r->bad;
	r->bad = 0;
	return rc;
}

static int drain_image(struct image *im)
{
	uint32_t n = spool_rings(&im->file);

	while (im->n_readers < n) {
		void *p = realloc(im->readers, (im->n_readers + 1) * sizeof *im->readers);

		if (!p)
			return -1;
		im->readers = p;
		if (ring_reader_init(&im->readers[im->n_readers], &im->file, im->n_readers))
			return -1;
		im->n_readers++;
	}
	for (uint32_t i = 0; i < n; i++)
		if (drain_ring(im, i) < 0)
			return -1;
	return 0;
}

/* Threads of a live process that have no ring. */
static void ask_threads(struct image *im)
{
	char path[64];
	DIR *d;
	const struct dirent *e;
	size_t asked = 0;

	snprintf(path, sizeof path, "/proc/%d/task", im->file.head->pid);
	d = opendir(path);
	while (d && (e = readdir(d)) != NULL) {
		int tid = (int)strtol(e->d_name, NULL, 10), known = tid <= 0;

		for (uint32_t i = 0; i < spool_rings(&im->file); i++)
			known |= spool_ring_at(&im->file, i)->tid == tid &&
				 spool_ring_at(&im->file, i)->state == SPOOL_RING_USED;
		if (!known && asked < 16)
			im->file.head->ask_tid[asked++] = tid;
	}
	if (d)
		closedir(d);
}

static void find_images(const char *folder)
{
	DIR *d = opendir(folder);
	const struct dirent *e;

	while (d && (e = readdir(d)) != NULL && n_images < FILES_MAX) {
		struct image im = {0};
		char path[512];
		size_t i = 0;

		if (e->d_name[0] < '0' || e->d_name[0] > '9')
			continue;
		while (i < n_images && strcmp(images[i].name, e->d_name) != 0)
			i++;
		if (i < n_images)
			continue;
		snprintf(im.name, sizeof im.name, "%.60s", e->d_name);
		snprintf(path, sizeof path, "%s/%s", folder, e->d_name);
		if (spool_map(&im.file, path, NULL) == 0)
			images[n_images++] = im;
	}
	if (d)
		closedir(d);
}

static int drain(const char *folder, int ask)
{
	find_images(folder);
	for (size_t i = 0; i < n_images; i++) {
		if (drain_image(&images[i]))
			return -1;
		if (ask && !images[i].file.head->ended)
			ask_threads(&images[i]);
	}
	return 0;
}

static void print_summary(const struct image *im)
{
	const struct spool_head *h = im->file.head;
	uint64_t losses[SPOOL_LOSSES] = {0}, ticks = 0;

	for (uint32_t i = 0; i < spool_rings(&im->file); i++) {
		const struct spool_ring *r = spool_ring_at(&im->file, i);

		for (int k = 0; k < SPOOL_RING_LOSSES; k++)
			losses[k] += r->losses[k];
		ticks += r->ticks;
	}
	for (int k = 0; k < SPOOL_LOSSES; k++)
		losses[k] += h->losses[k];
	fprintf(out,
		"summary %s name %s engine %u errno %d signo %u ended %u threads %" PRIu64
		" rings %u samples %" PRIu64 " raw %" PRIu64 " frames %" PRIu64 " roots %" PRIu64
		" value %" PRId64 " process_cpu %" PRId64 " max_rss %" PRId64 " self_cpu %" PRId64
		" last_ticks %" PRIu64 " bad %" PRIu64 " losses",
		im->name, h->name, h->engine, h->engine_errno, h->signo, h->ended, im->sum.threads,
		spool_rings(&im->file), im->sum.samples, im->sum.raw, im->sum.frames, im->sum.roots,
		im->sum.value, h->process_cpu_ns, h->max_rss_bytes, h->self_cpu_ns, ticks,
		im->sum.bad);
	for (int k = 0; k < SPOOL_LOSSES; k++)
		if (losses[k])
			fprintf(out, " %s=%" PRIu64, spool_loss_name((enum spool_loss)k),
				losses[k]);
	fputc('\n', out);
}

static void child(char **argv, const char *library, const char *session)
{
	const char *old = getenv("LD_PRELOAD");
	char preload[16384];

	snprintf(preload, sizeof preload, "%s%s%s", library, old && *old ? ":" : "",
		 old ? old : "");
	(void)setenv("LD_PRELOAD", preload, 1);
	(void)setenv(SPOOL_ENV_SESSION, session, 1);
	execvp(argv[0], argv);
	fprintf(stderr, "spool_dump: %s: %s\n", argv[0], strerror(errno));
	_exit(127);
}

/* Drains until the process and all who share the session have ended (orphans are adopted). */
static int supervise(const char *folder, pid_t pid)
{
	const struct timespec pause = {0, 10000000};
	int status = 0, result = 0;
	struct rusage u;

	for (;;) {
		pid_t got = wait4(-1, &status, WNOHANG, NULL);

		if (got < 0)
			break;
		if (got == pid)
			result = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
		if (got == 0) {
			if (drain(folder, 1))
				return 1;
			nanosleep(&pause, NULL);
		}
	}
	if (drain(folder, 0))
		return 1;
	getrusage(RUSAGE_CHILDREN, &u);
	fprintf(out, "rusage user_ns %ld sys_ns %ld exit %d\n",
		(long)(u.ru_utime.tv_sec * 1000000000 + u.ru_utime.tv_usec * 1000),
		(long)(u.ru_stime.tv_sec * 1000000000 + u.ru_stime.tv_usec * 1000), result);
	return result;
}

static int run(struct spool_session *config, const char *library, char **argv)
{
	struct spool_session *session;
	char folder[SPOOL_PATH_MAX];
	struct err err = ERR_INIT;
	pid_t pid;
	int rc;

	if (session_make(&session, folder, config, "/tmp", &err)) {
		fprintf(stderr, "spool_dump: %s\n", err.text);
		return 1;
	}
	session->supervisor_pid = getpid();
	(void)prctl(PR_SET_CHILD_SUBREAPER, 1);
	(void)signal(SIGINT, SIG_IGN);
	pid = fork();
	if (pid == 0) {
		(void)signal(SIGINT, SIG_DFL);
		child(argv, library, folder);
	}
	rc = pid < 0 ? 1 : supervise(folder, pid);
	for (size_t i = 0; i < n_images; i++)
		print_summary(&images[i]);
	(void)session_remove(folder, NULL);
	return rc;
}

static int show(const char *folder)
{
	if (drain(folder, 0))
		return 1;
	for (size_t i = 0; i < n_images; i++)
		print_summary(&images[i]);
	return n_images == 0;
}

static uint32_t engine_named(const char *name)
{
	if (strcmp(name, "perf") == 0)
		return SPOOL_ENGINE_PERF;
	if (strcmp(name, "clock") == 0)
		return SPOOL_ENGINE_CLOCK;
	return strcmp(name, "none") == 0 ? SPOOL_ENGINE_NONE : SPOOL_ENGINE_AUTO;
}

int main(int argc, char **argv)
{
	struct spool_session config = {.rate_hz = 199, .children = 1, .ring_bytes = 1 << 20};
	char library[4096];
	const char *o = getenv("O"), *given = NULL;
	int opt;

	out = stdout;
	images = calloc(FILES_MAX, sizeof *images);
	if (!images)
		return 1;
	while ((opt = getopt(argc, argv, "+o:r:e:l:nsb:c:")) != -1) {
		if (opt == 'o' && !(out = fopen(optarg, "we")))
			return perror(optarg), 2;
		if (opt == 'r')
			config.rate_hz = (uint32_t)strtoul(optarg, NULL, 10);
		if (opt == 'e')
			config.engine = engine_named(optarg);
		if (opt == 'l')
			given = optarg;
		if (opt == 'n')
			config.children = 0;
		if (opt == 's')
			summary_only = 1;
		if (opt == 'b')
			config.ring_bytes = (uint32_t)strtoul(optarg, NULL, 10);
		if (opt == 'c')
			snprintf(config.cache_dir, sizeof config.cache_dir, "%s", optarg);
		if (opt == '?')
			return 2;
	}
	if (optind >= argc)
		return fprintf(stderr,
			       "usage: spool_dump FOLDER, or spool_dump [options] -- CMD…\n"),
		       2;
	if (strcmp(argv[optind - 1], "--") != 0)
		return show(argv[optind]);
	if (given)
		snprintf(library, sizeof library, "%s", given);
	else if (snprintf(library, sizeof library, "%s/%s/libprotea-prof.so", getenv("PWD"),
			  o ? o : "build") < 0)
		return 2;
	return run(&config, library, argv + optind);
}
