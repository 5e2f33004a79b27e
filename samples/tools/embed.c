/* embed: stand-in embeddings of proteins, for those who have no language model at hand.
 *
 *   embed --model NAME [--workers N] [--dim N] PROTEINS.fasta OUT.npy
 *
 * A vector is the random projection of the set of 3-mers of a sequence: each 3-mer owns a row of +w
 * and -w (signs and w = 1, 2, 3 drawn from a hash of model and 3-mer), the rows of the 3-mers that
 * occur are added and the sum is scaled to length 1. Related sequences share 3-mers and get near
 * vectors; each model weighs 3-mers its own way. Sums are integers, so the float16 results are the
 * same on every machine and for any number of workers. Writes OUT.npy and OUT.txt (accessions). */
#include <getopt.h>
#include <math.h>

#include "pipeline/bundle/fasta.h"
#include "pipeline/core/fsio.h"
#include "pipeline/core/half.h"
#include "pipeline/core/npy.h"
#include "pipeline/core/workers.h"
#include "samples/tools/tool.h"

#define LETTERS 21 /* the twenty amino acids, and everything else */
#define WORDS   (LETTERS * LETTERS * LETTERS)
#define BATCH   4096 /* proteins in memory as vectors */
#define SHARE   64   /* proteins handed to a thread at a time */

static const char *const tool = "embed";

/* Dimensions of the checkpoints that the grid names. */
static const struct {
	const char *name;
	size_t dim;
} models[] = {
	{"esm2_150m", 640}, {"esm2_650m", 1280}, {"esm2_3b", 2560},    {"prot_t5", 1024},
	{"prostt5", 1024},  {"ankh_base", 768},  {"ankh_large", 1536}, {"esmc_600m", 1152},
};

struct embed {
	size_t dim;
	int8_t *rows; /* WORDS x dim */
	struct buf residues;
	size_t *start; /* of each protein in residues; n + 1 of them */
	size_t cap, n;
	struct buf names;
	uint16_t *out; /* BATCH x dim */
	size_t first;  /* protein of the batch's first vector */
	int16_t *sums; /* one row of dim per worker */
	uint8_t *seen; /* one row of WORDS per worker */
};

static void make_rows(struct embed *e, const char *model)
{
	uint64_t seed = hash_bytes(model, strlen(model), 3);

	e->rows = tool_zeroed(tool, WORDS * e->dim, 1);
	for (size_t w = 0; w < WORDS; w++) {
		uint64_t word = hash_u64(seed + w);
		int8_t weight = (int8_t)(1 + word % 3);

		for (size_t i = 0; i < e->dim; i++) {
			uint64_t bits = hash_u64(word + i / 64);

			e->rows[w * e->dim + i] = bits >> (i % 64) & 1 ? weight : (int8_t)-weight;
		}
	}
}

static size_t letter(char c)
{
	static const char order[] = "ACDEFGHIKLMNPQRSTVWY";
	const char *at = c ? strchr(order, c & ~0x20) : NULL;

	return at ? (size_t)(at - order) : LETTERS - 1;
}

static int add_record(void *ctx, const struct fasta_record *r, struct err *err)
{
	struct embed *e = ctx;

	e->start = tool_grow(tool, e->start, &e->cap, e->n + 2, sizeof *e->start);
	e->start[e->n] = e->residues.len;
	for (size_t i = 0; i < r->n_residues; i++)
		buf_putc(&e->residues, (char)letter(r->residues[i]));
	e->start[++e->n] = e->residues.len;
	buf_puts(&e->names, r->accession);
	if (buf_putc(&e->names, '\n') < 0 || buf_failed(&e->residues))
		return err_nomem(err, "sequences");
	return 0;
}

/* Adds the row of every 3-mer once. At most WORDS rows of at most 3: an int16 holds the sum. */
static void add_words(const struct embed *e, size_t protein, int16_t *sum, uint8_t *seen)
{
	const char *s = e->residues.data + e->start[protein];
	size_t len = e->start[protein + 1] - e->start[protein];

	memset(sum, 0, e->dim * sizeof *sum);
	memset(seen, 0, WORDS);
	for (size_t i = 0; i < len; i++) {
		size_t a = (size_t)s[i], b = i + 1 < len ? (size_t)s[i + 1] : LETTERS - 1;
		size_t c = i + 2 < len ? (size_t)s[i + 2] : LETTERS - 1;
		size_t word = (a * LETTERS + b) * LETTERS + c;
		const int8_t *row = e->rows + word * e->dim;

		if (seen[word])
			continue;
		seen[word] = 1;
		for (size_t j = 0; j < e->dim; j++)
			sum[j] = (int16_t)(sum[j] + row[j]);
	}
}

