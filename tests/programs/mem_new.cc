// Every operator new and delete, called by name; what fails; exceptions that pass through. Prints what a program
// can see; the sums of each function go to the file named first, as mem_calls.c's. As a plugin (-DPLUGIN) it is
// run by mem_host.c. With -DOWN_POOL the operators are a library's own and never go through malloc; with
// -DOWN_MALLOC they are the program's and do.
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <new>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#define APART __attribute__((noinline))

#if defined OWN_POOL
// One bump pointer; freed memory is lost.
static char pool[1 << 30];
static size_t pool_used;

static void *own(std::size_t n, std::size_t align, bool throws)
{
	size_t at = (__atomic_fetch_add(&pool_used, n + align + 16, __ATOMIC_SEQ_CST) + align) &
		    ~(align - 1);

	if (n > sizeof pool || at > sizeof pool - n) {
		__atomic_fetch_sub(&pool_used, n + align + 16, __ATOMIC_SEQ_CST);
		if (throws)
			throw std::bad_alloc();
		return nullptr;
	}
	return pool + at;
}
void *operator new(std::size_t n)
{
	return own(n, 16, true);
}
void *operator new[](std::size_t n)
{
	return own(n, 16, true);
}
void *operator new(std::size_t n, const std::nothrow_t &) noexcept
{
	return own(n, 16, false);
}
void *operator new[](std::size_t n, const std::nothrow_t &) noexcept
{
	return own(n, 16, false);
}
void *operator new(std::size_t n, std::align_val_t a)
{
	return own(n, std::size_t(a), true);
}
void *operator new[](std::size_t n, std::align_val_t a)
{
	return own(n, std::size_t(a), true);
}
void *operator new(std::size_t n, std::align_val_t a, const std::nothrow_t &) noexcept
{
	return own(n, std::size_t(a), false);
}
void *operator new[](std::size_t n, std::align_val_t a, const std::nothrow_t &) noexcept
{
	return own(n, std::size_t(a), false);
}
void operator delete(void *) noexcept
{
}
void operator delete[](void *) noexcept
{
}
void operator delete(void *, std::size_t) noexcept
{
}
void operator delete[](void *, std::size_t) noexcept
{
}
void operator delete(void *, const std::nothrow_t &) noexcept
{
}
void operator delete[](void *, const std::nothrow_t &) noexcept
{
}
void operator delete(void *, std::align_val_t) noexcept
{
}
void operator delete[](void *, std::align_val_t) noexcept
{
}
void operator delete(void *, std::size_t, std::align_val_t) noexcept
{
}
void operator delete[](void *, std::size_t, std::align_val_t) noexcept
{
}
void operator delete(void *, std::align_val_t, const std::nothrow_t &) noexcept
{
}
void operator delete[](void *, std::align_val_t, const std::nothrow_t &) noexcept
{
}
#elif defined OWN_MALLOC
static int own_news, own_deletes;

void *operator new(std::size_t n)
{
	void *p = std::malloc(n ? n : 1);

	own_news++;
	if (!p)
		throw std::bad_alloc();
	return p;
}
void operator delete(void *p) noexcept
{
	own_deletes++;
	std::free(p);
}
#endif

