// Stepped by test_unwind_step: exceptions on their way, destructors, a rethrow.
#include <csignal>
#include <stdexcept>
#include <string>

static volatile long sink;

struct counted {
	long n;
	explicit counted(long start) : n(start)
	{
		sink = sink + n;
	}
	~counted()
	{
		sink = sink - n;
	}
};

static __attribute__((noinline)) long thrower(long a)
{
	counted c(a);

	if (a > 2)
		throw std::runtime_error("too much");
	return c.n;
}

static __attribute__((noinline)) long between(long a)
{
	counted c(a + 1);

	try {
		return thrower(a) + c.n;
	} catch (const std::runtime_error &) {
		sink = sink + 1;
		throw;
	}
}

static __attribute__((noinline)) void catcher(long a)
{
	try {
		sink = sink + between(a);
	} catch (const std::exception &e) {
		sink = sink + long(std::string(e.what()).size());
	}
}

int main(int argc, char **)
{
	catcher(argc + 3); // binds what is bound lazily: that would be most of the steps
	std::raise(SIGSTOP);
	catcher(argc + 4);
	std::raise(SIGSTOP);
	return 0;
}
