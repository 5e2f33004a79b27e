// Everything at once, for a fixed amount of work: threads that come and go, malloc, dlopen and dlclose, fork, exceptions,
// longjmp, a SIGPROF timer and a storm of signals of its own. What it prints depends on none of that.
// Answer: the printed line is the same with and without the profiler, exit code 0; no deadlock, no crash.
// build: -O1 -pthread -ldl
#include <atomic>
#include <csetjmp>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <stdexcept>
#include <string>
#include <vector>

#include <dlfcn.h>
#include <pthread.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "samples/programs/spin.h"

static int rounds;
static volatile int leave = 1;
static char plugin_path[4096];
static std::atomic<unsigned long> own_signals, timer_signals;
static std::atomic<int> failures;

static void on_own_signal(int)
{
	own_signals++;
}

static void on_timer(int)
{
	timer_signals++;
}

static uint64_t checksum(uint64_t sum, uint64_t x)
{
	return (sum ^ x) * 0x9e3779b97f4a7c15u + 1;
}

static uint64_t allocate()
{
	uint64_t sum = 1;
	std::vector<std::string> kept;

	for (int i = 0; i < 200 * rounds; i++) {
		kept.emplace_back(static_cast<size_t>(i * 37 % 5000), 'x');
		sum = checksum(sum, kept.back().size());
		if (kept.size() > 100)
			kept.erase(kept.begin() + i % 50);
	}
	return sum;
}

static uint64_t load()
{
	uint64_t sum = 2;

	for (int i = 0; i < 10 * rounds; i++) {
		void *plugin = dlopen(plugin_path, RTLD_NOW);
		uint64_t (*work)(uint64_t);

		if (!plugin) {
			failures++;
			return 0;
		}
		*reinterpret_cast<void **>(&work) = dlsym(plugin, "plugin_work");
		sum = checksum(sum, work(sum));
		dlclose(plugin);
	}
	return sum;
}

static void *short_life(void *arg)
{
	auto *x = static_cast<uint64_t *>(arg);

	*x = checksum(*x, spin_body(2000, *x));
	return nullptr;
}

static uint64_t threads()
{
	uint64_t values[4] = {1, 2, 3, 4}, sum = 3;

	for (int i = 0; i < 20 * rounds; i++) {
		pthread_t ids[4];

		for (int k = 0; k < 4; k++)
			if (pthread_create(&ids[k], nullptr, short_life, &values[k]))
				failures++;
		for (int k = 0; k < 4; k++)
			pthread_join(ids[k], nullptr);
	}
	for (uint64_t v : values)
		sum = checksum(sum, v);
	return sum;
}

static uint64_t forks()
{
	uint64_t sum = 4;

	for (int i = 0; i < 4 * rounds; i++) {
		int status = 0;
		pid_t child = fork();

		if (child == 0) {
			volatile uint64_t x = spin_body(100000, static_cast<uint64_t>(i));

			_exit(static_cast<int>(x % 200));
		}
		if (waitpid(child, &status, 0) != child || !WIFEXITED(status))
			failures++;
		sum = checksum(sum, static_cast<uint64_t>(WEXITSTATUS(status)));
	}
	return sum;
}

static __attribute__((noinline)) void thrower(int n)
{
	std::string local(static_cast<size_t>(n), 'y');

	if (n == 0)
		throw std::runtime_error("end");
	thrower(n - 1);
	spin_sink = local.size();
}

static uint64_t throws()
{
	uint64_t sum = 5;

	for (int i = 0; i < 500 * rounds; i++) {
		try {
			thrower(i % 12);
		} catch (const std::runtime_error &e) {
			sum = checksum(sum, strlen(e.what()) + static_cast<uint64_t>(i));
		}
	}
	return sum;
}

static __attribute__((noinline)) void jumper(jmp_buf &back, int n)
{
	if (n <= 0 && leave)
		longjmp(back, 1);
	if (n > 0)
		jumper(back, n - 1);
	__asm__ volatile("");
}

static uint64_t jumps()
{
	static thread_local jmp_buf back;
	volatile uint64_t sum = 6;

	for (volatile int i = 0; i < 2000 * rounds; i = i + 1) {
		if (setjmp(back) == 0)
			jumper(back, i % 20);
		else
			sum = checksum(sum, static_cast<uint64_t>(i));
	}
	return sum;
}

static uint64_t signals()
{
	int n = 25000 * rounds;

	for (int i = 0; i < n; i++)
		if (raise(SIGUSR1))
			failures++;
	return own_signals == static_cast<unsigned long>(n) ? 7 : own_signals.load();
}

struct Job {
	uint64_t (*run)();
	uint64_t sum;
};

static void *worker(void *arg)
{
	auto *job = static_cast<Job *>(arg);

	job->sum = job->run();
	return nullptr;
}

int main(int argc, char **argv)
{
	Job jobs[] = {{allocate, 0}, {load, 0},  {threads, 0}, {forks, 0},
		      {throws, 0},   {jumps, 0}, {signals, 0}};
	constexpr size_t n = sizeof(jobs) / sizeof(jobs[0]);
	pthread_t ids[n];
	struct itimerval every = {{0, 4000}, {0, 4000}};
	const char *slash = strrchr(argv[0], '/');
	uint64_t sum = 0;

	rounds = argc > 1 ? static_cast<int>(strtol(argv[1], nullptr, 10)) : 10;
	snprintf(plugin_path, sizeof(plugin_path), "%.*s/plugin.so",
		 slash ? static_cast<int>(slash - argv[0]) : 1, slash ? argv[0] : ".");
	setenv("SPIN_SCALE", "0.001", 1);
	signal(SIGUSR1, on_own_signal);
	signal(SIGPROF, on_timer);
	setitimer(ITIMER_PROF, &every, nullptr);
	for (size_t i = 0; i < n; i++)
		if (pthread_create(&ids[i], nullptr, worker, &jobs[i]))
			failures++;
	for (size_t i = 0; i < n; i++) {
		pthread_join(ids[i], nullptr);
		sum = checksum(sum, jobs[i].sum);
	}
	printf("torture %d: %016lx, timer %s, failures %d\n", rounds,
	       static_cast<unsigned long>(sum), timer_signals ? "ticked" : "silent",
	       failures.load());
	return failures ? 1 : 0;
}
