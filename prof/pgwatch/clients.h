/* Which process of this machine is at the other end of a session: by the addresses of its TCP connection in
 * /proc/PID/net/tcp{,6}, or by the peer of the backend's Unix socket, and whoever holds that socket. What is remote, not
 * for us to see, or of a namespace that hides it stays 0. Remembers answers while both ends live. Not thread-safe. */
#ifndef PGWATCH_CLIENTS_H
#define PGWATCH_CLIENTS_H

#include <stdint.h>

#include "prof/base/hash.h"
#include "prof/pgwatch/shot.h"

struct client_known;

struct clients {
	struct client_known *known; /* owned */
	uint32_t n, cap;
	struct idmap by_pid; /* backend's pid to place */
	uint32_t hidden; /* sessions whose backend we may not look at, in the last whole round */
	int64_t rest_ns; /* CLOCK_MONOTONIC: until then no new session is looked for */
};

/* How we reach the server. */
struct clients_server {
	int port;
	int local; /* it runs on this machine: loopback addresses and its pids mean something here */
};

void clients_init(struct clients *c);
void clients_release(struct clients *c);
enum clients_how {
	CLIENTS_WHOLE, /* asks whether those it remembers still live, and looks for all others */
	/* For looks that come often: what it remembers, and looks for sessions that it never met, as long as looking
	 * takes no more than every tenth moment. */
	CLIENTS_NEW,
};
/* Sets client_pid and client_name of the shot's sessions. 0 or ERR_NOMEM. */
int clients_link(struct clients *c, struct shot *s, const struct clients_server *server,
		 enum clients_how how);

/* ---- parts, for tests ---- */

struct client_end { /* one end of a TCP connection: IPv4 as ::ffff:a.b.c.d */
	uint8_t address[16];
	uint16_t port;
};
/* "10.0.0.1", "fe80::1%eth0", "::1"; 0 or -1. */
int client_end_parse(struct client_end *e, const char *address, int port);
int client_end_is_loopback(const struct client_end *e);
uint64_t client_end_key(const struct client_end *e);
/* Calls `each` for the connections (not what listens) in the text of a net/tcp or net/tcp6 file, `len` bytes with a NUL
 * behind; the text is changed. */
void clients_scan_tcp(char *text, size_t len, int six,
		      void (*each)(void *ctx, const struct client_end *local,
				   const struct client_end *remote, uint64_t inode),
		      void *ctx);

#endif
