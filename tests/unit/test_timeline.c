/* Memory over time: what /proc says is read right whatever it says; steps of the resident set are seen, also
 * between two points and between two polls; points stay few; a stage has the highest value that was seen while
 * it was open. */
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

#include "prof/base/clock.h"
#include "prof/record/timeline.h"
#include "tests/unit/heap_rig.h"

#define MB         (1 << 20)
#define STEP_BYTES (64 * MB)

/* The kernel counts pages per CPU and adds them up when there are max(32, 2 * CPUs) of them, for each of three
 * kinds of pages; what the test itself touches meanwhile is below 1 MiB. */
static int64_t tolerance(void)
{
	long cpus = sysconf(_SC_NPROCESSORS_CONF), batch = 2 * cpus > 32 ? 2 * cpus : 32;

	return 3 * cpus * batch * 4096 + MB;
}

static void near(int64_t value, int64_t want)
{
	if (value < want - tolerance() || value > want + tolerance())
		fail_msg("%lld, expected %lld within %lld", (long long)value, (long long)want,
			 (long long)tolerance());
}

static void wait_a_little(void)
{
	const struct timespec pause = {.tv_nsec = 2000000};

	(void)nanosleep(&pause, NULL);
}

/* ---- texts ------------------------------------------------------------------------------------- */

static void texts_of_proc_are_read(void **state)
{
	int64_t minor, major;

	(void)state;
	assert_int_equal(procmem_statm_rss("765 400 372 5 0 123 0\n"), 400 * 4096);
	assert_int_equal(procmem_statm_rss("765"), -1);
	assert_int_equal(procmem_statm_rss("765 x"), -1);
	assert_int_equal(procmem_statm_rss(""), -1);
	assert_int_equal(procmem_statm_shared("765 400 372 5 0 123 0\n"), 372 * 4096);
	assert_int_equal(procmem_statm_shared("765 400"), -1);
	assert_int_equal(procmem_statm_shared("765 x 372 5"), -1);
	assert_int_equal(procmem_statm_shared("765 400 x"), -1);
	assert_int_equal(procmem_statm_shared(""), -1);
	assert_int_equal(procmem_statm_rss("1 99999999999999999999999"), -1);
	assert_int_equal(procmem_field("Rss: 8 kB\nPss_Dirty: 1 kB\nPss:    305 kB\n", "Pss"),
			 305 * 1024);
	assert_int_equal(procmem_field("Rss: 8 kB\nPss_Dirty: 1 kB\n", "Pss"), -1);
	assert_int_equal(procmem_field("VmHWM:\t     948 kB", "VmHWM"), 948 * 1024);
	assert_int_equal(procmem_field("VmHWM:\t kB", "VmHWM"), -1);
	assert_int_equal(procmem_field("VmHWM: 99999999999999999 kB", "VmHWM"), -1);
	assert_int_equal(procmem_faults("7 (a ) b (c) S 1 2 3 4 5 6 77 8 99 10 11", &minor, &major),
			 0);
	assert_int_equal(minor, 77);
	assert_int_equal(major, 99);
	assert_int_equal(procmem_faults("7 (a) S 1 2 3 4 5 6 77 8", &minor, &major), -1);
	assert_int_equal(procmem_faults("7 (a) S 1 2", &minor, &major), -1);
	assert_int_equal(procmem_faults("nothing", &minor, &major), -1);
}

static void resident_pages_are_those_that_were_touched(void **state)
{
	const size_t bytes = 9000 * 4096ul; /* more than is read at once */
	char *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	char *q = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int fd = procmem_open(getpid(), "pagemap");
	int64_t shared = 0;

	(void)state;
	assert_true(p != MAP_FAILED && q != MAP_FAILED);
	if (fd < 0) {
		print_message("no pagemap here\n");
		skip();
	}
	assert_int_equal(madvise(p, bytes, MADV_NOHUGEPAGE), 0);
	assert_int_equal(procmem_resident(fd, (uint64_t)(uintptr_t)p, bytes, &shared), 0);
	for (size_t i = 0; i < 9000; i += 5)
		p[i * 4096] = 1;
	for (size_t i = 0; i < 9000; i += 9)
		q[i * 4096] = 1;
	assert_int_equal(procmem_resident(fd, (uint64_t)(uintptr_t)p, bytes, &shared), 1800 * 4096);
	assert_int_equal(shared, 0);
	assert_int_equal(procmem_resident(fd, (uint64_t)(uintptr_t)q, bytes, &shared), 1000 * 4096);
	assert_int_equal(shared, 1000 * 4096);
	assert_int_equal(procmem_resident(-1, (uint64_t)(uintptr_t)p, bytes, &shared), 0);
	assert_int_equal(munmap(p, bytes), 0);
	assert_int_equal(munmap(q, bytes), 0);
	assert_int_equal(procmem_resident(fd, UINT64_MAX - 8191, 8192, &shared), 0);
	(void)close(fd);
}