static int embed_share(void *ctx, size_t worker, size_t item, struct err *err)
{
	struct embed *e = ctx;
	int16_t *sum = e->sums + worker * e->dim;
	size_t to = (item + 1) * SHARE;

	(void)err;
	if (to > e->n - e->first)
		to = e->n - e->first;
	for (size_t p = item * SHARE; p < to; p++) {
		int64_t squares = 0;
		double norm;

		add_words(e, e->first + p, sum, e->seen + worker * WORDS);
		for (size_t j = 0; j < e->dim; j++)
			squares += (int64_t)sum[j] * sum[j];
		norm = squares ? sqrt((double)squares) : 1;
		for (size_t j = 0; j < e->dim; j++)
			e->out[p * e->dim + j] = half_from_double(sum[j] / norm);
	}
	return 0;
}

static int write_matrix(struct embed *e, const char *path, size_t workers, struct err *err)
{
	uint64_t shape[2] = {e->n, e->dim};
	struct fsio_out out = {.fd = -1};
	struct buf header = BUF_INIT;
	int rc = npy_write_header(&header, "<f2", shape, 2);

	if (rc < 0)
		return err_nomem(err, "header");
	rc = fsio_create(&out, path, err);
	if (rc == 0)
		rc = fsio_write(&out, header.data, header.len, err);
	for (e->first = 0; rc == 0 && e->first < e->n; e->first += BATCH) {
		size_t n = e->n - e->first < BATCH ? e->n - e->first : BATCH;

		rc = workers_run(workers, (n + SHARE - 1) / SHARE, embed_share, e, err);
		if (rc == 0)
			rc = fsio_write(&out, e->out, n * e->dim * sizeof *e->out, err);
	}
	if (rc == 0)
		rc = fsio_commit(&out, err);
	else
		fsio_abort(&out);
	buf_release(&header);
	return rc;
}

static int write_names(const struct embed *e, const char *path, struct err *err)
{
	size_t len = strlen(path);
	char *list = tool_zeroed(tool, len + 5, 1);
	int rc;

	memcpy(list, path, len);
	if (len > 4 && strcmp(path + len - 4, ".npy") == 0)
		len -= 4;
	memcpy(list + len, ".txt", 5);
	rc = fsio_write_file(list, buf_str(&e->names), e->names.len, err);
	free(list);
	return rc;
}

int main(int argc, char **argv)
{
	static const char usage[] = "embed --model NAME [--workers N] [--dim N] F.fasta OUT.npy";
	static const struct option options[] = {{"model", required_argument, NULL, 'm'},
						{"workers", required_argument, NULL, 'w'},
						{"dim", required_argument, NULL, 'd'},
						{0}};
	struct embed e = {.residues = BUF_INIT, .names = BUF_INIT};
	struct err err = ERR_INIT;
	size_t workers = workers_cpu_count();
	const char *model = NULL;
	struct lines *in;
	int c, rc;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c == 'm')
			model = optarg;
		else if (c == 'w')
			workers = strtoul(optarg, NULL, 10);
		else if (c == 'd')
			e.dim = strtoul(optarg, NULL, 10);
		else
			tool_usage(usage);
	}
	if (argc - optind != 2 || !model)
		tool_usage(usage);
	for (size_t i = 0; !e.dim && i < sizeof models / sizeof *models; i++)
		if (strcmp(models[i].name, model) == 0)
			e.dim = models[i].dim;
	if (!e.dim || e.dim > 65536)
		tool_usage("embed: unknown model or bad size; say --dim");
	if (workers < 1 || workers > 1024)
		workers = 1;
	if (lines_open(&in, argv[optind], LINES_MAX_BYTES, &err) < 0 ||
	    fasta_read(in, add_record, &e, &err) < 0)
		tool_fail(tool, err.text);
	lines_close(in);
	make_rows(&e, model);
	e.out = tool_zeroed(tool, BATCH * e.dim, sizeof *e.out);
	e.sums = tool_zeroed(tool, workers * e.dim, sizeof *e.sums);
	e.seen = tool_zeroed(tool, workers * WORDS, 1);
	rc = write_names(&e, argv[optind + 1], &err);
	if (rc == 0)
		rc = write_matrix(&e, argv[optind + 1], workers, &err);
	if (rc < 0)
		tool_fail(tool, err.text);
	free(e.out);
	free(e.sums);
	free(e.seen);
	free(e.rows);
	free(e.start);
	buf_release(&e.residues);
	buf_release(&e.names);
	return 0;
}
