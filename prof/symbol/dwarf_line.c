/* Line programs of DWARF 2 to 5: the header's files, and the rows of the addresses asked. Rows are not
 * kept: the program runs once, and each step takes the addresses that lie between two rows. */
#include <stdlib.h>
#include <string.h>

#include "prof/base/err.h"
#include "prof/symbol/dwarf.h"
#include "prof/symbol/dwarf_const.h"

#define FORMATS_MAX 16
#define FILES_MAX   (1u << 22)

static int add_dir(struct dwarf_line_header *h, struct span dir)
{
	if (h->n_dirs == h->cap_dirs) {
		uint32_t want = h->cap_dirs ? 2 * h->cap_dirs : 16;
		struct span *more = realloc(h->dirs, want * sizeof *more);

		if (!more)
			return ERR_NOMEM;
		h->dirs = more;
		h->cap_dirs = want;
	}
	h->dirs[h->n_dirs++] = dir;
	return 0;
}

static int add_file(struct dwarf_line_header *h, struct span name, uint64_t dir)
{
	if (h->n_files == h->cap_files) {
		uint32_t want = h->cap_files ? 2 * h->cap_files : 64;
		void *more = realloc(h->files, want * sizeof *h->files);

		if (!more)
			return ERR_NOMEM;
		h->files = more;
		h->cap_files = want;
	}
	h->files[h->n_files].name = name;
	h->files[h->n_files++].dir = dir;
	return 0;
}

/* Before DWARF 5: texts up to an empty one; entry 0 stands for the unit's own. */
static int old_tables(struct dwarf_line_header *h, struct cursor *c)
{
	struct span s;

	if (add_dir(h, h->unit->dir) < 0 || add_file(h, h->unit->name, 0) < 0)
		return ERR_NOMEM;
	while ((s = cursor_text(c)).n) {
		if (h->n_dirs >= FILES_MAX)
			return ERR_FORMAT;
		if (add_dir(h, s) < 0)
			return ERR_NOMEM;
	}
	while (!c->bad && (s = cursor_text(c)).n) {
		uint64_t dir = cursor_uleb(c);

		cursor_uleb(c); /* time */
		cursor_uleb(c); /* size */
		if (h->n_files >= FILES_MAX)
			return ERR_FORMAT;
		if (add_file(h, s, dir) < 0)
			return ERR_NOMEM;
	}
	return c->bad ? ERR_FORMAT : 0;
}

/* One table of DWARF 5, described by its own formats. */
static int new_table(struct dwarf_line_header *h, struct cursor *c, int files)
{
	struct dwarf_unit shape = *h->unit; /* sizes as the line header says */
	struct dwarf_attr formats[FORMATS_MAX];
	unsigned n_formats = cursor_u8(c);
	uint64_t n;
	int rc = 0;

	shape.version = 5;
	shape.addr_size = (uint8_t)h->addr_size;
	shape.off_size = (uint8_t)h->off_size;
	if (n_formats > FORMATS_MAX)
		return ERR_FORMAT;
	for (unsigned i = 0; i < n_formats; i++) {
		formats[i].name = (uint16_t)cursor_uleb(c);
		formats[i].form = (uint16_t)cursor_uleb(c);
		formats[i].implicit = 0;
	}
	n = cursor_uleb(c);
	/* An entry takes a byte at least: more of them than bytes are a lie. */
	if (n > cursor_left(c) || n > FILES_MAX || (n && !n_formats))
		return ERR_FORMAT;
	for (; n && rc == 0 && !c->bad; n--) {
		struct span name = {NULL, 0};
		uint64_t dir = 0;

		for (unsigned i = 0; i < n_formats; i++) {
			struct dwarf_value v = dwarf_form_read(c, &shape, &formats[i]);

			if (formats[i].name == DW_LNCT_path)
				name = dwarf_text(&shape, &v);
			else if (formats[i].name == DW_LNCT_directory_index)
				dir = v.u;
		}
		rc = files ? add_file(h, name, dir) : add_dir(h, name);
	}
	return rc < 0 ? rc : c->bad ? ERR_FORMAT : 0;
}

