/* Sessions and the local processes at their other ends: see clients.h. */
#include "prof/pgwatch/clients.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "prof/attach/proc.h"
#include "prof/attach/waits_net.h"
#include "prof/base/buf.h"
#include "prof/base/clock.h"
#include "prof/base/err.h"

#define TCP_FILE_MAX   ((size_t)16 << 20) /* about 100,000 connections */
#define NAMESPACES_MAX 32
/* Of CPU time, for looking through the descriptors of all processes: some 20,000 of them. What is not found then is
 * not claimed. */
#define SCAN_NS INT64_C(60000000)

struct client_known {
	int pid;
	int64_t backend_start_us;
	int client_pid; /* 0: looked for, not found */
	uint64_t start_ticks;
	int64_t at_ns; /* when it was looked for */
	int hidden;    /* its backend is not for us to look at */
	char name[64];
};
#define AGAIN_NS INT64_C(2000000000) /* one that was not found is looked for again */
#define REST     9 /* times as long as looking for new sessions took, none are looked for */

void clients_init(struct clients *c)
{
	memset(c, 0, sizeof(*c));
}

void clients_release(struct clients *c)
{
	free(c->known);
	idmap_release(&c->by_pid);
	memset(c, 0, sizeof(*c));
}

/* ---- what is looked for ---- */

struct search {
	struct shot *shot;
	const struct clients_server *server;
	enum clients_how how;
	uint32_t *wanted; /* owned: places of sessions */
	uint32_t n;
	struct idmap ends;   /* of a TCP end to place in `wanted` */
	struct idmap inodes; /* of the client's socket likewise */
	uint32_t tcp;        /* connections that no socket is known of yet */
	uint32_t open;       /* sockets whose holder is not known yet */
	int ours;            /* the namespace that is read is our own */
	int failed;
};

static void take_inode(struct search *f, uint32_t place, uint64_t inode)
{
	if (idmap_get(&f->inodes, inode) != IDMAP_NONE)
		return;
	if (idmap_set(&f->inodes, inode, place))
		f->failed = 1;
	f->open++;
}

/* The connection of a session, seen from its client: its own end is what the server calls the client's. */
static void on_connection(void *ctx, const struct client_end *local,
			  const struct client_end *remote, uint64_t inode)
{
	struct search *f = ctx;
	uint32_t place = idmap_get(&f->ends, client_end_key(local));

	if (place == IDMAP_NONE)
		return;
	/* Everybody has a loopback: only that of the server's own machine counts. */
	if (client_end_is_loopback(local) &&
	    (!f->ours || !f->server->local || remote->port != f->server->port))
		return;
	if (idmap_get(&f->inodes, inode) == IDMAP_NONE && f->tcp)
		f->tcp--;
	take_inode(f, place, inode);
}

static void read_tcp(struct search *f, int pid, int six)
{
	struct buf text;
	char path[64];
	ssize_t n = 1;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/net/tcp%s", pid, six ? "6" : "");
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return;
	buf_init(&text, TCP_FILE_MAX);
	while (n > 0) {
		char *to = buf_reserve(&text, 65536);

		n = to ? read(fd, to, 65536) : 0;
		if (n > 0)
			text.len += (size_t)n;
	}
	(void)close(fd);
	if (buf_putc(&text, '\0') == 0)
		clients_scan_tcp(text.data, text.len - 1, six, on_connection, f);
	buf_release(&text);
}

/* Our own namespace first, then those of containers. */
static void find_tcp(struct search *f, const int *pids, uint32_t n)
{
	char seen[NAMESPACES_MAX][48], ns[48], path[64];
	uint32_t i, k, n_seen = 0;
	ssize_t len;
	int self = (int)getpid();

	for (i = 0; i <= n && n_seen < NAMESPACES_MAX && f->tcp; i++) {
		int pid = i ? pids[i - 1] : self;

		snprintf(path, sizeof(path), "/proc/%d/ns/net", pid);
		len = readlink(path, ns, sizeof(ns) - 1);
		if (len <= 0)
			continue;
		ns[len] = '\0';
		for (k = 0; k < n_seen && strcmp(seen[k], ns) != 0; k++)
			;
		if (k < n_seen)
			continue;
		memcpy(seen[n_seen++], ns, (size_t)len + 1);
		f->ours = i == 0;
		read_tcp(f, pid, 0);
		read_tcp(f, pid, 1);
	}
}

