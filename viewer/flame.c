/* A profile as a page: see flame.h. The page itself is made at build time (viewer/join.sh); here its data
 * are put in place of a mark. They are base64 of deflated bytes, so no name is ever part of the HTML. */
#include "viewer/flame.h"

#include <stdint.h>
#include <string.h>

#include "prof/base/buf.h"
#include "viewer/graph.h"
#include "viewer/page.h"
#include "viewer/payload.h"

/* More than this makes a page slow to open and unfit for mail: the lightest nodes are folded. */
#define PAYLOAD_BYTES_MAX ((size_t)1430000) /* 1.93 MB in base64: with the page itself below 2 MB */

static int bad_write(struct err *err)
{
	return err_sys(err, ERR_IO, "writing the page failed");
}

static int put(FILE *out, const char *bytes, size_t n, struct err *err)
{
	return fwrite(bytes, 1, n, out) == n ? 0 : bad_write(err);
}

/* ---- base64 (RFC 4648), in lines, which editors and mail programs bear ---- */

#define LINE_BYTES 57 /* 76 characters */

static size_t encode(char *text, const unsigned char *bytes, size_t n)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	size_t i, len = 0;

	for (i = 0; i < n; i += 3) {
		uint32_t v = (uint32_t)bytes[i] << 16;

		if (i + 1 < n)
			v |= (uint32_t)bytes[i + 1] << 8;
		if (i + 2 < n)
			v |= bytes[i + 2];
		text[len++] = digits[v >> 18];
		text[len++] = digits[v >> 12 & 63];
		text[len++] = i + 1 < n ? digits[v >> 6 & 63] : '=';
		text[len++] = i + 2 < n ? digits[v & 63] : '=';
	}
	text[len++] = '\n';
	return len;
}

static int put_base64(FILE *out, const struct buf *data, struct err *err)
{
	char line[LINE_BYTES / 3 * 4 + 1];
	size_t i;
	int rc = 0;

	for (i = 0; rc == 0 && i < data->len; i += LINE_BYTES) {
		size_t n = data->len - i < LINE_BYTES ? data->len - i : LINE_BYTES;

		rc = put(out, line, encode(line, (const unsigned char *)data->data + i, n), err);
	}
	return rc;
}

/* ---- page ---- */

/* Folds until the data fit: to what would fit at the present bytes per node, and each time to a quarter
 * less than before, so that it ends whatever else fills the page. */
static int make_data(struct buf *data, struct graph *g, const struct flame_options *options,
		     struct err *err)
{
	uint32_t keep = g->n_nodes;
	int rc = payload_write(data, g, options, err);

	while (rc == 0 && data->len > PAYLOAD_BYTES_MAX && keep > 0) {
		double share = 0.95 * (double)PAYLOAD_BYTES_MAX / (double)data->len;
		uint32_t fits = (uint32_t)(share * g->n_nodes);

		keep -= keep / 4 + 1;
		if (fits < keep)
			keep = fits;
		rc = graph_fold(g, keep, err);
		buf_clear(data);
		if (rc == 0)
			rc = payload_write(data, g, options, err);
	}
	return rc;
}

static int put_page(FILE *out, const struct buf *data, struct err *err)
{
	static const char mark[] = "@PROTEA-FLAME-DATA@";
	const char *at = strstr(viewer_page_html, mark);
	size_t before, after;
	int rc;

	if (!at)
		return err_set(err, ERR_INTERNAL, "the page of this build has no place for data");
	before = (size_t)(at - viewer_page_html);
	after = before + strlen(mark);
	rc = put(out, viewer_page_html, before, err);
	if (rc == 0)
		rc = put_base64(out, data, err);
	if (rc == 0)
		rc = put(out, viewer_page_html + after, viewer_page_html_len - after, err);
	if (rc == 0 && fflush(out) != 0)
		rc = bad_write(err);
	return rc;
}

int flame_write(FILE *out, const struct flame_options *options, struct err *err)
{
	struct graph g;
	struct buf data = BUF_INIT;
	int rc = graph_build(&g, options, err);

	if (rc != 0)
		return rc;
	rc = make_data(&data, &g, options, err);
	if (rc == 0)
		rc = put_page(out, &data, err);
	buf_release(&data);
	graph_release(&g);
	return rc;
}
