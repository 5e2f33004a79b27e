/* What the machine does beside a command: see gate_noise.h. */
#include "prof/cli/gate_noise.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "prof/attach/procmaps.h"
#include "prof/base/clock.h"

enum { USER, NICE, SYSTEM, IDLE, IOWAIT, IRQ, SOFTIRQ, STEAL, FIELDS };

/* "cpu  1 2 3 …": ticks of all CPUs; a guest's are in user's. */
static void parse_stat(struct gate_machine *m, const char *text, int64_t tick_ns)
{
	uint64_t v[FIELDS] = {0};
	int n;

	if (strncmp(text, "cpu ", 4) != 0)
		return;
	n = sscanf(text + 4,
		   "%" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64
		   " %" SCNu64 " %" SCNu64,
		   &v[USER], &v[NICE], &v[SYSTEM], &v[IDLE], &v[IOWAIT], &v[IRQ], &v[SOFTIRQ],
		   &v[STEAL]);
	for (int i = 0; i < FIELDS; i++)
		if (v[i] > (uint64_t)(INT64_MAX / 8 / tick_ns))
			return;
	if (n > SOFTIRQ)
		m->busy_ns =
			tick_ns * (int64_t)(v[USER] + v[NICE] + v[SYSTEM] + v[IRQ] + v[SOFTIRQ]);
	if (n > STEAL)
		m->steal_ns = tick_ns * (int64_t)v[STEAL];
}

/* "some avg10=… total=MICROSECONDS". */
static void parse_pressure(struct gate_machine *m, const char *text)
{
	const char *total;
	char *end;
	unsigned long long us;

	if (strncmp(text, "some ", 5) != 0)
		return;
	total = strstr(text, "total=");
	if (!total || total[6] < '0' || total[6] > '9')
		return;
	us = strtoull(total + 6, &end, 10);
	if (us <= INT64_MAX / 1000)
		m->waited_ns = (int64_t)us * 1000;
}

void gate_machine_parse(struct gate_machine *m, const char *stat, const char *pressure,
			const char *loadavg, int64_t tick_ns)
{
	char *end;

	*m = (struct gate_machine){.busy_ns = -1, .steal_ns = -1, .waited_ns = -1, .load = -1};
	parse_stat(m, stat, tick_ns);
	parse_pressure(m, pressure);
	if (*loadavg >= '0' && *loadavg <= '9') {
		m->load = strtod(loadavg, &end);
		if (!isfinite(m->load) || *end != ' ')
			m->load = -1;
	}
}

void gate_machine_read(struct gate_machine *m)
{
	static const char *const names[] = {"/proc/stat", "/proc/pressure/cpu", "/proc/loadavg"};
	long hz = sysconf(_SC_CLK_TCK);
	char text[3][1024];

	for (int i = 0; i < 3; i++)
		if (procfile_read(text[i], sizeof text[i], names[i]) < 0)
			text[i][0] = '\0';
	gate_machine_parse(m, text[0], text[1], text[2], hz > 0 ? 1000000000 / hz : 10000000);
	m->mono_ns = clock_mono_ns();
}

/* Ticks of several CPUs are not counted at one moment: a part may come out beyond its ends. */
static double part(double value, double of)
{
	return of <= 0 ? -1 : value < 0 ? 0 : value > of ? 1 : value / of;
}

void gate_noise_between(struct gate_noise *noise, const struct gate_machine *from,
			const struct gate_machine *to, int64_t own_ns, unsigned cpus)
{
	double wall = (double)(to->mono_ns - from->mono_ns), all = wall * cpus;

	noise->others = noise->steal = noise->pressure = -1;
	noise->load = to->load;
	if (from->busy_ns >= 0 && to->busy_ns >= from->busy_ns)
		noise->others = part((double)(to->busy_ns - from->busy_ns) - (double)own_ns, all);
	if (from->steal_ns >= 0 && to->steal_ns >= from->steal_ns)
		noise->steal = part((double)(to->steal_ns - from->steal_ns), all);
	if (from->waited_ns >= 0 && to->waited_ns >= from->waited_ns)
		noise->pressure = part((double)(to->waited_ns - from->waited_ns), wall);
}

double gate_noise_part(const struct gate_noise *noise)
{
	double sum = noise->others + (noise->steal > 0 ? noise->steal : 0);

	return noise->others < 0 ? -1 : sum > 1 ? 1 : sum;
}

int gate_noise_differs(const struct gate_exec_run *a, const struct gate_exec_run *b, unsigned cpus)
{
	double x = gate_noise_part(&a->noise), y = gate_noise_part(&b->noise);
	double shorter = (double)(a->wall_ns < b->wall_ns ? a->wall_ns : b->wall_ns);

	return x >= 0 && y >= 0 && fabs(x - y) >= GATE_NOISE_PART &&
	       fabs(x - y) * cpus * shorter >= (double)GATE_NOISE_NS;
}