static void the_group_that_counts_memory_is_found(void **state)
{
	static const char v1[] =
		"35 31 0:32 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n";
	static const char both[] =
		"30 24 0:26 / /sys/fs/cgroup rw,nosuid - tmpfs tmpfs rw\n"
		"41 31 0:38 / /sys/fs/cgroup/unified rw shared:9 - cgroup2 cgroup2 rw\n"
		"35 31 0:32 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory,hugetlb\n";
	static const char v2[] =
		"30 24 0:26 / /sys/fs/my\\040cgroup rw shared:4 - cgroup2 none rw\n";
	static const char part[] = "30 24 0:26 /pod/7 /sys/fs/cgroup rw - cgroup2 none rw";
	struct cgroup c;

	(void)state;
	assert_int_equal(cgroup_find(&c, "4:memory:/a/b\n0::/c\n", both), 0);
	assert_string_equal(c.path, "/sys/fs/cgroup/memory/a/b");
	assert_int_equal(c.unified, 0);
	assert_int_equal(c.top, strlen("/sys/fs/cgroup/memory"));
	assert_int_equal(cgroup_find(&c, "9:cpu,memory:/\n", v1), 0);
	assert_string_equal(c.path, "/sys/fs/cgroup/memory");
	assert_int_equal(cgroup_find(&c, "0::/user.slice/x", v2), 0);
	assert_string_equal(c.path, "/sys/fs/my cgroup/user.slice/x");
	assert_int_equal(c.unified, 1);
	assert_int_equal(cgroup_find(&c, "4:cpu:/a\n0::/c\n", both), 0);
	assert_string_equal(c.path, "/sys/fs/cgroup/unified/c");
	assert_int_equal(cgroup_find(&c, "0::/pod/7/x\n", part), 0);
	assert_string_equal(c.path, "/sys/fs/cgroup/x");
	assert_int_equal(cgroup_find(&c, "0::/pod/77\n", part), 0);
	assert_string_equal(c.path, "/sys/fs/cgroup");
	assert_int_equal(cgroup_find(&c, "0::/../other\n", v2), 0);
	assert_string_equal(c.path, "/sys/fs/my cgroup");
	assert_int_equal(cgroup_find(&c, "", both), -1);
	assert_int_equal(cgroup_find(&c, "4:memory:/a", v2), -1);
	assert_int_equal(cgroup_find(&c, "4:memory", v1), -1);
	assert_int_equal(cgroup_find(&c, "0::/a", "30 24 0:26 / /x"), -1);
	assert_int_equal(cgroup_limit_parse("max\n"), -1);
	assert_int_equal(cgroup_limit_parse("9223372036854771712\n"), -1);
	assert_int_equal(cgroup_limit_parse("1048576\n"), MB);
	assert_int_equal(cgroup_limit_parse("-1"), -1);
	assert_int_equal(cgroup_limit_parse(""), -1);
}

static void put_file(const char *folder, const char *name, const char *text)
{
	char path[512];
	FILE *f;

	snprintf(path, sizeof path, "%s/%s", folder, name);
	f = fopen(path, "w");
	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
}