/* The backend's own socket leads to its peer. */
static int find_unix(struct search *f, uint32_t place)
{
	const struct shot_session *a = &f->shot->sessions[f->wanted[place]];
	struct proc p = {.dir = -1};
	struct dirent *d;
	uint64_t peer = 0;
	char target[64];
	DIR *dir;
	int fd, rc = 0;

	if (proc_open(&p, a->pid, NULL))
		return 0;
	fd = proc_openat(&p, "fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	dir = fd < 0 ? NULL : fdopendir(fd);
	if (!dir) {
		rc = -1;
		if (fd >= 0)
			(void)close(fd);
	}
	while (dir && !peer && (d = readdir(dir)) != NULL) {
		unsigned long long inode;
		ssize_t n = readlinkat(dirfd(dir), d->d_name, target, sizeof(target) - 1);

		target[n > 0 ? n : 0] = '\0';
		if (sscanf(target, "socket:[%llu]", &inode) == 1)
			peer = net_unix_peer(&p, inode);
	}
	if (dir)
		(void)closedir(dir);
	proc_close(&p);
	if (peer)
		take_inode(f, place, peer);
	return rc;
}

/* ---- who holds the sockets ---- */

static void settle(struct search *f, struct clients *c, uint64_t inode, int pid)
{
	uint32_t place = idmap_get(&f->inodes, inode);
	struct shot_session *a;
	struct client_known *k;
	struct proc p;

	if (place == IDMAP_NONE)
		return;
	a = &f->shot->sessions[f->wanted[place]];
	if (a->client_pid) /* the first one, which opened it: others got it by fork */
		return;
	f->open--;
	k = &c->known[idmap_get(&c->by_pid, (uint32_t)a->pid)];
	if (proc_open(&p, pid, NULL))
		return;
	a->client_pid = k->client_pid = pid;
	k->start_ticks = p.start_ticks;
	proc_name(&p, k->name, sizeof(k->name));
	proc_close(&p);
	a->client_name = shot_text(f->shot, k->name);
	if (!a->client_name) {
		a->client_name = "";
		f->failed = 1;
	}
}

static void look_at_process(struct search *f, struct clients *c, int pid)
{
	char path[32], target[64];
	struct dirent *d;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/fd", pid);
	dir = opendir(path);
	if (!dir)
		return;
	while (f->open && (d = readdir(dir)) != NULL) {
		unsigned long long inode;
		ssize_t n = d->d_name[0] == '.'
				    ? -1
				    : readlinkat(dirfd(dir), d->d_name, target, sizeof(target) - 1);

		if (n < 9 || memcmp(target, "socket:[", 8) != 0)
			continue;
		target[n] = '\0';
		inode = strtoull(target + 8, NULL, 10);
		settle(f, c, inode, pid);
	}
	(void)closedir(dir);
}

static void find_holders(struct search *f, struct clients *c, const int *pids, uint32_t n)
{
	int64_t until = clock_thread_cpu_ns() + SCAN_NS;
	uint32_t i;

	for (i = 0; i < n && f->open; i++) {
		look_at_process(f, c, pids[i]);
		if (clock_thread_cpu_ns() > until)
			return;
	}
}

/* ---- what is known already ---- */

static int is_alive(const struct client_known *k)
{
	struct proc p;
	int same;

	if (proc_open(&p, k->client_pid, NULL))
		return 0;
	same = p.start_ticks == k->start_ticks;
	proc_close(&p);
	return same;
}

/* Where the backend of that pid is kept, whichever it was; NULL: no memory. */
static struct client_known *place_of(struct clients *c, int pid)
{
	uint32_t at = idmap_intern(&c->by_pid, (uint32_t)pid, c->n);

	if (at == IDMAP_NONE)
		return NULL;
	if (at == c->n) {
		if (c->n == c->cap) {
			uint32_t cap = c->cap ? 2 * c->cap : 64;
			struct client_known *more = reallocarray(c->known, cap, sizeof(*more));

			if (!more)
				return NULL;
			c->known = more;
			c->cap = cap;
		}
		c->known[c->n++] = (struct client_known){.pid = pid};
	}
	return &c->known[at];
}

static int answer(struct shot *s, struct shot_session *a, const struct client_known *k)
{
	a->client_pid = k->client_pid;
	a->client_name = shot_text(s, k->name);
	if (a->client_name)
		return 1;
	a->client_name = "";
	return ERR_NOMEM;
}

/* 1: answered; 0: to be looked for; or ERR_NOMEM. */
static int recall(struct search *f, struct clients *c, struct shot_session *a, int64_t now)
{
	uint32_t at = idmap_get(&c->by_pid, (uint32_t)a->pid);
	struct client_known *k = at == IDMAP_NONE ? NULL : &c->known[at];

	if (k && k->backend_start_us == a->backend_start_us && k->at_ns) {
		if (!k->client_pid && (f->how == CLIENTS_NEW || now - k->at_ns < AGAIN_NS)) {
			c->hidden += f->how == CLIENTS_WHOLE && k->hidden;
			return 1;
		}
		if (k->client_pid && (f->how == CLIENTS_NEW || is_alive(k)))
			return answer(f->shot, a, k);
	}
	if (f->how == CLIENTS_NEW && now < c->rest_ns)
		return 1;
	k = place_of(c, a->pid);
	if (!k)
		return ERR_NOMEM;
	*k = (struct client_known){
		.pid = a->pid, .backend_start_us = a->backend_start_us, .at_ns = now};
	return 0;
}

static int want(struct search *f, struct clients *c, uint32_t at)
{
	struct shot_session *a = &f->shot->sessions[at];
	struct client_end end;
	int rc = recall(f, c, a, f->shot->at_ns);

	if (rc)
		return rc < 0 ? rc : 0;
	f->wanted[f->n] = at;
	if (*a->client_address && client_end_parse(&end, a->client_address, a->client_port) == 0) {
		if (idmap_set(&f->ends, client_end_key(&end), f->n))
			return ERR_NOMEM;
		f->tcp++;
	} else if (a->client_port == -1 && f->server->local) {
		struct client_known *k = &c->known[idmap_get(&c->by_pid, (uint32_t)a->pid)];

		k->hidden = find_unix(f, f->n) < 0;
		c->hidden += f->how == CLIENTS_WHOLE && k->hidden;
	}
	f->n++;
	return f->failed ? ERR_NOMEM : 0;
}

int clients_link(struct clients *c, struct shot *s, const struct clients_server *server,
		 enum clients_how how)
{
	struct search f = {.shot = s, .server = server, .how = how};
	int64_t begun = clock_mono_ns();
	uint32_t i, n_pids = 0, cap = 0;
	int *pids = NULL, rc = 0;

	if (how == CLIENTS_WHOLE)
		c->hidden = 0;
	f.wanted = calloc((size_t)s->n_sessions + 1, sizeof(*f.wanted));
	if (!f.wanted)
		return ERR_NOMEM;
	for (i = 0; i < s->n_sessions && rc == 0; i++)
		if (s->sessions[i].kind == SHOT_CLIENT || s->sessions[i].kind == SHOT_SENDER)
			rc = want(&f, c, i);
	if (rc == 0 && (f.tcp || f.open))
		rc = proc_all(&pids, &n_pids, &cap) == ERR_NOMEM ? ERR_NOMEM : 0;
	if (rc == 0 && f.tcp)
		find_tcp(&f, pids, n_pids);
	if (rc == 0 && f.open)
		find_holders(&f, c, pids, n_pids);
	if (f.n)
		c->rest_ns = clock_mono_ns() + REST * (clock_mono_ns() - begun);
	free(pids);
	free(f.wanted);
	idmap_release(&f.ends);
	idmap_release(&f.inodes);
	return rc ? rc : f.failed ? ERR_NOMEM : 0;
}
