/* Where a function begins and ends, by .eh_frame_hdr in the process's memory (LSB 5, section 10.6.2): see code.h. A
 * table in another form than linkers write is not looked into. */
#include <elf.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "prof/attach/code.h"

#define SEGMENTS_MAX 64

/* Encodings of the table (DW_EH_PE_*): version 1, any pointer of 4 bytes, count as udata4, table as datarel | sdata4. */
struct head {
	uint8_t version, pointer, count_form, table_form;
	int32_t eh_frame;
	uint32_t count;
};

struct row {
	int32_t start, fde; /* from the head on */
};

struct fde {
	uint32_t length, cie;
	int32_t start; /* from here on */
	uint32_t size;
};

/* A program without a bias has its headers where the kernel told it. */
static int own_headers(int pid, uint64_t *at, uint32_t *n)
{
	Elf64_auxv_t aux[64];
	char path[32];
	ssize_t got;
	int fd;

	(void)snprintf(path, sizeof path, "/proc/%d/auxv", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return 0;
	got = read(fd, aux, sizeof aux);
	(void)close(fd);
	*at = *n = 0;
	for (ssize_t i = 0; i < got / (ssize_t)sizeof *aux; i++) {
		if (aux[i].a_type == AT_PHDR)
			*at = aux[i].a_un.a_val;
		if (aux[i].a_type == AT_PHNUM)
			*n = (uint32_t)aux[i].a_un.a_val;
	}
	return *at != 0;
}

static int find_headers(struct code *c, uint64_t bias, uint64_t *at, uint32_t *n)
{
	Elf64_Ehdr e;

	if (bias == 0)
		return own_headers(c->remote->pid, at, n);
	if (code_read(c, bias, &e, sizeof e) < 0 || memcmp(e.e_ident, ELFMAG, SELFMAG) != 0 ||
	    e.e_phentsize != sizeof(Elf64_Phdr))
		return 0;
	*at = bias + e.e_phoff;
	*n = e.e_phnum;
	return 1;
}

/* Address of the table; 0: none. */
static uint64_t find_table(struct code *c, uint64_t bias)
{
	uint64_t at;
	uint32_t n;

	for (uint32_t i = 0; i < CODE_TABLES; i++)
		if (c->tables[i].known && c->tables[i].bias == bias)
			return c->tables[i].table;
	c->next_table = (c->next_table + 1) % CODE_TABLES;
	c->tables[c->next_table] = (struct code_table){.known = 1, .bias = bias};
	if (!find_headers(c, bias, &at, &n) || n > SEGMENTS_MAX)
		return 0;
	for (uint32_t i = 0; i < n; i++) {
		Elf64_Phdr p;

		if (code_read(c, at + i * sizeof p, &p, sizeof p) < 0)
			return 0;
		if (p.p_type == PT_GNU_EH_FRAME)
			c->tables[c->next_table].table = bias + p.p_vaddr;
	}
	return c->tables[c->next_table].table;
}

static int row_at(struct code *c, uint64_t table, uint32_t i, struct row *row)
{
	return code_read(c, table + sizeof(struct head) + (uint64_t)i * sizeof *row, row,
			 sizeof *row);
}

/* The last row that begins at or before `pc`. */
static int find_row(struct code *c, uint64_t table, uint64_t pc, struct row *row)
{
	struct head h;
	uint32_t lo = 0, n;

	if (code_read(c, table, &h, sizeof h) < 0 || h.version != 1 || (h.pointer & 0xf) != 0xb ||
	    h.count_form != 0x03 || h.table_form != 0x3b || h.count == 0)
		return 0;
	for (n = h.count; n > 1;) {
		uint32_t half = n / 2;

		if (row_at(c, table, lo + half, row) < 0)
			return 0;
		lo = table + (uint64_t)(int64_t)row->start <= pc ? lo + half : lo;
		n -= half;
	}
	return row_at(c, table, lo, row) == 0 && table + (uint64_t)(int64_t)row->start <= pc;
}

int code_function(struct code *c, uint64_t bias, uint64_t pc, uint64_t *start, uint64_t *end)
{
	uint64_t table = find_table(c, bias), at;
	struct row row;
	struct fde fde;

	if (!table || !find_row(c, table, pc, &row))
		return 0;
	*start = table + (uint64_t)(int64_t)row.start;
	at = table + (uint64_t)(int64_t)row.fde;
	if (code_read(c, at, &fde, sizeof fde) < 0)
		return 0;
	/* Its size stands there in the same form; the beginning, which is known, tells that we read it right. */
	if (at + offsetof(struct fde, start) + (uint64_t)(int64_t)fde.start != *start)
		return 0;
	*end = *start + fde.size;
	return pc < *end;
}