static int read_header(struct dwarf_line_header *h, struct cursor c)
{
	struct cursor tables;
	uint64_t len = cursor_u32(&c);
	int rc;

	h->off_size = 4;
	if (len == UINT32_MAX) {
		h->off_size = 8;
		len = cursor_u64(&c);
	}
	if (c.bad || len > cursor_left(&c))
		return ERR_FORMAT;
	c.end = c.p + len;
	h->version = cursor_u16(&c);
	h->addr_size = h->unit->addr_size;
	if (h->version < 2 || h->version > 5)
		return ERR_FORMAT;
	if (h->version >= 5) {
		h->addr_size = cursor_u8(&c);
		cursor_u8(&c); /* segment selector */
	}
	len = cursor_uint(&c, h->off_size);
	if (c.bad || len > cursor_left(&c) || (h->addr_size != 4 && h->addr_size != 8))
		return ERR_FORMAT;
	h->program = (struct cursor){c.p + len, c.end, 0};
	tables = (struct cursor){c.p, c.p + len, 0};
	h->min_inst = cursor_u8(&tables);
	h->max_ops = h->version >= 4 ? cursor_u8(&tables) : 1;
	cursor_u8(&tables); /* default of is_stmt */
	h->line_base = (int8_t)cursor_u8(&tables);
	h->line_range = cursor_u8(&tables);
	h->opcode_base = cursor_u8(&tables);
	for (unsigned i = 1; i < h->opcode_base; i++)
		h->lengths[i] = cursor_u8(&tables);
	if (tables.bad || !h->line_range || !h->opcode_base)
		return ERR_FORMAT;
	if (h->version < 5)
		return old_tables(h, &tables);
	rc = new_table(h, &tables, 0);
	return rc < 0 ? rc : new_table(h, &tables, 1);
}

int dwarf_line_open(struct dwarf_line_header *h, struct dwarf_unit *u)
{
	struct dwarf_unit *home = u->skeleton ? u->skeleton : u;
	struct cursor c;
	int rc;

	memset(h, 0, sizeof *h);
	h->unit = home;
	if (home->line_at == DWARF_NONE)
		return ERR_FORMAT;
	c = cursor_at(home->file->sections[DWARF_LINE], home->line_at);
	rc = c.bad ? ERR_FORMAT : read_header(h, c);
	if (rc == ERR_NOMEM || rc == ERR_FORMAT) {
		dwarf_line_release(h);
		return rc;
	}
	return dwarf_spend(home->file, (uint64_t)(h->program.end - c.p)) ? 0 : ERR_FORMAT;
}

void dwarf_line_release(struct dwarf_line_header *h)
{
	free(h->dirs);
	free(h->files);
	memset(h, 0, sizeof *h);
}

/* The state machine. Between two rows every address belongs to the earlier one. */
struct machine {
	uint64_t address, row_address;
	uint64_t text_low;
	uint32_t file, line, row_file, row_line;
	unsigned op;
	int in_sequence, dropped; /* a row has been made; the sequence is none of code */
	const uint64_t *addrs;
	size_t n, next; /* the first address not below the last row */
	struct dwarf_row *rows;
};

static void machine_start(struct machine *m)
{
	m->address = 0;
	m->file = m->line = 1;
	m->op = 0;
	m->in_sequence = m->dropped = 0;
}

