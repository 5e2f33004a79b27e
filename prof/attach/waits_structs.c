/* Structures in words: see waits_structs.h. Layouts: include/uapi/linux/{poll,sem,socket,un,in,in6,netlink}.h. */
#include "prof/attach/waits_structs.h"

#include <arpa/inet.h>
#include <linux/netlink.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "prof/attach/waits_names.h"

#define SECONDS_MAX INT64_C(9000000000) /* more do not fit as nanoseconds */
#define SEMBUF      6                   /* bytes: unsigned short, short, short */

int64_t structs_time(const uint8_t bytes[16], int micro)
{
	int64_t parts[2];
	int64_t limit = micro ? 1000000 : 1000000000;

	memcpy(parts, bytes, sizeof parts);
	if (parts[0] < 0 || parts[1] < 0 || parts[1] >= limit)
		return -1;
	if (parts[0] > SECONDS_MAX)
		return SECONDS_MAX * 1000000000;
	return parts[0] * 1000000000 + parts[1] * (micro ? 1000 : 1);
}

static void unix_address(struct words *w, const uint8_t *bytes, size_t n)
{
	const size_t head = offsetof(struct sockaddr_un, sun_path);

	words_add(w, "unix:");
	if (n > head && bytes[head]) {
		words_text(w, (const char *)bytes + head, n - head);
	} else if (n > head + 1) { /* not in the file system; zeros may follow */
		size_t end = n;

		while (end > head + 1 && bytes[end - 1] == 0)
			end--;
		words_add(w, "@");
		words_text(w, (const char *)bytes + head + 1, end - head - 1);
	}
}

void structs_sockaddr(struct words *w, const uint8_t *bytes, size_t n)
{
	char text[INET6_ADDRSTRLEN];
	struct sockaddr_in6 six;
	struct sockaddr_in four;
	struct sockaddr_nl link;
	uint16_t family = 0;

	if (n >= sizeof family)
		memcpy(&family, bytes, sizeof family);
	if (family == AF_INET && n >= sizeof four) {
		memcpy(&four, bytes, sizeof four);
		words_add(w, "%s:%u", inet_ntop(AF_INET, &four.sin_addr, text, sizeof text),
			  ntohs(four.sin_port));
	} else if (family == AF_INET6 && n >= offsetof(struct sockaddr_in6, sin6_scope_id)) {
		memset(&six, 0, sizeof six);
		memcpy(&six, bytes, n < sizeof six ? n : sizeof six);
		words_add(w, "[%s]:%u", inet_ntop(AF_INET6, &six.sin6_addr, text, sizeof text),
			  ntohs(six.sin6_port));
	} else if (family == AF_UNIX) {
		unix_address(w, bytes, n);
	} else if (family == AF_NETLINK && n >= sizeof link) {
		memcpy(&link, bytes, sizeof link);
		words_add(w, "netlink %u", link.nl_pid);
	} else {
		words_add(w, "family %u", family);
	}
}

int structs_pollfd(const uint8_t *bytes, size_t n, size_t i, int *fd, uint32_t *events)
{
	struct pollfd p;

	if (i >= n / sizeof p)
		return -1;
	memcpy(&p, bytes + i * sizeof p, sizeof p);
	*fd = p.fd;
	*events = (uint16_t)p.events;
	return 0;
}

void structs_pollfds(struct words *w, const uint8_t *bytes, size_t n, uint64_t count)
{
	uint32_t events;
	size_t i;
	int fd;

	words_add(w, "[");
	for (i = 0; i < count && i < STRUCTS_POLL_MAX; i++) {
		if (structs_pollfd(bytes, n, i, &fd, &events))
			break;
		words_add(w, "%s{%d, ", i ? ", " : "", fd);
		names_poll(w, events);
		words_add(w, "}");
	}
	words_add(w, i < count ? ", ...]" : "]");
}

int structs_fdset_has(const uint8_t *bytes, size_t n, uint64_t nfds, int fd)
{
	uint64_t at = (uint64_t)fd;

	return fd >= 0 && at < nfds && at / 8 < n && (bytes[at / 8] >> at % 8 & 1);
}

void structs_fdset(struct words *w, const uint8_t *bytes, size_t n, uint64_t nfds)
{
	const char *between = "";

	words_add(w, "[");
	for (int fd = 0; fd < STRUCTS_FD_MAX; fd++)
		if (structs_fdset_has(bytes, n, nfds, fd)) {
			words_add(w, "%s%d", between, fd);
			between = " ";
		}
	words_add(w, "]");
}

void structs_sembufs(struct words *w, const uint8_t *bytes, size_t n, uint64_t count)
{
	uint64_t i;

	words_add(w, "[");
	for (i = 0; i < count && i < STRUCTS_POLL_MAX && (i + 1) * SEMBUF <= n; i++) {
		uint16_t number, flags;
		int16_t change;

		memcpy(&number, bytes + i * SEMBUF, 2);
		memcpy(&change, bytes + i * SEMBUF + 2, 2);
		memcpy(&flags, bytes + i * SEMBUF + 4, 2);
		words_add(w, "%s{%u, %d", i ? ", " : "", number, change);
		words_add(w, "%s%s}", flags & 0x1000 ? ", SEM_UNDO" : "",
			  flags & 0x800 ? ", IPC_NOWAIT" : "");
	}
	words_add(w, i < count ? ", ...]" : "]");
}

/* short type, short whence, then start and length of 64 bits: asm-generic/fcntl.h */
void structs_flock(struct words *w, const uint8_t bytes[STRUCTS_FLOCK])
{
	static const char *const types[] = {"F_RDLCK", "F_WRLCK", "F_UNLCK"};
	static const char *const whences[] = {"SEEK_SET", "SEEK_CUR", "SEEK_END"};
	uint16_t type, whence;
	int64_t range[2];

	memcpy(&type, bytes, sizeof type);
	memcpy(&whence, bytes + 2, sizeof whence);
	memcpy(range, bytes + 8, sizeof range);
	words_add(w, type < 3 ? "{%s, " : "{%s%u, ", type < 3 ? types[type] : "", type);
	words_add(w, whence < 3 ? "%s, " : "%s%u, ", whence < 3 ? whences[whence] : "", whence);
	words_add(w, "%lld, %lld}", (long long)range[0], (long long)range[1]);
}
