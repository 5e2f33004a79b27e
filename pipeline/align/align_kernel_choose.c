/* Choice of the fast engine's kernel at run time. A kernel is tried once per process before it is
 * trusted: what a processor, an emulator or a hypervisor gets wrong costs speed and a warning, no
 * result. */
#include "pipeline/align/align_strips.h"

#include <stdlib.h>
#include <string.h>

#include "pipeline/core/simd.h"
#include "prof/base/log.h"

/* Lengths of the texts a kernel is tried with: less than a strip, several, and with long gaps. */
#define TRIALS  5
#define LONGEST 400

static uint32_t next_number(uint64_t *state)
{
	/* Knuth, The Art of Computer Programming 2, section 3.3.4: his multiplier; the upper bits */
	*state = *state * UINT64_C(6364136223846793005) + 1;
	return (uint32_t)(*state >> 33);
}

static void make_text(uint64_t seed, char *bytes, size_t n)
{
	static const char letters[] = "ARNDCQEGHILKMFPSTWYVBZX*";

	for (size_t i = 0; i < n; i++)
		bytes[i] = letters[next_number(&seed) % (next_number(&seed) % 8 ? 20 : 24)];
}

/* A relative: letters changed here and there, pieces left out and put in. */
static size_t make_relative(uint64_t seed, const char *from, size_t n, char *bytes)
{
	size_t m = 0;

	for (size_t i = 0; i < n && m < LONGEST; i++) {
		uint32_t dice = next_number(&seed) % 64;

		if (dice == 0)
			i += next_number(&seed) % 24;
		else if (dice == 1)
			for (uint32_t k = next_number(&seed) % 24; k && m + 1 < LONGEST; k--)
				bytes[m++] = "GSTA"[next_number(&seed) % 4];
		if (i < n)
			bytes[m++] = dice < 16 ? "ILVKREDQ"[dice % 8] : from[i];
	}
	return m ? m : 1;
}

static int same_values(const struct align_kernel *k, struct align_workspace *w,
		       struct align_text query, struct align_text ref)
{
	struct align_values a, b;
	struct align_swept swept;

	memset(&a, 0, sizeof a);
	memset(&b, 0xff, sizeof b);
	return align_pair(w, query, ref, &a, NULL) == 0 &&
	       align_strips(k, w, query, ref, &b, &swept, NULL) == 0 &&
	       memcmp(&a, &b, sizeof a) == 0;
}

int align_kernel_agrees(const struct align_kernel *k)
{
	static const size_t lengths[TRIALS] = {LONGEST, 33, 7, 150, 260};
	struct align_workspace *w = align_workspace_new(0);
	int same = w != NULL;

	for (size_t i = 0; same && i < TRIALS; i++) {
		char a[LONGEST] = {0}, b[LONGEST] = {0}, c[LONGEST] = {0};
		struct align_text query = {a, lengths[i]}, relative = {b, 0};
		struct align_text stranger = {c, lengths[TRIALS - 1 - i]};

		make_text(i, a, query.len);
		make_text(i + 2 * TRIALS, c, stranger.len);
		relative.len = make_relative(i + TRIALS, a, query.len, b);
		same = same_values(k, w, query, relative) && same_values(k, w, relative, query) &&
		       same_values(k, w, query, stranger);
	}
	align_workspace_free(w);
	return same;
}

/* From the fastest on. */
static const struct align_kernel *const kernels[] = {&align_kernel_avx512, &align_kernel_avx2};
#define KERNELS (sizeof kernels / sizeof *kernels)

/* Racing threads try it twice and get the same answer. */
static int is_sound(size_t i)
{
	static int kept[KERNELS]; /* 0 not tried, 1 no, 2 yes */
	int answer = __atomic_load_n(&kept[i], __ATOMIC_RELAXED);

	if (answer)
		return answer == 2;
	answer = align_kernel_agrees(kernels[i]) ? 2 : 1;
	if (answer == 1)
		log_warn("alignment: the %s kernel gives wrong values on this processor and is "
			 "not used",
			 kernels[i]->name);
	__atomic_store_n(&kept[i], answer, __ATOMIC_RELAXED);
	return answer == 2;
}

static int is_offered(const struct align_kernel *k, enum simd_level offered, const char *wish)
{
	if (offered == SIMD_PORTABLE || strcmp(wish, "portable") == 0)
		return 0;
	if (k == &align_kernel_avx2)
		return 1;
	return offered >= SIMD_AVX512 && strcmp(wish, "avx2") != 0;
}

const struct align_kernel *align_kernel_choose(void)
{
	const char *wish = getenv("PROTEA_SIMD");
	enum simd_level offered = simd_offered();

	for (size_t i = 0; i < KERNELS; i++)
		if (is_offered(kernels[i], offered, wish ? wish : "") && is_sound(i))
			return kernels[i];
	return NULL;
}
