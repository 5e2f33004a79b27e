/* Sockets of a network namespace, out of the text of /proc/PID/net/{tcp,tcp6,udp,udp6,raw,raw6,unix,netlink,packet}. The
 * parsers take any bytes and do no I/O. */
#ifndef ATTACH_WAITS_NET_H
#define ATTACH_WAITS_NET_H

#include <stdint.h>

#include "prof/attach/proc.h"
#include "prof/attach/waits_words.h"

enum net_file { NET_TCP, NET_TCP6, NET_UDP, NET_UDP6, NET_RAW, NET_RAW6, NET_UNIX, NET_FILES };

struct net_socket {
	uint64_t inode;
	enum net_file file;
	uint32_t state; /* TCP_ESTABLISHED… of tcp_states.h; SS_* of a unix socket */
	uint32_t type;  /* unix: SOCK_* */
	int listening;  /* unix: __SO_ACCEPTCON */
	int family;     /* AF_INET, AF_INET6, AF_UNIX */
	uint8_t local[16], remote[16];
	uint16_t local_port, remote_port;
	char path[108]; /* unix, "@name" if not in the file system */
};

/* One line; 0, or -1: it is no socket's (a heading, nonsense). */
int net_line(struct net_socket *s, enum net_file file, const char *line);
/* "TCP 127.0.0.1:5432 from 127.0.0.1:40112", "TCP 0.0.0.0:80 (listening)", "unix socket /run/x (listening)" */
void net_words(struct words *w, const struct net_socket *s);

/* The socket with that inode in the namespace of `p`. `protocol` is what sockets call theirs ("TCP", "UNIX-STREAM"), or ""
 * to look everywhere. 0, or -1: not found. */
int net_find(struct net_socket *s, const struct proc *p, uint64_t inode, const char *protocol);
/* Inode of the unix socket that `inode` is connected to, where `p` is in our network namespace; 0: not known. */
uint64_t net_unix_peer(const struct proc *p, uint64_t inode);

#endif
