/* Any bytes as what waits.h reads: structures of system calls, lines of /proc/net, fdinfo and /proc/locks, the memory around a
 * futex. What comes out is text fit to print that ends inside its array. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "prof/attach/waits_fd.h"
#include "prof/attach/waits_lock.h"
#include "prof/attach/waits_names.h"
#include "prof/attach/waits_net.h"
#include "prof/attach/waits_people.h"
#include "prof/attach/waits_structs.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char out[192];

static void check(struct words *w)
{
	words_end(w);
	if (w->len >= w->size || strlen(out) != w->len)
		abort();
	for (const char *p = out; *p; p++)
		if ((unsigned char)*p < 0x20 || *p == 0x7f)
			abort();
}

static void structs(const uint8_t *data, size_t size, size_t room)
{
	uint64_t count = size > 1 ? (uint64_t)data[0] << (data[1] % 57) : 0;
	struct words w;

	words_init(&w, out, room);
	structs_sockaddr(&w, data, size);
	structs_pollfds(&w, data, size, count);
	check(&w);
	words_init(&w, out, room);
	structs_fdset(&w, data, size, count);
	structs_sembufs(&w, data, size, count);
	check(&w);
	words_init(&w, out, room);
	words_quote(&w, (const char *)data, size, 1);
	check(&w);
	words_init(&w, out, room);
	for (size_t i = 0; i + 9 <= size && i < 90; i += 9) {
		uint64_t value;

		memcpy(&value, data + i + 1, sizeof value);
		(void)names_arg(&w, data[i], value);
		names_signals(&w, value);
		names_ioctl(&w, value);
	}
	check(&w);
	words_init(&w, out, room);
	if (size >= STRUCTS_FLOCK)
		structs_flock(&w, data);
	check(&w);
	if (size >= 16 && structs_time(data, data[0] & 1) < -1)
		abort();
}

static void lines(const char *text, size_t room)
{
	struct net_socket s;
	struct file_lock l;
	struct words w;

	for (int i = 0; i < NET_FILES; i++)
		if (net_line(&s, (enum net_file)i, text) == 0) {
			words_init(&w, out, room);
			net_words(&w, &s);
			check(&w);
		}
	(void)file_lock_line(&l, text);
}

static void fdinfo(const char *text)
{
	struct fdinfo_watch watch;
	const char *at = text, *before;
	uint64_t value;

	for (before = at; fdinfo_watch(text, &at, &watch) == 0; before = at)
		if (at <= before || at > text + strlen(text))
			abort();
	(void)fdinfo_number(text, "eventfd-count", 16, &value);
	(void)fdinfo_number(text, "Pid", 10, &value);
	if (fdinfo_timer_ns(text) < -1)
		abort();
}

static void locks(const uint8_t *data, size_t size)
{
	uint8_t around[LOCK_BEFORE + LOCK_AFTER] = {0};
	struct lock_wait wait = {.word = 0x7f0000001000};
	struct lock found[4];
	size_t from, to, n;

	if (size < 16)
		return;
	memcpy(&wait.value, data, 4);
	wait.op = data[4] & 15;
	wait.is_private = data[5] & 1;
	from = data[6] % LOCK_BEFORE;
	to = LOCK_BEFORE + data[7] % LOCK_AFTER;
	memcpy(around, data + 8, size - 8 < sizeof around ? size - 8 : sizeof around);
	n = lock_guess(&wait, around, from, to, found, sizeof found / sizeof *found);
	for (size_t i = 0; i < n; i++)
		if (found[i].kind <= LOCK_NONE || found[i].kind >= LOCK_KINDS)
			abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);

	if (!text)
		return 0;
	memcpy(text, data, size);
	text[size] = '\0';
	structs(data, size, sizeof out);
	structs(data, size, 1 + size % 16);
	lines(text, sizeof out);
	fdinfo(text);
	locks(data, size);
	free(text);
	return 0;
}
