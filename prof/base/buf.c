/* Growing byte buffer: see buf.h. */
#include "prof/base/buf.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void buf_init(struct buf *b, size_t max)
{
	*b = (struct buf){.max = max};
}

void buf_release(struct buf *b)
{
	size_t max = b->max;

	free(b->data);
	buf_init(b, max);
}

void buf_clear(struct buf *b)
{
	b->len = 0;
	b->failed = 0;
	if (b->data)
		b->data[0] = '\0';
}

char *buf_reserve(struct buf *b, size_t extra)
{
	size_t max = b->max < BUF_NO_LIMIT ? b->max : BUF_NO_LIMIT, need, cap;
	char *data;

	if (b->failed)
		return NULL;
	if (extra > max || b->len > max - extra) {
		b->failed = ERR_LIMIT;
		return NULL;
	}
	need = b->len + extra + 1;
	if (need <= b->cap)
		return b->data + b->len;
	cap = b->cap ? b->cap : 64;
	while (cap < need)
		cap += cap / 2;
	data = realloc(b->data, cap);
	if (!data) {
		b->failed = ERR_NOMEM;
		return NULL;
	}
	b->data = data;
	b->cap = cap;
	b->data[b->len] = '\0';
	return b->data + b->len;
}

int buf_put(struct buf *b, const void *bytes, size_t n)
{
	char *at = buf_reserve(b, n);

	if (!at)
		return b->failed;
	if (n)
		memcpy(at, bytes, n);
	b->len += n;
	b->data[b->len] = '\0';
	return 0;
}

int buf_puts(struct buf *b, const char *text)
{
	return buf_put(b, text, strlen(text));
}

int buf_putc(struct buf *b, char c)
{
	return buf_put(b, &c, 1);
}

int buf_vprintf(struct buf *b, const char *fmt, va_list ap)
{
	va_list again;
	char *at;
	int n;

	va_copy(again, ap);
	n = vsnprintf(NULL, 0, fmt, again);
	va_end(again);
	if (n < 0) {
		b->failed = ERR_INTERNAL;
		return b->failed;
	}
	at = buf_reserve(b, (size_t)n);
	if (!at)
		return b->failed;
	vsnprintf(at, (size_t)n + 1, fmt, ap);
	b->len += (size_t)n;
	return 0;
}

int buf_printf(struct buf *b, const char *fmt, ...)
{
	va_list ap;
	int rc;

	va_start(ap, fmt);
	rc = buf_vprintf(b, fmt, ap);
	va_end(ap);
	return rc;
}

static int put_le(struct buf *b, uint64_t v, unsigned n)
{
	unsigned char bytes[8];
	unsigned i;

	for (i = 0; i < n; i++)
		bytes[i] = (unsigned char)(v >> (8 * i));
	return buf_put(b, bytes, n);
}

int buf_put_u16(struct buf *b, uint16_t v)
{
	return put_le(b, v, 2);
}

int buf_put_u32(struct buf *b, uint32_t v)
{
	return put_le(b, v, 4);
}

int buf_put_u64(struct buf *b, uint64_t v)
{
	return put_le(b, v, 8);
}

int buf_failed(const struct buf *b)
{
	return b->failed;
}

char *buf_steal(struct buf *b, size_t *len)
{
	char *data = b->failed ? NULL : b->data;

	if (len)
		*len = data ? b->len : 0;
	if (!data)
		return NULL;
	b->data = NULL;
	b->len = b->cap = 0;
	return data;
}

const char *buf_str(const struct buf *b)
{
	return b->data ? b->data : "";
}
