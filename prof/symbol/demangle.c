/* Readable names of C++ and Rust functions, by libiberty. A mangled name of a few bytes can stand for
 * gigabytes of text: the output is cut while it is made. */
#include <pthread.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

#include <libiberty/demangle.h>

#include "prof/symbol/symbol.h"
#include "prof/symbol/text.h"

#define PLAIN_MAX 1000  /* libiberty's own limits suit names up to here */
#define LONG_MAX_ 16384 /* beyond, a name is left mangled */
/* Parsing recurses for each byte or two of a name, with about 700 bytes of stack each time. */
#define LONG_STACK ((size_t)64 << 20)

struct output {
	struct buf text;
	jmp_buf full;
};

/* Called by libiberty with pieces of the name; it keeps nothing on the heap while it calls C++. */
static void take(const char *piece, size_t n, void *ctx)
{
	struct output *o = ctx;
	size_t room = o->text.max - o->text.len;

	if (n > room || buf_put(&o->text, piece, n) < 0) {
		buf_put(&o->text, piece, n < room ? n : room);
		longjmp(o->full, 1);
	}
}

struct job {
	const char *name;
	int options;
	struct output out;
	int done; /* the name was a mangled one */
};

static void *run(void *arg)
{
	struct job *j = arg;

	if (setjmp(j->out.full)) {
		j->done = 1;
		return NULL;
	}
	j->done = rust_demangle_callback(j->name, j->options, take, &j->out);
	if (!j->done) {
		buf_clear(&j->out.text);
		j->done = cplus_demangle_v3_callback(j->name, j->options, take, &j->out);
	}
	return NULL;
}

static void run_long(struct job *j)
{
	pthread_attr_t attr;
	pthread_t thread;

	j->options |= DMGL_NO_RECURSE_LIMIT;
	if (pthread_attr_init(&attr))
		return;
	if (!pthread_attr_setstacksize(&attr, LONG_STACK) &&
	    !pthread_create(&thread, &attr, run, j))
		pthread_join(thread, NULL);
	pthread_attr_destroy(&attr);
}

static int is_mangled(const char *name)
{
	return !strncmp(name, "_Z", 2) || !strncmp(name, "_R", 2) || !strncmp(name, "___Z", 4) ||
	       !strncmp(name, "_GLOBAL_", 8);
}

/* A copy of the text, valid and cut. */
static char *clean_copy(const char *text, size_t n)
{
	struct buf out = BUF_INIT;

	if (text_clean(&out, (struct span){(const uint8_t *)text, n}) < 0) {
		buf_release(&out);
		return strdup("");
	}
	if (!out.len) {
		buf_release(&out);
		return strdup("");
	}
	return buf_steal(&out, NULL);
}

char *symbol_demangle(const char *name)
{
	struct job j = {.name = name, .options = DMGL_PARAMS | DMGL_ANSI};
	size_t n = strlen(name);
	char *text;

	if (!is_mangled(name) || n > LONG_MAX_)
		return clean_copy(name, n);
	buf_init(&j.out.text, TEXT_NAME_MAX + 1);
	if (n <= PLAIN_MAX)
		run(&j);
	else
		run_long(&j);
	if (buf_failed(&j.out.text) == ERR_NOMEM)
		text = strdup("");
	else if (j.done && j.out.text.len)
		text = clean_copy(j.out.text.data, j.out.text.len);
	else
		text = clean_copy(name, n);
	buf_release(&j.out.text);
	return text;
}