#if !defined OWN_POOL
namespace
{
struct sums {
	const char *name;
	uint64_t bytes, blocks, live_bytes, live_blocks;
} all[16];
int n_all;
volatile std::size_t huge = std::size_t(1) << 60;

sums *sums_of(const char *name)
{
	for (int i = 0; i < n_all; i++)
		if (std::strcmp(all[i].name, name) == 0)
			return &all[i];
	all[n_all].name = name;
	return &all[n_all++];
}

void *noted(sums *s, void *p, std::size_t n, int kept)
{
	__asm__ volatile("" : "+r"(p) : : "memory");
	if (!p)
		return p;
	std::memset(p, 0x5a, n);
	s->bytes += n;
	s->blocks++;
	s->live_bytes += kept ? n : 0;
	s->live_blocks += kept ? 1 : 0;
	return p;
}

APART void by_new(int i)
{
	sums *s = sums_of("by_new");
	std::size_t n = std::size_t(i) * 5 % 300 + 1;
	void *p = noted(s, ::operator new(n), n, 0), *q = noted(s, ::operator new[](n), n, 0);

	::operator delete(p);
	::operator delete[](q);
	p = noted(s, ::operator new(n), n, i < 3);
	q = noted(s, ::operator new[](n), n, i < 3);
	if (i >= 3) {
		::operator delete(p, n);
		::operator delete[](q, n);
	}
}

APART void by_new_quiet(int i)
{
	sums *s = sums_of("by_new_quiet");
	std::size_t n = std::size_t(i) * 7 % 5000 + 1;
	void *p = noted(s, ::operator new(n, std::nothrow), n, 0);
	void *q = noted(s, ::operator new[](n, std::nothrow), n, 0);

	::operator delete(p, std::nothrow);
	::operator delete[](q, std::nothrow);
}

APART void by_new_at(int i)
{
	sums *s = sums_of("by_new_at");
	std::size_t a = std::size_t(16) << i % 8, n = a * (std::size_t(i) % 5 + 1);
	std::align_val_t at{a};
	void *p = noted(s, ::operator new(n, at), n, 0),
	     *q = noted(s, ::operator new[](n, at), n, 0);

	if ((uintptr_t(p) | uintptr_t(q)) % a)
		std::printf("not aligned to %zu\n", a);
	::operator delete(p, at);
	::operator delete[](q, at);
	p = noted(s, ::operator new(n, at, std::nothrow), n, 0);
	q = noted(s, ::operator new[](n, at, std::nothrow), n, 0);
	if (i % 2) {
		::operator delete(p, at, std::nothrow);
		::operator delete[](q, at, std::nothrow);
	} else {
		::operator delete(p, n, at);
		::operator delete[](q, n, at);
	}
}

int handler_calls;
void handler()
{
	if (++handler_calls == 3)
		std::set_new_handler(nullptr);
}

void failing()
{
	try {
		std::printf("%p\n", ::operator new(huge));
	} catch (const std::bad_alloc &e) {
		std::printf("new: %s\n", e.what());
	}
	try {
		std::printf("%p\n", ::operator new[](huge));
	} catch (const std::bad_alloc &e) {
		std::printf("new[]: %s\n", e.what());
	}
	try {
		std::printf("%p\n", ::operator new(huge, std::align_val_t(64)));
	} catch (const std::bad_alloc &e) {
		std::printf("aligned new: %s\n", e.what());
	}
	try {
		std::printf("%p\n", ::operator new[](huge, std::align_val_t(64)));
	} catch (const std::bad_alloc &e) {
		std::printf("aligned new[]: %s\n", e.what());
	}
	std::printf("%p %p %p %p\n", ::operator new(huge, std::nothrow),
		    ::operator new[](huge, std::nothrow),
		    ::operator new(huge, std::align_val_t(64), std::nothrow),
		    ::operator new[](huge, std::align_val_t(64), std::nothrow));
#if !defined NO_HANDLER
	std::set_new_handler(handler);
	try {
		std::printf("%p\n", ::operator new(huge));
	} catch (const std::bad_alloc &) {
		std::printf("the new-handler was called %d times\n", handler_calls);
	}
#endif
	::operator delete(::operator new(0));
	::operator delete[](::operator new[](0, std::nothrow));
	::operator delete(nullptr);
	::operator delete[](nullptr);
}

struct object {
	std::vector<std::string> texts;
	explicit object(int n)
	{
		for (int i = 0; i < n; i++)
			texts.push_back(std::string(std::size_t(i), 'x'));
		if (n > 50)
			throw std::runtime_error("too many");
	}
};

void thread_main()
{
	for (int i = 0; i < 60; i++) {
		try {
			delete new object(i);
		} catch (const std::exception &e) {
			if (i == 51)
				std::printf("%s\n", e.what());
		}
	}
}

int run(const char *path)
{
	FILE *f;

	for (int i = 0; i < 200; i++) {
		by_new(i);
		by_new_quiet(i);
		by_new_at(i);
	}
	failing();
	std::thread(thread_main).join();
	f = path ? std::fopen(path, "we") : nullptr;
	for (int i = 0; f && i < n_all; i++)
		std::fprintf(f, "%s %llu %llu %llu %llu\n", all[i].name,
			     (unsigned long long)all[i].bytes, (unsigned long long)all[i].blocks,
			     (unsigned long long)all[i].live_bytes,
			     (unsigned long long)all[i].live_blocks);
	if (f)
		std::fclose(f);
#if defined OWN_MALLOC
	std::printf("own %d %d\n", own_news, own_deletes);
#endif
	std::printf("done\n");
	std::fflush(stdout);
	return 9;
}
} // namespace

#if defined PLUGIN
extern "C" int plugin_run(const char *path)
{
	return run(path);
}
#else
int main(int argc, char **argv)
{
	static char buffer[BUFSIZ];

	std::setvbuf(stdout, buffer, _IOFBF, sizeof buffer); // or stdio allocates it in between
	return run(argc > 1 ? argv[1] : nullptr);
}
#endif
#endif
