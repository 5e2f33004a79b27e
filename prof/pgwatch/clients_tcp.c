/* Ends of TCP connections: addresses as PostgreSQL and as /proc write them. Takes any bytes. */
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "prof/attach/waits_net.h"
#include "prof/pgwatch/clients.h"

#define TCP_LISTENING 10

static const uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

int client_end_parse(struct client_end *e, const char *address, int port)
{
	char text[64];
	uint8_t four[4];
	size_t n = strcspn(address, "%/"); /* zone, mask */

	if (port <= 0 || port > UINT16_MAX || n >= sizeof(text))
		return -1;
	memcpy(text, address, n);
	text[n] = '\0';
	e->port = (uint16_t)port;
	if (inet_pton(AF_INET, text, four) == 1) {
		memcpy(e->address, mapped, sizeof(mapped));
		memcpy(e->address + sizeof(mapped), four, sizeof(four));
		return 0;
	}
	return inet_pton(AF_INET6, text, e->address) == 1 ? 0 : -1;
}

int client_end_is_loopback(const struct client_end *e)
{
	static const uint8_t six[16] = {[15] = 1};

	return memcmp(e->address, six, sizeof(six)) == 0 ||
	       (memcmp(e->address, mapped, sizeof(mapped)) == 0 && e->address[12] == 127);
}

uint64_t client_end_key(const struct client_end *e)
{
	return hash_bytes(e->address, sizeof(e->address), e->port);
}

static void end_of(struct client_end *e, int family, const uint8_t *bytes, uint16_t port)
{
	e->port = port;
	if (family == AF_INET6) {
		memcpy(e->address, bytes, 16);
		return;
	}
	memcpy(e->address, mapped, sizeof(mapped));
	memcpy(e->address + sizeof(mapped), bytes, 4);
}

void clients_scan_tcp(char *text, size_t len, int six,
		      void (*each)(void *ctx, const struct client_end *local,
				   const struct client_end *remote, uint64_t inode),
		      void *ctx)
{
	char *line = text, *end;

	for (; (end = memchr(line, '\n', (size_t)(text + len - line))) != NULL; line = end + 1) {
		struct client_end local, remote;
		struct net_socket s;

		*end = '\0';
		if (net_line(&s, six ? NET_TCP6 : NET_TCP, line) || !s.inode ||
		    s.state == TCP_LISTENING || !s.remote_port)
			continue;
		end_of(&local, s.family, s.local, s.local_port);
		end_of(&remote, s.family, s.remote, s.remote_port);
		each(ctx, &local, &remote, s.inode);
	}
}
