/* Any bytes as what the command pg reads of other programs: /proc/net/tcp, addresses, arrays of pids, statements; and
 * any graph of waits, of which every actor must be in the tree once, below one that was there before. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "prof/cli/pg_page.h"
#include "prof/pgwatch/blockers.h"
#include "prof/pgwatch/clients.h"
#include "prof/pgwatch/locktext.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void count(void *ctx, const struct client_end *local, const struct client_end *remote,
		  uint64_t inode)
{
	if (!inode || client_end_key(local) == client_end_key(remote))
		++*(int *)ctx;
}

static void texts(char *text, size_t size)
{
	struct client_end end;
	const char *at = text;
	char line[64];
	int pid, n = 0;

	while ((at = locktext_next_pid(at, &pid)) != NULL)
		if (pid < 0)
			abort();
	if (client_end_parse(&end, text, (int)size) == 0 && !end.port)
		abort();
	pg_one_line(line, sizeof(line), text);
	if (strlen(line) >= sizeof(line) || strchr(line, '\n'))
		abort();
	locktext_mode(text, line, sizeof(line));
	locktext(&(struct locktext){.type = "tuple", .relation = text}, line, sizeof(line));
	clients_scan_tcp(text, size, size & 1, count, &n);
}

static void check(const struct blockers *b)
{
	for (uint32_t i = 0; i < b->n; i++) {
		const struct block_node *node = &b->nodes[i];

		if (node->parent != SHOT_NONE &&
		    (node->parent >= i || node->depth != b->nodes[node->parent].depth + 1))
			abort();
		for (uint32_t k = 0; k < i; k++)
			if (node->pid && b->nodes[k].pid == node->pid)
				abort();
	}
}

/* Three bytes a step: what, and two pids. */
static void graph(const uint8_t *data, size_t size)
{
	struct blockers b = {0};
	struct shot s;

	shot_init(&s);
	for (size_t i = 0; i + 3 <= size && i < 600; i += 3) {
		int a = 1 + data[i + 1] % 32, c = data[i + 2] % 33;
		struct shot_session *q;
		struct shot_lock *l;

		switch (data[i] % 4) {
		case 0:
			q = shot_add_session(&s);
			if (q) {
				q->pid = 100 * s.n_sessions < 3200 ? (int)s.n_sessions : 32;
				q->leader = c % 3 ? 0 : a;
			}
			break;
		case 1:
			l = shot_add_lock(&s);
			if (l) {
				l->pid = c;
				l->object = data[i + 1] % 8;
				l->granted = data[i] / 4 % 2;
				l->prepared = c ? SHOT_NONE : data[i + 1] % 2;
			}
			break;
		case 2:
			if (s.n_prepared < 2)
				(void)shot_add_prepared(&s);
			break;
		default:
			(void)shot_add_edge(&s, a, c);
		}
	}
	if (shot_finish(&s) == 0 && blockers_find(&b, &s) == 0)
		check(&b);
	blockers_release(&b);
	shot_release(&s);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);

	if (!text)
		return 0;
	memcpy(text, data, size);
	text[size] = '\0';
	texts(text, size);
	free(text);
	graph(data, size);
	return 0;
}
