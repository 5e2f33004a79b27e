/* Sockets of a network namespace: see waits_net.h. Formats: net/ipv4/tcp_ipv4.c, net/ipv6/tcp_ipv6.c, net/unix/af_unix.c. */
#include "prof/attach/waits_net.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <linux/unix_diag.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define FILE_MAX_BYTES                                                                             \
	((size_t)8 << 20) /* about 50,000 sockets; reading more would take too long */
#define PIECE         65536
#define TCP_LISTENING 10
#define TCP_CONNECTED 1

static const char *const files[NET_FILES] = {"net/tcp", "net/tcp6", "net/udp", "net/udp6",
					     "net/raw", "net/raw6", "net/unix"};

/* `digits` hexadecimal digits in groups of eight, each a word in the machine's order. */
static int address(const char **text, uint8_t *out, int words)
{
	for (int i = 0; i < words; i++) {
		uint32_t word = 0;

		for (int k = 0; k < 8; k++) {
			char c = *(*text)++;
			int digit = c >= '0' && c <= '9'   ? c - '0'
				    : c >= 'A' && c <= 'F' ? c - 'A' + 10
							   : -1;

			if (digit < 0)
				return -1;
			word = word << 4 | (uint32_t)digit;
		}
		memcpy(out + 4 * i, &word, sizeof word);
	}
	return 0;
}

/* "0100007F:1538" */
static int endpoint(const char **text, uint8_t *out, int words, uint16_t *port)
{
	char *end;
	unsigned long n;

	*text += strspn(*text, " ");
	if (address(text, out, words) || *(*text)++ != ':')
		return -1;
	n = strtoul(*text, &end, 16);
	if (end == *text || n > UINT16_MAX)
		return -1;
	*port = (uint16_t)n;
	*text = end;
	return 0;
}

static const char *skip_fields(const char *text, int n)
{
	for (; n > 0; n--) {
		text += strspn(text, " ");
		text += strcspn(text, " ");
	}
	return text;
}

/* "  0: LOCAL:PORT REMOTE:PORT ST TX:RX TR:WHEN RETRNSMT UID TIMEOUT INODE …" */
static int inet_line(struct net_socket *s, const char *line)
{
	int six = s->file == NET_TCP6 || s->file == NET_UDP6 || s->file == NET_RAW6;
	const char *at = strchr(line, ':');
	char *end;

	if (!at)
		return -1;
	at++;
	s->family = six ? AF_INET6 : AF_INET;
	if (endpoint(&at, s->local, six ? 4 : 1, &s->local_port) ||
	    endpoint(&at, s->remote, six ? 4 : 1, &s->remote_port))
		return -1;
	s->state = (uint32_t)strtoul(at, &end, 16);
	if (end == at)
		return -1;
	at = skip_fields(end, 5);
	s->inode = strtoull(at, &end, 10);
	return end == at ? -1 : 0;
}

/* "0000000000000000: REFS PROTOCOL FLAGS TYPE ST INODE PATH" */
static int unix_line(struct net_socket *s, const char *line)
{
	unsigned long flags, type, state;
	unsigned long long inode;
	int n = 0;
	struct words w;

	if (sscanf(line, "%*x: %*x %*x %lx %lx %lx %llu%n", &flags, &type, &state, &inode, &n) !=
		    4 ||
	    !n)
		return -1;
	s->family = AF_UNIX;
	s->inode = inode;
	s->state = (uint32_t)state;
	s->type = (uint32_t)type;
	s->listening = (flags & 0x10000) != 0;
	words_init(&w, s->path, sizeof s->path);
	if (line[n] == ' ')
		words_text(&w, line + n + 1, strcspn(line + n + 1, "\n"));
	words_end(&w);
	return 0;
}

int net_line(struct net_socket *s, enum net_file file, const char *line)
{
	memset(s, 0, sizeof *s);
	s->file = file;
	return file == NET_UNIX ? unix_line(s, line) : inet_line(s, line);
}

static void inet_words(struct words *w, const struct net_socket *s, const uint8_t *bytes,
		       uint16_t port)
{
	char text[INET6_ADDRSTRLEN];

	words_add(w, s->family == AF_INET6 ? "[%s]:%u" : "%s:%u",
		  inet_ntop(s->family, bytes, text, sizeof text) ? text : "?", port);
}

static void unix_words(struct words *w, const struct net_socket *s)
{
	words_add(w, "unix socket");
	if (s->path[0])
		words_add(w, " %s", s->path);
	if (s->listening)
		words_add(w, " (listening)");
}

void net_words(struct words *w, const struct net_socket *s)
{
	static const char *const names[] = {"TCP", "TCP", "UDP", "UDP", "raw", "raw"};
	static const char *const states[] = {
		"",          "",        "connecting", "connecting",         "closing",
		"closing",   "closing", "closed",     "closed by the peer", "closing",
		"listening", "closing", "connecting"};
	int tcp = s->file == NET_TCP || s->file == NET_TCP6;

	if (s->file == NET_UNIX) {
		unix_words(w, s);
		return;
	}
	words_add(w, "%s ", names[s->file]);
	if (s->remote_port || (tcp && s->state == TCP_CONNECTED)) {
		inet_words(w, s, s->remote, s->remote_port);
		words_add(w, " from ");
	}
	inet_words(w, s, s->local, s->local_port);
	if (tcp && s->state < sizeof states / sizeof *states && *states[s->state])
		words_add(w, " (%s)", states[s->state]);
}

