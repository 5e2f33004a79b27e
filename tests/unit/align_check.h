/* What the tests of the alignment engines share. */
#ifndef TESTS_ALIGN_CHECK_H
#define TESTS_ALIGN_CHECK_H

#include <stdlib.h>
#include <string.h>

#include "pipeline/align/align.h"
#include "tests/unit/numbers.h"

#if defined(__has_feature)
#define TESTS_SANITIZED (__has_feature(address_sanitizer) || __has_feature(thread_sanitizer))
#elif defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define TESTS_SANITIZED 1
#else
#define TESTS_SANITIZED 0
#endif
/* Sanitizers make the loop over cells 5 to 30 times slower. */
#define FEWER (TESTS_SANITIZED ? 5 : 1)

static inline struct align_text text(const char *s)
{
	return (struct align_text){s, strlen(s)};
}

/* Only bits will do; -0.0 cannot occur. */
static inline void assert_same(const struct align_values *a, const struct align_values *b)
{
	const double *x = &a->identity_nw, *y = &b->identity_nw;

	for (size_t i = 0; i < sizeof *a / sizeof *x; i++)
		if (double_bits(x[i]) != double_bits(y[i]))
			fail_msg("value %zu: %.17g is not %.17g", i, x[i], y[i]);
}

static inline char *repeat(char c, size_t n)
{
	char *s = malloc(n + 1);

	memset(s, c, n);
	s[n] = '\0';
	return s;
}

#endif
