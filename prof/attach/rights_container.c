/* Which kind of container a process is in, and we are: by cgroup paths (v1 and v2), the files that engines leave,
 * mounts, and the environment. A guess that only chooses the words of a remedy. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "prof/attach/procmaps.h"
#include "prof/attach/rights.h"

#define ID_MIN 12 /* hexadecimal digits of a container's id, shortened; in full 64 */

static int is_id(const char *text)
{
	return strspn(text, "0123456789abcdef") >= ID_MIN;
}

static int starts(const char *text, size_t len, const char *with)
{
	return len >= strlen(with) && strncmp(text, with, strlen(with)) == 0;
}

/* One folder of a cgroup's path. The engines' own services ("docker.service", "libpod-conmon-…", which watches a
 * container from the host) are no containers. */
static const char *kind_of(const char *part, size_t len)
{
	const char *next = part + len + (part[len] == '/');

	if (memmem(part, len, "kubepods", 8) || starts(part, len, "cri-containerd-"))
		return "kubernetes";
	if (starts(part, len, "libpod_parent") || (starts(part, len, "libpod-") && is_id(part + 7)))
		return "podman";
	if ((len == 6 && starts(part, len, "docker") && is_id(next)) ||
	    (starts(part, len, "docker-") && is_id(part + 7)))
		return "docker";
	if ((len == 3 && starts(part, len, "ecs") && *next && *next != '\n'))
		return "docker"; /* Amazon's: /ecs/TASK/CONTAINER */
	if ((len == 3 && starts(part, len, "lxc") && *next && *next != '\n') ||
	    starts(part, len, "lxc.payload"))
		return "lxc";
	if (starts(part, len, "systemd-nspawn@"))
		return "nspawn";
	if (starts(part, len, "nerdctl-") && is_id(part + 8))
		return "containerd";
	return "";
}

/* The paths begin after the second colon of a line. A pod's containers are docker's or containerd's too: the pod
 * is what counts. */
const char *rights_container_of(const char *cgroup_text)
{
	const char *found = "";

	while (*cgroup_text) {
		const char *end = strchrnul(cgroup_text, '\n');
		const char *at = memchr(cgroup_text, ':', (size_t)(end - cgroup_text));

		at = at ? memchr(at + 1, ':', (size_t)(end - at - 1)) : NULL;
		while (at && at < end) {
			size_t len = strcspn(at + 1, "/\n");
			const char *kind = kind_of(at + 1, len);

			if (strcmp(kind, "kubernetes") == 0)
				return kind;
			if (!*found)
				found = kind;
			at += 1 + len;
		}
		cgroup_text = *end ? end + 1 : end;
	}
	return found;
}

/* Files that an engine binds into its containers: their sources tell which one. */
static const char *by_mounts(void)
{
	char text[65536];

	if (procfile_read(text, sizeof text, "/proc/self/mountinfo") <= 0)
		return "";
	if (strstr(text, "/var/lib/kubelet/pods/"))
		return "kubernetes";
	if (strstr(text, "/docker/containers/"))
		return "docker";
	if (strstr(text, "/overlay-containers/"))
		return "podman";
	return strstr(text, " - fuse.lxcfs ") ? "lxc" : "";
}

const char *rights_where(void)
{
	const char *env = getenv("container"); /* systemd's container interface */
	char text[8192];
	const char *kind = "";

	if (getenv("KUBERNETES_SERVICE_HOST") ||
	    access("/var/run/secrets/kubernetes.io", F_OK) == 0)
		return "kubernetes";
	if (procfile_read(text, sizeof text, "/proc/self/cgroup") > 0)
		kind = rights_container_of(text);
	if (!*kind)
		kind = by_mounts();
	if (*kind)
		return kind;
	if (access("/run/.containerenv", F_OK) == 0)
		return "podman";
	if (access("/.dockerenv", F_OK) == 0)
		return "docker";
	if (!env || !*env)
		return "";
	if (strcmp(env, "systemd-nspawn") == 0)
		return "nspawn";
	return strcmp(env, "podman") == 0 || strcmp(env, "oci") == 0 ? "podman"
	       : strncmp(env, "lxc", 3) == 0                         ? "lxc"
	       : strcmp(env, "docker") == 0                          ? "docker"
								     : "container";
}