static size_t seek_address(const struct machine *m, uint64_t address)
{
	size_t lo = 0, hi = m->n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (m->addrs[mid] < address)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

static inline void machine_row(struct machine *m)
{
	if (!m->in_sequence) {
		m->in_sequence = 1;
		m->dropped = m->address < m->text_low;
		m->next = seek_address(m, m->address);
	} else if (m->address < m->row_address) {
		m->next = seek_address(m, m->address); /* unsorted: start anew from here */
	} else if (!m->dropped) {
		while (m->next < m->n && m->addrs[m->next] < m->address) {
			m->rows[m->next++] = (struct dwarf_row){m->row_file, m->row_line, 1};
		}
	}
	m->row_address = m->address;
	m->row_file = m->file;
	m->row_line = m->line;
}

static void machine_advance(struct machine *m, const struct dwarf_line_header *h, uint64_t ops)
{
	if (h->max_ops <= 1) {
		m->address += ops * h->min_inst;
		return;
	}
	ops += m->op;
	m->address += ops / h->max_ops * h->min_inst;
	m->op = (unsigned)(ops % h->max_ops);
}

static int extended(struct machine *m, struct dwarf_line_header *h, struct cursor *c)
{
	uint64_t len = cursor_uleb(c);
	struct cursor in;
	struct span name;
	int rc = 0;

	if (c->bad || len > cursor_left(c)) {
		cursor_fail(c);
		return 0;
	}
	in = (struct cursor){c->p, c->p + len, 0};
	c->p += len;
	switch (cursor_u8(&in)) {
	case DW_LNE_end_sequence:
		machine_row(m);
		machine_start(m);
		break;
	case DW_LNE_set_address:
		m->address = cursor_uint(&in, len == 5 ? 4 : 8);
		m->op = 0;
		break;
	case DW_LNE_define_file:
		name = cursor_text(&in);
		if (h->n_files < FILES_MAX && !in.bad)
			rc = add_file(h, name, cursor_uleb(&in));
		break;
	default: /* discriminator, and what vendors add */
		break;
	}
	return rc;
}

static int standard(struct machine *m, struct dwarf_line_header *h, struct cursor *c, uint8_t op)
{
	switch (op) {
	case 0:
		return extended(m, h, c);
	case DW_LNS_copy:
		machine_row(m);
		break;
	case DW_LNS_advance_pc:
		machine_advance(m, h, cursor_uleb(c));
		break;
	case DW_LNS_advance_line:
		m->line += (uint32_t)cursor_sleb(c);
		break;
	case DW_LNS_set_file:
		m->file = (uint32_t)cursor_uleb(c);
		break;
	case DW_LNS_set_column:
		cursor_uleb(c);
		break;
	case DW_LNS_const_add_pc:
		machine_advance(m, h, (255u - h->opcode_base) / h->line_range);
		break;
	case DW_LNS_fixed_advance_pc:
		m->address += cursor_u16(c);
		m->op = 0;
		break;
	default: /* without effect on rows; the header says how many operands */
		for (unsigned i = 0; i < h->lengths[op]; i++)
			cursor_uleb(c);
	}
	return 0;
}

void dwarf_line_rows(struct dwarf_line_header *h, const uint64_t *addrs, size_t n,
		     uint64_t text_low, struct dwarf_row *rows)
{
	struct machine m = {.addrs = addrs, .n = n, .rows = rows, .text_low = text_low};
	struct cursor c = h->program;
	struct {
		uint32_t ops;
		int32_t line;
	} special[256];

	for (unsigned op = h->opcode_base; op < 256; op++) {
		special[op].ops = (op - h->opcode_base) / h->line_range;
		special[op].line = h->line_base + (int)((op - h->opcode_base) % h->line_range);
	}
	machine_start(&m);
	while (c.p < c.end && !c.bad) {
		uint8_t op = *c.p++;

		if (op >= h->opcode_base) {
			machine_advance(&m, h, special[op].ops);
			m.line += (uint32_t)special[op].line;
			machine_row(&m);
		} else if (standard(&m, h, &c, op) < 0) {
			break;
		}
	}
}

static int put(char *out, size_t size, size_t *len, struct span s)
{
	if (s.n >= size - *len)
		return 0;
	memcpy(out + *len, s.p, s.n);
	*len += s.n;
	return 1;
}

/* Adds a part of a path, which replaces what is there if it is absolute. "./" says nothing but at the
 * start of a path. */
static int put_part(char *out, size_t size, size_t *len, struct span s)
{
	static const uint8_t slash[1] = {'/'};

	if (s.n && s.p[0] == '/')
		*len = 0;
	while (*len && s.n >= 2 && s.p[0] == '.' && s.p[1] == '/') {
		s.p += 2;
		s.n -= 2;
		while (s.n && s.p[0] == '/') {
			s.p++;
			s.n--;
		}
	}
	if (!s.n || (*len && s.n == 1 && s.p[0] == '.'))
		return 1;
	if (*len && out[*len - 1] != '/' && !put(out, size, len, (struct span){slash, 1}))
		return 0;
	return put(out, size, len, s);
}

int dwarf_line_path(const struct dwarf_line_header *h, uint32_t file, char *out, size_t size)
{
	uint64_t dir;
	size_t len = 0;

	if (file >= h->n_files || !h->files[file].name.n || size < 2)
		return 0;
	dir = h->files[file].dir;
	if (!put_part(out, size, &len, h->unit->dir))
		return 0;
	if (dir < h->n_dirs && !put_part(out, size, &len, h->dirs[dir]))
		return 0;
	if (!put_part(out, size, &len, h->files[file].name))
		return 0;
	out[len] = 0;
	return len > 0;
}
