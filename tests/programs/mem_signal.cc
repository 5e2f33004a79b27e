// Signal handlers that allocate, free, fork and jump away while the program allocates. With libpool.so (mem_new.cc,
// -DOWN_POOL), whose operators are a few atomic instructions, all of it is well-defined without us. Prints what a
// program sees; how many blocks were made goes to the file named second: "blocks N" of the process itself.
//   mem_signal allocate|free|jump|jump_beside|fork [FILE]
#include <csetjmp>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <new>
#include <pthread.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#define APART __attribute__((noinline))

namespace
{
volatile sig_atomic_t signals, blocks_of_handler, failed;
volatile unsigned long blocks;
void *volatile given[64];
sigjmp_buf back;
int signal_target = 400;

APART void *by_main(std::size_t n)
{
	void *p = ::operator new(n);

	blocks = blocks + 1;
	std::memset(p, 1, n);
	return p;
}

void allocate(int)
{
	signals = signals + 1;
	for (int i = 0; i < 3; i++) {
		void *p = ::operator new(24);

		blocks_of_handler = blocks_of_handler + 1;
		std::memset(p, 2, 24);
		if (i)
			::operator delete(p);
	}
}

void release(int)
{
	signals = signals + 1;
	for (auto &g : given) {
		::operator delete(g);
		g = nullptr;
	}
}

void jump(int)
{
	signals = signals + 1;
	siglongjmp(back, 1);
}

// The child goes on where the signal came, as the parent does.
volatile pid_t child_of;
void divide(int)
{
	pid_t pid;
	int status = 0;

	signals = signals + 1;
	pid = fork();
	if (pid == 0) {
		child_of = 1;
		return;
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid || status != 0)
		failed = 1;
}

void every(void (*handler)(int), long us)
{
	struct sigaction sa;
	struct itimerval it = {{0, us}, {0, us}};

	std::memset(&sa, 0, sizeof sa);
	sa.sa_handler = handler;
	sigaction(SIGALRM, &sa, nullptr);
	setitimer(ITIMER_REAL, &it, nullptr);
}

void quiet()
{
	struct itimerval off = {{0, 0}, {0, 0}};

	setitimer(ITIMER_REAL, &off, nullptr);
	std::signal(SIGALRM, SIG_IGN);
}

void way_allocate()
{
	every(allocate, 300);
	while (signals < signal_target)
		::operator delete(by_main(16));
	quiet();
}

void way_free()
{
	every(release, 300);
	while (signals < signal_target)
		for (auto &g : given)
			if (!g)
				g = by_main(16);
	quiet();
	for (auto &g : given)
		::operator delete(g);
}

void way_jump()
{
	if (sigsetjmp(back, 1) == 0)
		every(jump, 300);
	while (signals < signal_target)
		::operator delete(by_main(16));
	quiet();
}

// Takes no signal: a jump to another thread's stack would be the end.
void *beside(void *)
{
	for (;;) {
		::operator delete(::operator new(8));
		usleep(100);
	}
}

void way_jump_beside()
{
	sigset_t every_signal, old;
	pthread_t t;

	sigfillset(&every_signal);
	pthread_sigmask(SIG_BLOCK, &every_signal, &old);
	if (pthread_create(&t, nullptr, beside, nullptr))
		std::abort();
	pthread_sigmask(SIG_SETMASK, &old, nullptr);
	way_jump();
}

void way_fork()
{
	every(divide, 2000);
	while (signals < 60 && !child_of)
		::operator delete(by_main(16));
	quiet();
	if (child_of) { // the tables of the interrupted call were the parent's
		for (int i = 0; i < 1000; i++)
			::operator delete(by_main(16));
		_exit(0);
	}
}
} // namespace

int main(int argc, char **argv)
{
	const char *way = argc > 1 ? argv[1] : "";
	static char buffer[BUFSIZ];
	FILE *f;

	setvbuf(stdout, buffer, _IOFBF, sizeof buffer);
	if (!std::strcmp(way, "allocate"))
		way_allocate();
	else if (!std::strcmp(way, "free"))
		way_free();
	else if (!std::strcmp(way, "jump"))
		way_jump();
	else if (!std::strcmp(way, "jump_beside"))
		way_jump_beside();
	else if (!std::strcmp(way, "fork"))
		way_fork();
	else
		return 2;
	blocks = blocks + static_cast<unsigned long>(blocks_of_handler);
	for (int i = 0; i < 1000; i++)
		given[i % 64] = by_main(100);
	f = argc > 2 ? std::fopen(argv[2], "we") : nullptr;
	if (f) {
		std::fprintf(f, "blocks %lu\n", blocks);
		std::fclose(f);
	}
	std::printf("done, %d\n", failed);
	return 0;
}
