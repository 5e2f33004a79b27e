/* UUIDs, stamps and decimals: see text.h. JSON is in json.c. Nothing here depends on the locale. */
#include "pipeline/core/text.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

/* ---- UUIDs ------------------------------------------------------------------------------------ */

static int is_dash_place(size_t i)
{
	return i == 8 || i == 13 || i == 18 || i == 23;
}

int uuid_normalise(const char *text, char out[UUID_TEXT])
{
	char fresh[UUID_TEXT];
	size_t i;

	for (i = 0; i < UUID_TEXT - 1; i++) {
		char c = text[i];

		if (c >= 'A' && c <= 'F')
			c = (char)(c - 'A' + 'a');
		if (is_dash_place(i) ? c != '-'
				     : !((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f')))
			return ERR_ARG;
		fresh[i] = c;
	}
	if (text[i] != '\0')
		return ERR_ARG;
	fresh[i] = '\0';
	memcpy(out, fresh, UUID_TEXT);
	return 0;
}

int uuid_random(char out[UUID_TEXT])
{
	unsigned char b[16];
	ssize_t n;

	do {
		n = getrandom(b, sizeof b, 0); /* up to 256 bytes come whole */
	} while (n < 0 && errno == EINTR);
	if (n != (ssize_t)sizeof b)
		return ERR_IO;
	b[6] = (unsigned char)((b[6] & 0x0f) | 0x40); /* version 4, RFC 4122 */
	b[8] = (unsigned char)((b[8] & 0x3f) | 0x80);
	snprintf(out, UUID_TEXT,
		 "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", b[0], b[1],
		 b[2], b[3], b[4], b[5], b[6], b[7], b[8], b[9], b[10], b[11], b[12], b[13], b[14],
		 b[15]);
	return 0;
}

/* ---- stamps ----------------------------------------------------------------------------------- */

#define NS_PER_S 1000000000

void stamp_format(int64_t unix_ns, char out[STAMP_TEXT])
{
	int64_t s = unix_ns / NS_PER_S, ns = unix_ns % NS_PER_S;
	struct tm tm = {0};
	time_t t;

	if (ns < 0) {
		ns += NS_PER_S;
		s--;
	}
	t = (time_t)s;
	gmtime_r(&t, &tm);
	/* int64 nanoseconds span the years 1677 to 2262; the remainders only tell the compiler. */
	snprintf(out, STAMP_TEXT, "%04u-%02u-%02uT%02u:%02u:%02u.%06uZ",
		 (unsigned)(tm.tm_year + 1900) % 10000, (unsigned)(tm.tm_mon + 1) % 100,
		 (unsigned)tm.tm_mday % 100, (unsigned)tm.tm_hour % 100, (unsigned)tm.tm_min % 100,
		 (unsigned)tm.tm_sec % 100, (unsigned)(ns / 1000) % 1000000);
}

/* Exactly `n` digits at *p, which moves on; -1 if they are not there. */
static int digits(const char **p, int n)
{
	int v = 0;

	while (n-- > 0) {
		if (**p < '0' || **p > '9')
			return -1;
		v = v * 10 + (*(*p)++ - '0');
	}
	return v;
}

static int literal(const char **p, const char *any)
{
	if (**p == '\0' || !strchr(any, **p))
		return 0;
	(*p)++;
	return 1;
}

/* Digits after the point as nanoseconds, further ones cut; -1 if there is none. */
static int64_t fraction(const char **p)
{
	int64_t ns = 0, unit = NS_PER_S / 10;

	if (**p < '0' || **p > '9')
		return -1;
	for (; **p >= '0' && **p <= '9'; (*p)++) {
		ns += (**p - '0') * unit;
		unit /= 10;
	}
	return ns;
}

/* Seconds east of UTC of "Z", "+HH:MM", "-HH:MM" or nothing; 0 or ERR_FORMAT. */
static int zone(const char **p, int *offset_s)
{
	int sign = **p == '-' ? -1 : 1, h, m;

	*offset_s = 0;
	if (**p == '\0' || literal(p, "Z"))
		return 0;
	if (!literal(p, "+-"))
		return ERR_FORMAT;
	h = digits(p, 2);
	if (!literal(p, ":"))
		return ERR_FORMAT;
	m = digits(p, 2);
	if (h < 0 || h > 23 || m < 0 || m > 59)
		return ERR_FORMAT;
	*offset_s = sign * (h * 3600 + m * 60);
	return 0;
}

/* The civil part; 0 or ERR_FORMAT. Days that no month has are refused. */
static int civil(const char **p, time_t *t)
{
	struct tm tm = {0}, want;
	int ok;

	tm.tm_year = digits(p, 4) - 1900;
	ok = literal(p, "-");
	tm.tm_mon = digits(p, 2) - 1;
	ok = ok && literal(p, "-");
	tm.tm_mday = digits(p, 2);
	ok = ok && literal(p, "T ");
	tm.tm_hour = digits(p, 2);
	ok = ok && literal(p, ":");
	tm.tm_min = digits(p, 2);
	ok = ok && literal(p, ":");
	tm.tm_sec = digits(p, 2);
	if (!ok || tm.tm_sec < 0 || tm.tm_year < 1 - 1900)
		return ERR_FORMAT;
	want = tm;
	*t = timegm(&tm);
	return tm.tm_year == want.tm_year && tm.tm_mon == want.tm_mon &&
			       tm.tm_mday == want.tm_mday && tm.tm_hour == want.tm_hour &&
			       tm.tm_min == want.tm_min && tm.tm_sec == want.tm_sec
		       ? 0
		       : ERR_FORMAT;
}

int stamp_parse(const char *text, int64_t *unix_ns)
{
	int64_t ns = 0, total;
	int offset_s;
	time_t t;

	if (civil(&text, &t) != 0)
		return ERR_FORMAT;
	if (literal(&text, "."))
		ns = fraction(&text);
	if (ns < 0 || zone(&text, &offset_s) != 0 || *text != '\0')
		return ERR_FORMAT;
	if (__builtin_mul_overflow((int64_t)t - offset_s, (int64_t)NS_PER_S, &total) ||
	    __builtin_add_overflow(total, ns, &total))
		return ERR_FORMAT;
	*unix_ns = total;
	return 0;
}

/* ---- decimals --------------------------------------------------------------------------------- */

/* A decimal taken apart: 0.d1d2d3… times 10^point. */
struct decimal {
	char digits[24];
	int n;
	int point;
};

/* Splits what "%.*e" wrote, whatever the locale's decimal point. */
static void take_apart(const char *text, struct decimal *d)
{
	const char *p = text;

	d->n = 0;
	for (; *p && *p != 'e'; p++)
		if (*p >= '0' && *p <= '9' && d->n < (int)sizeof d->digits)
			d->digits[d->n++] = *p;
	d->point = (*p == 'e' ? (int)strtol(p + 1, NULL, 10) : 0) + 1;
	while (d->n > 1 && d->digits[d->n - 1] == '0')
		d->n--;
}

/* Adds one to the last digit of "d.ddde±x". */
static void bump(char *text)
{
	char *p = strchr(text, 'e');

	while (p && p-- > text) {
		if (*p < '0' || *p > '9')
			continue;
		if (*p != '9') {
			(*p)++;
			return;
		}
		*p = '0';
	}
}

/* Does "%.*e" with so many digits restore `v`? The gap below a power of two is half of that above,
 * so there the nearest decimal may fall out below while the next one up still reads back. */
static int restores(double v, int n_digits, char text[64])
{
	int exponent;

	snprintf(text, 64, "%.*e", n_digits - 1, v);
	if (strtod(text, NULL) == v)
		return 1;
	if (frexp(v, &exponent) != 0.5)
		return 0;
	bump(text);
	return strtod(text, NULL) == v;
}

/* The fewest digits that read back as `v` (v > 0, finite); 17 always do. 15 digits survive text ->
 * normal double -> text, so the search starts there; subnormals have fewer. */
static void shortest_digits(double v, struct decimal *d)
{
	char text[64];
	int n = v < 0x1p-1022 ? 1 : 15;

	while (n < 17 && !restores(v, n, text))
		n++;
	if (n == 17)
		snprintf(text, sizeof text, "%.16e", v);
	take_apart(text, d);
}

static char *put_zeros(char *out, int n)
{
	while (n-- > 0)
		*out++ = '0';
	return out;
}

static char *put_digits(char *out, const struct decimal *d, int from, int to)
{
	for (; from < to; from++)
		*out++ = from < d->n ? d->digits[from] : '0';
	return out;
}

/* "e-07", "e+16", "e+308" and the final NUL. */
static void put_exponent(char *out, int exponent)
{
	unsigned e = (unsigned)abs(exponent);

	*out++ = 'e';
	*out++ = exponent < 0 ? '-' : '+';
	if (e >= 100)
		*out++ = (char)('0' + e / 100);
	*out++ = (char)('0' + e / 10 % 10);
	*out++ = (char)('0' + e % 10);
	*out = '\0';
}

void double_shortest(double v, char out[DOUBLE_TEXT])
{
	struct decimal d = {.digits = "0", .n = 1, .point = 1};

	if (signbit(v))
		*out++ = '-';
	if (v != 0)
		shortest_digits(fabs(v), &d);
	if (d.point <= -4 || d.point > 16) { /* Python's float_repr_style "short" */
		*out++ = d.digits[0];
		if (d.n > 1)
			*out++ = '.';
		out = put_digits(out, &d, 1, d.n);
		put_exponent(out, d.point - 1);
		return;
	}
	if (d.point <= 0) {
		*out++ = '0';
		*out++ = '.';
		out = put_zeros(out, -d.point);
		out = put_digits(out, &d, 0, d.n);
	} else {
		out = put_digits(out, &d, 0, d.point);
		*out++ = '.';
		out = put_digits(out, &d, d.point, d.n > d.point ? d.n : d.point + 1);
	}
	*out = '\0';
}

/* ---- UTF-8 ------------------------------------------------------------------------------------ */

/* Bytes of the valid sequence at `p` (RFC 3629: no overlong forms, no surrogates), 0 if none. */
static size_t utf8_sequence(const unsigned char *p)
{
	unsigned char low = 0x80, high = 0xbf;
	size_t n, i;

	if (p[0] < 0x80)
		return 1;
	if (p[0] < 0xc2 || p[0] > 0xf4)
		return 0;
	n = p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;
	if (p[0] == 0xe0)
		low = 0xa0;
	else if (p[0] == 0xed)
		high = 0x9f;
	else if (p[0] == 0xf0)
		low = 0x90;
	else if (p[0] == 0xf4)
		high = 0x8f;
	if (p[1] < low || p[1] > high)
		return 0;
	for (i = 2; i < n; i++)
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	return n;
}

char *text_utf8(const char *text)
{
	char *copy = strdup(text);
	char *p = copy;

	while (p && *p) {
		size_t n = utf8_sequence((const unsigned char *)p);

		if (n == 0)
			*p = '?';
		p += n ? n : 1;
	}
	return copy;
}