/* The lines of a file one after the other, until one is the socket's. */
static int search(struct net_socket *s, const struct proc *p, enum net_file file, uint64_t inode)
{
	int fd = proc_openat(p, files[file], O_RDONLY | O_CLOEXEC), found = -1;
	size_t have = 0, total = 0;
	char *piece = fd < 0 ? NULL : malloc(PIECE + 1);
	ssize_t n;

	while (piece && found && total < FILE_MAX_BYTES &&
	       (n = read(fd, piece + have, PIECE - have)) > 0) {
		char *line = piece, *end;

		have += (size_t)n;
		total += (size_t)n;
		piece[have] = '\0';
		for (; found && (end = memchr(line, '\n', (size_t)(piece + have - line)));
		     line = end + 1) {
			*end = '\0';
			found = net_line(s, file, line) || s->inode != inode ? -1 : 0;
		}
		have = (size_t)(piece + have - line);
		if (have == PIECE)
			break; /* a line of that length is none */
		memmove(piece, line, have);
	}
	free(piece);
	if (fd >= 0)
		(void)close(fd);
	return found;
}

int net_find(struct net_socket *s, const struct proc *p, uint64_t inode, const char *protocol)
{
	static const struct {
		const char *name;
		unsigned files;
	} of[] = {
		{"TCPv6", 1u << NET_TCP6}, {"TCP", 1u << NET_TCP},    {"UDPv6", 1u << NET_UDP6},
		{"UDP", 1u << NET_UDP},    {"RAWv6", 1u << NET_RAW6}, {"RAW", 1u << NET_RAW},
		{"UNIX", 1u << NET_UNIX},
	};
	unsigned look = *protocol ? 0 : (1u << NET_FILES) - 1;

	for (size_t i = 0; i < sizeof of / sizeof *of && !look; i++)
		if (strncmp(protocol, of[i].name, strlen(of[i].name)) == 0)
			look = of[i].files;
	for (int i = 0; i < NET_FILES; i++)
		if (look >> i & 1 && search(s, p, (enum net_file)i, inode) == 0)
			return 0;
	return -1;
}

/* ---- the other end of a unix socket: only the kernel's socket diagnosis knows ---- */

struct peer_request {
	struct nlmsghdr head;
	struct unix_diag_req body;
};

static int same_namespace(const struct proc *p)
{
	char theirs[64], ours[64];
	long a = proc_readlink(p, "ns/net", theirs, sizeof theirs);
	long b = readlink("/proc/self/ns/net", ours, sizeof ours);

	return a > 0 && a == b && memcmp(theirs, ours, (size_t)a) == 0;
}

static uint64_t peer_of_answer(const uint8_t *bytes, size_t n)
{
	const size_t head =
		NLMSG_ALIGN(sizeof(struct nlmsghdr)) + NLMSG_ALIGN(sizeof(struct unix_diag_msg));
	struct nlmsghdr message;
	struct nlattr attr;
	uint32_t peer;

	if (n < head)
		return 0;
	memcpy(&message, bytes, sizeof message);
	if (message.nlmsg_type != SOCK_DIAG_BY_FAMILY)
		return 0;
	for (size_t at = head; at + sizeof attr <= n; at += (size_t)NLA_ALIGN(attr.nla_len)) {
		memcpy(&attr, bytes + at, sizeof attr);
		if (attr.nla_len < sizeof attr)
			return 0;
		if (attr.nla_type == UNIX_DIAG_PEER && at + sizeof attr + sizeof peer <= n) {
			memcpy(&peer, bytes + at + sizeof attr, sizeof peer);
			return peer;
		}
	}
	return 0;
}

uint64_t net_unix_peer(const struct proc *p, uint64_t inode)
{
	struct peer_request request = {
		.head = {.nlmsg_len = sizeof request,
			 .nlmsg_type = SOCK_DIAG_BY_FAMILY,
			 .nlmsg_flags = NLM_F_REQUEST},
		.body = {.sdiag_family = AF_UNIX,
			 .udiag_states = UINT32_MAX,
			 .udiag_ino = (uint32_t)inode,
			 .udiag_show = UDIAG_SHOW_PEER,
			 .udiag_cookie = {UINT32_MAX, UINT32_MAX}},
	};
	_Alignas(8) uint8_t answer[1024];
	ssize_t n = -1;
	int fd;

	if (inode > UINT32_MAX || !same_namespace(p))
		return 0;
	fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
	if (fd < 0)
		return 0;
	if (send(fd, &request, sizeof request, 0) == (ssize_t)sizeof request)
		n = recv(fd, answer, sizeof answer, MSG_DONTWAIT); /* it answers within send() */
	(void)close(fd);
	return n > 0 ? peer_of_answer(answer, (size_t)n) : 0;
}
