/* Lines of perf script's text taken apart; nothing is kept. Spans are borrowed from the line. */
#ifndef FORMATS_PERF_LINE_H
#define FORMATS_PERF_LINE_H

#include <stddef.h>
#include <stdint.h>

struct perf_span {
	const char *at;
	size_t n;
};

struct perf_head {                    /* "comm pid/tid [cpu] time: period event: …" */
	struct perf_span comm, event; /* event without its last colon; n 0: none */
	int64_t pid, tid;             /* pid -1: only one number is there */
	double time;                  /* seconds, -1: none */
	uint64_t period;              /* 0: none */
	struct perf_span rest;
};
int perf_head(const char *line, size_t n, struct perf_head *h); /* 1, or 0: it is none */

struct perf_frame { /* "ip symbol+0x12 (module)" */
	uint64_t address;
	struct perf_span symbol, module; /* n 0: none */
	int inlined;
};
int perf_frame(const char *line, size_t n, struct perf_frame *f);

/* "file.c:12": 1, or 0 for other places ("libc.so.6[1234]", "??:0"). */
int perf_place(const char *line, size_t n, struct perf_span *file, uint32_t *number);

#endif