static void the_lowest_limit_on_the_way_up_counts(void **state)
{
	struct cgroup c = {.unified = 1, .usage_fd = -1};
	char outer[300], inner[310];

	(void)state;
	snprintf(outer, sizeof outer, "%s", scratch("outer"));
	snprintf(inner, sizeof inner, "%s/inner", outer);
	assert_int_equal(mkdir(outer, 0700), 0);
	assert_int_equal(mkdir(inner, 0700), 0);
	snprintf(c.path, sizeof c.path, "%s", inner);
	c.top = strlen(outer);
	put_file(inner, "memory.max", "max\n");
	put_file(inner, "memory.current", "1000\n");
	put_file(outer, "memory.current", "3000\n");
	cgroup_look(&c);
	assert_int_equal(c.limit_bytes, -1);
	assert_int_equal(cgroup_usage(&c), 1000);
	put_file(outer, "memory.max", "5000\n");
	cgroup_look(&c);
	assert_int_equal(c.limit_bytes, 5000);
	assert_int_equal(cgroup_usage(&c), 3000);
	put_file(inner, "memory.max", "2000\n");
	put_file(inner, "memory.current", "1700\n");
	cgroup_look(&c);
	assert_int_equal(c.limit_bytes, 2000);
	assert_int_equal(cgroup_usage(&c), 1700);
	cgroup_close(&c);
}

/* ---- history ----------------------------------------------------------------------------------- */

static int64_t brute(const struct rss_seen *seen, int n, int64_t from, int64_t to)
{
	int64_t best = -1, before = -1, after = -1;

	for (int i = 0; i < n; i++) {
		if (seen[i].t_ns < from)
			before = seen[i].bytes;
		else if (seen[i].t_ns > to)
			after = after < 0 ? seen[i].bytes : after;
		else if (seen[i].bytes > best)
			best = seen[i].bytes;
	}
	return best >= 0 ? best : before > after ? before : after;
}

static void the_highest_since_any_moment_is_known(void **state)
{
	static struct rss_seen seen[20000];
	static struct rsshist h;
	uint64_t x = 7;
	int64_t settled = 0;
	int n = 0;

	(void)state;
	assert_int_equal(rsshist_max(&h, 0, 100), -1);
	for (n = 0; n < 20000; n++) {
		int64_t t, from, to;

		x ^= x << 13, x ^= x >> 7, x ^= x << 17;
		t = n ? seen[n - 1].t_ns + (int64_t)(x % 20) : 5;
		seen[n] = (struct rss_seen){t, (int64_t)(x >> 8 & 0xfffff)};
		rsshist_add(&h, t, seen[n].bytes);
		if (x % 16 == 0) {
			settled = t - (int64_t)(x >> 20 & 63);
			rsshist_settle(&h, settled);
		}
		from = t - (int64_t)(x >> 10 & 0x3fff);
		to = settled + (int64_t)(x >> 30 & 63);
		to = to < from ? from : to;
		if (to < settled || (n > 256 && to < seen[n - 255].t_ns))
			continue;
		assert_int_equal(rsshist_max(&h, from, to), brute(seen, n + 1, from, to));
	}
}

/* Each value lower than the one before: all of them are steps. */
static void a_long_descent_is_kept_nearly(void **state)
{
	static struct rsshist h;
	const int64_t n = 100000;

	(void)state;
	for (int64_t i = 0; i < n; i++)
		rsshist_add(&h, i, n - i);
	rsshist_settle(&h, n);
	assert_true(h.n_steps <= RSSHIST_STEPS);
	assert_true(h.grain < 4 * n / RSSHIST_STEPS);
	assert_int_equal(rsshist_max(&h, 0, n), n);
	for (int64_t from = 0; from < n; from += 997) {
		int64_t got = rsshist_max(&h, from, n), want = n - from;

		assert_true(got <= want);
		assert_true(got >= want - h.grain);
	}
}

/* ---- a recording of this process --------------------------------------------------------------- */

static char *touched(size_t bytes)
{
	char *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	assert_true(p != MAP_FAILED);
	memset(p, 1, bytes);
	return p;
}

static void real_process(struct record_rig *rig, const char *store)
{
	record_rig_make(rig, store);
	rig->spool.head->start_ticks = 0; /* it is this one, whenever it began */
	rig_thread(rig, 77, 10, "main");
	rig_round(rig);
}

static void next_point(struct record_rig *rig)
{
	rig->r.timeline.point_ns -= INT64_C(60000000000);
	timeline_poll(&rig->r);
}

