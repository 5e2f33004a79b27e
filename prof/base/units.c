/* Numbers as people read them: see units.h. */
#include "prof/base/units.h"
#include "prof/base/err.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

char *units_ns(char out[UNITS_TEXT], int64_t ns)
{
	double v = (double)ns, a = fabs(v);
	int64_t s;

	/* Each unit ends where three digits would round up into the next. */
	if (a < 1e3)
		snprintf(out, UNITS_TEXT, "%" PRId64 " ns", ns);
	else if (a < 999.5e3)
		snprintf(out, UNITS_TEXT, "%.3g us", v / 1e3);
	else if (a < 999.5e6)
		snprintf(out, UNITS_TEXT, "%.3g ms", v / 1e6);
	else if (a < 99.95e9)
		snprintf(out, UNITS_TEXT, "%.3g s", v / 1e9);
	else {
		s = (int64_t)llround(v / 1e9);
		if (llabs(s) < 3600)
			snprintf(out, UNITS_TEXT, "%" PRId64 " min %02d s", s / 60,
				 (int)llabs(s % 60));
		else
			snprintf(out, UNITS_TEXT, "%" PRId64 " h %02d min", s / 3600,
				 (int)llabs(s % 3600 / 60));
	}
	return out;
}

char *units_bytes(char out[UNITS_TEXT], uint64_t bytes)
{
	static const char *const names[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
	double v = (double)bytes;
	size_t i = 0;

	while (v >= 1023.95 && i + 1 < sizeof names / sizeof names[0]) {
		v /= 1024;
		i++;
	}
	if (i == 0)
		snprintf(out, UNITS_TEXT, "%" PRIu64 " B", bytes);
	else
		snprintf(out, UNITS_TEXT, "%.1f %s", v, names[i]);
	return out;
}

char *units_pct(char out[UNITS_TEXT], double part, double whole)
{
	if (whole > 0)
		snprintf(out, UNITS_TEXT, "%.1f %%", 100.0 * part / whole);
	else
		snprintf(out, UNITS_TEXT, "-");
	return out;
}

char *units_count(char out[UNITS_TEXT], uint64_t n)
{
	char digits[UNITS_TEXT];
	size_t len = (size_t)snprintf(digits, sizeof digits, "%" PRIu64, n);
	size_t i, o = 0;

	for (i = 0; i < len; i++) {
		if (i && (len - i) % 3 == 0)
			out[o++] = ',';
		out[o++] = digits[i];
	}
	out[o] = '\0';
	return out;
}

int units_parse_bytes(const char *text, uint64_t *bytes)
{
	static const char letters[] = "KMGT";
	const char *hit;
	double v, unit = 1;
	char *end;

	errno = 0;
	v = strtod(text, &end);
	if (end == text || errno || !(v >= 0) || !isfinite(v))
		return ERR_ARG;
	while (*end == ' ')
		end++;
	if (*end && (hit = strchr(letters, *end & ~0x20)) != NULL && *hit) {
		double base = (end[1] == 'B' && !end[2]) ? 1000 : 1024;

		unit = pow(base, (double)(hit - letters) + 1);
		end++;
		if (*end == 'i')
			end++;
	}
	if (*end == 'B')
		end++;
	if (*end || v * unit >= 1.8e19)
		return ERR_ARG;
	*bytes = (uint64_t)(v * unit);
	return 0;
}
