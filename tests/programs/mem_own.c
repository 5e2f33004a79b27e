/* An allocator of a program's own, linked into it: blocks of powers of two from a static pool, with free lists.
 * Compiled together with mem_calls.c, whose calls then never leave the program. */
#include <errno.h>
#include <pthread.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define POOL_BYTES (512u << 20)
#define CLASSES    30

void *memalign(size_t align, size_t n);

struct block { /* before each one */
	size_t bytes;
	uint32_t class;
	uint32_t offset; /* from where it was cut */
};

static _Alignas(4096) uint8_t pool[POOL_BYTES];
static size_t used;
static void *free_list[CLASSES];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static struct block *head_of(void *p)
{
	return (struct block *)p - 1;
}

static uint8_t *cut(uint32_t class)
{
	uint8_t *at = NULL;

	pthread_mutex_lock(&lock);
	if (free_list[class]) {
		at = free_list[class];
		memcpy(&free_list[class], at, sizeof(void *));
	} else if (POOL_BYTES - used >= (size_t)1 << class) {
		at = pool + used;
		used += (size_t)1 << class;
	}
	pthread_mutex_unlock(&lock);
	return at;
}

void *memalign(size_t align, size_t n)
{
	uint32_t class = 6;
	uint8_t *at = NULL, *p;

	align = align < 16 ? 16 : align;
	while (class < CLASSES && (size_t)1 << class < sizeof(struct block) + align + n)
		class ++;
	if (n < POOL_BYTES && class < CLASSES)
		at = cut(class);
	if (!at) {
		errno = ENOMEM;
		return NULL;
	}
	p = (uint8_t *)(((uintptr_t)at + sizeof(struct block) + align - 1) & ~(align - 1));
	*head_of(p) = (struct block){n, class, (uint32_t)(p - at)};
	return p;
}

void *malloc(size_t n)
{
	return memalign(16, n);
}

void free(void *p)
{
	uint32_t class;
	uint8_t *at;

	if (!p)
		return;
	class = head_of(p)->class;
	at = (uint8_t *)p - head_of(p)->offset;
	pthread_mutex_lock(&lock);
	memcpy(at, &free_list[class], sizeof(void *));
	free_list[class] = at;
	pthread_mutex_unlock(&lock);
}

void *calloc(size_t n, size_t bytes)
{
	size_t total;
	void *p;

	if (__builtin_mul_overflow(n, bytes, &total)) {
		errno = ENOMEM;
		return NULL;
	}
	p = memalign(16, total);
	return p ? memset(p, 0, total) : NULL;
}

void *realloc(void *p, size_t n)
{
	void *q = memalign(16, n);

	if (p && q) {
		memcpy(q, p, head_of(p)->bytes < n ? head_of(p)->bytes : n);
		free(p);
	}
	return q;
}

int posix_memalign(void **out, size_t align, size_t n)
{
	int saved = errno;
	void *p;

	if (align < sizeof(void *) || (align & (align - 1)))
		return EINVAL;
	p = memalign(align, n);
	errno = saved;
	if (!p)
		return ENOMEM;
	*out = p;
	return 0;
}

void *aligned_alloc(size_t align, size_t n)
{
	return memalign(align, n);
}

void *valloc(size_t n)
{
	return memalign(4096, n);
}

void *pvalloc(size_t n)
{
	return memalign(4096, n);
}

size_t malloc_usable_size(void *p)
{
	return p ? head_of(p)->bytes : 0;
}