struct line {
	int n;
	double first, last, highest;
	int64_t t_last;
};

static void read_line(struct record_rig *rig, const char *name, struct line *line)
{
	struct err err = ERR_INIT;
	struct profile p;

	memset(line, 0, sizeof *line);
	if (store_read_run(rig->store, rig->run, STORE_READ_ALL, &p, &err))
		fail_msg("%s", err.text);
	for (size_t i = 0; i < p.n_counters; i++) {
		const struct profile_counter *c = &p.counters[i];

		if (strcmp(strtab_text(p.strings, c->name), name) != 0)
			continue;
		assert_true(c->t_ns >= line->t_last);
		if (line->n++ == 0)
			line->first = c->value;
		line->last = c->value;
		line->t_last = c->t_ns;
		if (c->value > line->highest)
			line->highest = c->value;
	}
	profile_release(&p);
}

static void a_step_is_seen_between_two_points(void **state)
{
	struct record_rig rig;
	struct line rss, shared, minor;
	char *p, *q;

	(void)state;
	real_process(&rig, "step.sqlite");
	timeline_poll(&rig.r);
	next_point(&rig);
	p = touched(STEP_BYTES);
	q = mmap(NULL, STEP_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	assert_true(q != MAP_FAILED);
	memset(q, 1, STEP_BYTES);
	timeline_poll(&rig.r); /* no point is due: it is remembered for the next one */
	assert_int_equal(munmap(p, STEP_BYTES) | munmap(q, STEP_BYTES), 0);
	timeline_poll(&rig.r);
	next_point(&rig);
	next_point(&rig);
	timeline_end(&rig.r);
	rig_flush(&rig);
	read_line(&rig, "rss_bytes", &rss);
	near((int64_t)rss.highest, (int64_t)rss.first + 2 * STEP_BYTES);
	near((int64_t)rss.last, (int64_t)rss.first);
	read_line(&rig, "rss_shared_bytes", &shared);
	near((int64_t)shared.highest, (int64_t)shared.first + STEP_BYTES);
	near((int64_t)shared.last, (int64_t)shared.first);
	read_line(&rig, "page_faults_minor", &minor);
	assert_true(minor.last - minor.first >= 32); /* with huge pages one fault is 2 MiB */
	record_rig_drop(&rig);
}

static void a_step_between_two_polls_is_the_kernels_mark(void **state)
{
	struct record_rig rig;
	struct line rss;
	int64_t began, before;
	struct rusage usage;
	char *p;

	(void)state;
	real_process(&rig, "mark.sqlite");
	timeline_poll(&rig.r);
	before = rig.r.images[0]->memory->rss_bytes;
	assert_int_equal(getrusage(RUSAGE_SELF, &usage), 0);
	began = clock_mono_ns();
	p = touched((size_t)(usage.ru_maxrss * 1024 - before) + STEP_BYTES); /* a new mark */
	assert_int_equal(munmap(p, (size_t)(usage.ru_maxrss * 1024 - before) + STEP_BYTES), 0);
	p = touched(MB);
	timeline_poll(&rig.r);
	near(timeline_peak_rss(rig.r.images[0], began - 20000000, clock_mono_ns()),
	     usage.ru_maxrss * 1024 + STEP_BYTES);
	near(rig.r.images[0]->memory->rss_bytes, before + MB);
	near(rig.r.known.processes[0].row.max_rss_bytes, usage.ru_maxrss * 1024 + STEP_BYTES);
	assert_int_equal(munmap(p, MB), 0);
	timeline_end(&rig.r);
	rig_flush(&rig);
	read_line(&rig, "rss_bytes", &rss);
	assert_true(rss.n > 0);
	record_rig_drop(&rig);
}

static void of_a_flat_line_both_ends_are_written(void **state)
{
	struct record_rig rig;
	struct line major;
	int64_t ended;

	(void)state;
	real_process(&rig, "flat.sqlite");
	for (int i = 0; i < 50; i++)
		next_point(&rig);
	ended = rig.r.timeline.polled_ns;
	timeline_end(&rig.r);
	rig_flush(&rig);
	read_line(&rig, "page_faults_major", &major);
	assert_int_equal(major.n, 2);
	assert_int_equal(major.t_last, ended);
	record_rig_drop(&rig);
}

static void points_of_a_long_run_are_far_apart(void **state)
{
	const int64_t day = INT64_C(86400) * 1000000000;
	struct record_rig rig;
	int64_t first;

	(void)state;
	real_process(&rig, "day.sqlite");
	timeline_poll(&rig.r);
	rig.r.timeline.start_ns -= day;
	first = rig.r.timeline.point_ns;
	rig.r.timeline.point_ns -= INT64_C(60000000000); /* a minute ago: too soon after a day */
	timeline_poll(&rig.r);
	assert_int_equal(rig.r.timeline.point_ns, first - INT64_C(60000000000));
	rig.r.timeline.point_ns -= INT64_C(60000000000);
	timeline_poll(&rig.r);
	assert_true(rig.r.timeline.point_ns >= first);
	record_rig_drop(&rig);
}

static void polls_are_as_rare_as_they_are_expensive(void **state)
{
	struct record_rig rig;

	(void)state;
	real_process(&rig, "cost.sqlite");
	timeline_poll(&rig.r);
	rig.r.timeline.cost_ns = 0;
	assert_int_equal(timeline_pause_ms(&rig.r, 50), 10);
	assert_int_equal(timeline_pause_ms(&rig.r, 7), 7);
	rig.r.timeline.cost_ns = 200000; /* a thousand processes */
	assert_int_equal(timeline_pause_ms(&rig.r, 1000), 40);
	rig.r.timeline.cost_ns = 0;
	rig.r.timeline.unchanged = 1000;
	assert_int_equal(timeline_pause_ms(&rig.r, 1000), 50);
	record_rig_drop(&rig);
}

static void a_process_that_is_gone_is_no_longer_counted(void **state)
{
	struct record_rig rig;
	struct line rss;
	int fds[2], status;
	pid_t pid;

	(void)state;
	assert_int_equal(pipe(fds), 0);
	pid = fork();
	if (pid == 0) {
		char c;

		(void)close(fds[1]);
		_exit(read(fds[0], &c, 1) != 0);
	}
	record_rig_make(&rig, "gone.sqlite");
	rig.spool.head->pid = pid;
	rig.spool.head->start_ticks = 0;
	rig_thread(&rig, 77, 10, "main");
	rig_round(&rig);
	timeline_poll(&rig.r);
	assert_true(rig.r.images[0]->memory->rss_bytes > 0);
	(void)close(fds[1]);
	while (kill(pid, 0) == 0 && waitpid(pid, &status, WNOHANG) == 0)
		wait_a_little();
	next_point(&rig); /* nothing is left: no point, no zero */
	timeline_end(&rig.r);
	rig_flush(&rig);
	read_line(&rig, "rss_bytes", &rss);
	assert_int_equal(rss.n, 1);
	assert_true(rss.last > 0);
	(void)close(fds[0]);
	record_rig_drop(&rig);
}

/* ---- with a heap file -------------------------------------------------------------------------- */

static void our_own_memory_is_taken_off(void **state)
{
	struct heap_rig h;
	struct line rss, own, heap, mapped;
	char *p;

	(void)state;
	heap_rig_make(&h, "own.sqlite", HEAP_FULL);
	h.rig.spool.head->start_ticks = 0;
	rig_round(&h.rig);
	assert_int_equal(heap_look_all(&h.rig.r), 0);
	timeline_poll(&h.rig.r);
	next_point(&h.rig);
	p = heap_map(h.head, STEP_BYTES);
	assert_non_null(p);
	memset(p, 1, STEP_BYTES);
	atomic_store(&h.head->shards[0].live_bytes, 1000);
	atomic_store(&h.head->shards[63].live_bytes, 234);
	atomic_store(&h.head->mapped_bytes, 8192);
	atomic_store(&h.head->gen, 5); /* a mark between two polls */
	atomic_store(&h.head->peak_bytes, 77777);
	h.rig.r.images[0]->memory->slow_ns = 0;
	timeline_poll(&h.rig.r);
	next_point(&h.rig);
	next_point(&h.rig);
	timeline_end(&h.rig.r);
	rig_flush(&h.rig);
	read_line(&h.rig, "own_bytes", &own);
	near((int64_t)own.last, (int64_t)own.first + STEP_BYTES);
	read_line(&h.rig, "rss_bytes", &rss);
	near((int64_t)rss.last, (int64_t)rss.first);
	read_line(&h.rig, "heap_bytes", &heap);
	assert_true(heap.highest == 77777);
	assert_true(heap.last == 1234);
	read_line(&h.rig, "mapped_bytes", &mapped);
	assert_true(mapped.last == 8192);
	heap_unmap(h.head, p, STEP_BYTES);
	heap_rig_drop(&h);
}

/* ---- stages ------------------------------------------------------------------------------------ */

static int64_t stage_peak(const struct profile *p, const char *name)
{
	for (size_t i = 0; i < p->n_stages; i++)
		if (strcmp(strtab_text(p->strings, p->stages[i].name), name) == 0)
			return p->stages[i].peak_rss_bytes;
	fail_msg("no stage %s", name);
	return 0;
}

static void stages_have_what_was_seen_while_they_were_open(void **state)
{
	struct record_rig rig;
	struct err err = ERR_INIT;
	struct profile p;
	int64_t low;
	char *big, *small;

	(void)state;
	real_process(&rig, "stages.sqlite");
	timeline_poll(&rig.r);
	low = rig.r.images[0]->memory->rss_bytes;
	rig_begin(&rig, clock_mono_ns(), 1, 0, "outer");
	wait_a_little();
	rig_begin(&rig, clock_mono_ns(), 2, 1, "small");
	small = touched(STEP_BYTES / 2);
	timeline_poll(&rig.r);
	wait_a_little();
	rig_end(&rig, clock_mono_ns(), 2, 0);
	rig_round(&rig);
	rig.r.round_ns = clock_mono_ns();
	timeline_settle(&rig.r);
	wait_a_little();
	rig_begin(&rig, clock_mono_ns(), 3, 1, "big");
	big = touched(STEP_BYTES);
	timeline_poll(&rig.r);
	assert_int_equal(munmap(big, STEP_BYTES), 0);
	rig_end(&rig, clock_mono_ns(), 3, 0);
	assert_int_equal(munmap(small, STEP_BYTES / 2), 0);
	wait_a_little();
	timeline_poll(&rig.r);
	wait_a_little();
	rig_begin(&rig, clock_mono_ns(), 4, 1, "after"); /* no poll falls into it */
	rig_end(&rig, clock_mono_ns(), 4, 0);
	wait_a_little();
	timeline_poll(&rig.r);
	rig_end(&rig, clock_mono_ns(), 1, 0);
	rig_round(&rig);
	rig_flush(&rig);
	assert_int_equal(store_read_run(rig.store, rig.run, STORE_READ_ALL, &p, &err), 0);
	near(stage_peak(&p, "small"), low + STEP_BYTES / 2);
	near(stage_peak(&p, "big"), low + STEP_BYTES + STEP_BYTES / 2);
	near(stage_peak(&p, "outer"), low + STEP_BYTES + STEP_BYTES / 2);
	near(stage_peak(&p, "after"), low);
	profile_release(&p);
	record_rig_drop(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(texts_of_proc_are_read),
		cmocka_unit_test(resident_pages_are_those_that_were_touched),
		cmocka_unit_test(the_group_that_counts_memory_is_found),
		cmocka_unit_test(the_lowest_limit_on_the_way_up_counts),
		cmocka_unit_test(the_highest_since_any_moment_is_known),
		cmocka_unit_test(a_long_descent_is_kept_nearly),
		cmocka_unit_test(a_step_is_seen_between_two_points),
		cmocka_unit_test(a_step_between_two_polls_is_the_kernels_mark),
		cmocka_unit_test(of_a_flat_line_both_ends_are_written),
		cmocka_unit_test(points_of_a_long_run_are_far_apart),
		cmocka_unit_test(polls_are_as_rare_as_they_are_expensive),
		cmocka_unit_test(a_process_that_is_gone_is_no_longer_counted),
		cmocka_unit_test(our_own_memory_is_taken_off),
		cmocka_unit_test(stages_have_what_was_seen_while_they_were_open),
	};

	return cmocka_run_group_tests(tests, scratch_make, scratch_remove);
}
