/* Opening a core: its file is mapped, its modules become parts of an address space. Files that are missing or have
 * changed are told in one warning; what the core itself holds of them is used instead. */
#include "prof/attach/core.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "prof/attach/core_internal.h"
#include "prof/attach/image.h"
#include "prof/base/units.h"

#define VDSO_BYTES_MAX ((size_t)1 << 16) /* it has two pages */
#define IMAGE_BYTES_MAX                                                                            \
	((uint64_t)256 << 20) /* as of live processes: no program's code is larger */
#define VSYSCALL UINT64_C(0xffffffffff600000)

/* ---- modules ---- */

/* What addresses of the image are more than those in the file, by the program headers in the core. */
static int image_bias(const struct core *c, const struct core_image *image, uint64_t *bias)
{
	Elf64_Phdr ph[CORE_IMAGE_HEADERS];
	uint32_t n = core_memory_headers(&c->memory, image->start, ph), i;

	for (i = 0; i < n; i++)
		if (ph[i].p_type == PT_LOAD && ph[i].p_offset == 0) {
			*bias = image->start - ph[i].p_vaddr;
			return 1;
		}
	return 0;
}

struct rebuilt {     /* an image out of the core's memory */
	void *bytes; /* NULL: there is none */
	size_t len;
};

static long read_core(void *ctx, uint64_t address, void *out, size_t len)
{
	size_t n = core_memory_read(ctx, address, out, len);

	return n ? (long)n : -1;
}

/* Cores with the code of files in them (coredump_filter, gcore of changed code) need no file. */
static int has_code(const struct core *c, const struct core_image *image)
{
	uint32_t i;

	for (i = 0; i < image->n; i++) {
		const struct core_mapping *m = &c->file.mappings[image->first + i];
		const struct core_segment *s = core_file_segment(&c->file, m->start);

		if (s && s->executable && s->size == s->end - s->start)
			return 1;
	}
	return 0;
}

static void rebuild(struct core *c, const struct core_image *image, struct rebuilt *r)
{
	off_t len;
	int fd;

	r->bytes = NULL;
	if (image->state == CORE_IMAGE_FILE || !has_code(c, image))
		return;
	fd = memfd_create("protea-prof core", MFD_CLOEXEC);
	if (fd < 0)
		return;
	if (image_make(fd, read_core, &c->memory, image->start, IMAGE_BYTES_MAX, NULL) == 0 &&
	    (len = lseek(fd, 0, SEEK_END)) > 0) {
		r->len = (size_t)len;
		r->bytes = mmap(NULL, r->len, PROT_READ, MAP_PRIVATE, fd, 0);
		if (r->bytes == MAP_FAILED)
			r->bytes = NULL;
	}
	(void)close(fd); /* memory only */
}

/* 0; 1: it holds no code; or ERR_NOMEM. */
static int add_mapping(struct core *c, const struct core_image *image, const struct rebuilt *memory,
		       const struct core_mapping *m, struct err *err)
{
	struct attach_part part = {.start = m->start,
				   .end = m->end,
				   .offset = m->offset,
				   .path = m->path,
				   .build_id = image->build_id,
				   .source = MODULE_UNKNOWN};
	int rc;

	if (!core_memory_executable(&c->memory, image, m))
		return 1;
	if (image->state == CORE_IMAGE_FILE) {
		part.file = image->file;
	} else if (memory->bytes) {
		part.image = memory->bytes;
		part.image_len = memory->len;
		part.source = MODULE_MEMORY;
	}
	part.has_bias = image_bias(c, image, &part.bias);
	rc = attach_space_add(c->space, &part, err);
	return rc == ERR_ARG ? 0 : rc; /* mappings of a hostile core may overlap */
}

static int add_image(struct core *c, struct core_image *image, uint32_t *missing, uint32_t *other,
		     struct err *err)
{
	struct rebuilt memory;
	uint32_t i;
	int code = 0, rc = 0;

	rebuild(c, image, &memory);
	for (i = 0; i < image->n && rc >= 0; i++) {
		rc = add_mapping(c, image, &memory, &c->file.mappings[image->first + i], err);
		code |= rc == 0;
	}
	if (memory.bytes)
		(void)munmap(memory.bytes, memory.len);
	if (rc < 0)
		return rc;
	if (code && image->state != CORE_IMAGE_FILE)
		++*(image->state == CORE_IMAGE_MISSING ? missing : other);
	return 0;
}

static int add_vdso(struct core *c, const struct core_segment *s, struct err *err)
{
	struct attach_part part = {
		.start = s->start,
		.end = s->end,
		.path = "[vdso]",
		.image = s->bytes,
		.image_len = (size_t)(s->size < VDSO_BYTES_MAX ? s->size : VDSO_BYTES_MAX),
		.source = MODULE_VDSO};
	int rc = attach_space_add(c->space, &part, err);

	return rc == ERR_ARG ? 0 : rc;
}

/* Code that came from no file. */
static int add_segment(struct core *c, const struct core_segment *s, struct err *err)
{
	struct attach_part part = {.start = s->start,
				   .end = s->end,
				   .path = s->start == VSYSCALL ? "[vsyscall]" : "//anon",
				   .source = MODULE_JIT,
				   .has_bias = 1};
	int rc;

	if (!s->executable || core_file_mapping(&c->file, s->start))
		return 0;
	if (s->start == c->file.vdso && s->size)
		return add_vdso(c, s, err);
	rc = attach_space_add(c->space, &part, err);
	return rc == ERR_ARG ? 0 : rc;
}

/* ---- the warning ---- */

static void list_images(struct core *c, enum core_image_state state, uint32_t n, const char *what)
{
	uint32_t i, said = 0;

	if (!n)
		return;
	buf_printf(&c->warning, "%s%u %s %s: ", c->warning.len ? "; " : "", n,
		   n == 1 ? "file" : "files", what);
	for (i = 0; i < c->memory.n && said < 4; i++) {
		const struct core_image *image = &c->memory.images[i];

		if (image->state == state && image->is_elf)
			buf_printf(&c->warning, "%s%s", said++ ? ", " : "", image->path);
	}
	if (n > said)
		buf_printf(&c->warning, " and %u more", n - said);
}

static void warn(struct core *c, uint32_t missing, uint32_t other)
{
	char lost[UNITS_TEXT];

	if (c->file.missing)
		buf_printf(&c->warning, "the core is cut off, %s are missing: stacks may end early",
			   units_bytes(lost, c->file.missing));
	list_images(c, CORE_IMAGE_MISSING, missing, "of the program cannot be read here");
	list_images(c, CORE_IMAGE_OTHER, other, "changed since the core was written");
	if (missing || other)
		buf_puts(&c->warning, " (--sysroot DIR says where the right ones are)");
}

const char *core_warning(const struct core *c)
{
	return buf_str(&c->warning);
}

/* ---- opening ---- */

static int load(struct core *c, const char *sysroot, struct module_set *set, struct err *err)
{
	uint32_t i, missing = 0, other = 0;
	int rc = core_links_read(&c->file, sysroot, err);

	if (rc == 0)
		rc = core_memory_init(&c->memory, &c->file, sysroot, err);
	if (rc)
		return rc;
	c->space = attach_space_new(set, NULL);
	if (!c->space)
		return err_nomem(err, "the address space of a core");
	for (i = 0; i < c->memory.n && rc == 0; i++)
		rc = add_image(c, &c->memory.images[i], &missing, &other, err);
	for (i = 0; i < c->file.n_segments && rc == 0; i++)
		rc = add_segment(c, &c->file.segments[i], err);
	warn(c, missing, other);
	return rc;
}

int core_from_bytes(struct core **out, const void *bytes, size_t len, const char *name,
		    const char *sysroot, struct module_set *set, struct err *err)
{
	struct core *c = calloc(1, sizeof(*c));
	int rc;

	*out = NULL;
	if (!c)
		return err_nomem(err, "a core file");
	buf_init(&c->warning, 4096);
	rc = core_file_parse(&c->file, bytes, len, name, err);
	if (rc == 0)
		rc = load(c, sysroot, set, err);
	if (rc) {
		core_close(c);
		return rc;
	}
	*out = c;
	return 0;
}

static int map_file(int fd, const char *path, void **bytes, size_t *len, struct err *err)
{
	struct stat st;

	if (fstat(fd, &st))
		return err_sys(err, ERR_IO, "cannot read '%s'", path);
	if (!S_ISREG(st.st_mode))
		return err_set(err, ERR_FORMAT, "'%s' is no core file but %s", path,
			       S_ISDIR(st.st_mode) ? "a folder" : "not even a regular file");
	if (st.st_size == 0)
		return err_set(err, ERR_FORMAT,
			       "'%s' is empty: the disk was full when the core was written, or "
			       "its size is limited (ulimit -c)",
			       path);
	*len = (size_t)st.st_size;
	*bytes = mmap(NULL, *len, PROT_READ, MAP_PRIVATE, fd, 0);
	if (*bytes == MAP_FAILED)
		return err_sys(err, ERR_IO, "cannot map '%s'", path);
	return 0;
}

int core_open(struct core **out, const char *path, const char *sysroot, struct module_set *set,
	      struct err *err)
{
	/* O_NONBLOCK: a fifo must not hold us. */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	void *bytes = NULL;
	size_t len = 0;
	int rc;

	*out = NULL;
	if (fd < 0)
		return err_sys(err, ERR_IO, "cannot open '%s'", path);
	rc = map_file(fd, path, &bytes, &len, err);
	(void)close(fd); /* only read from */
	if (rc)
		return rc;
	rc = core_from_bytes(out, bytes, len, path, sysroot, set, err);
	if (rc)
		(void)munmap(bytes, len);
	else
		(*out)->mapped = bytes;
	return rc;
}

void core_close(struct core *c)
{
	size_t len;

	if (!c)
		return;
	len = c->file.len;
	attach_space_free(c->space);
	core_memory_release(&c->memory);
	core_file_release(&c->file);
	if (c->mapped)
		(void)munmap(c->mapped, len);
	buf_release(&c->warning);
	free(c);
}

struct attach_space *core_space(struct core *c)
{
	return c->space;
}

const char *core_command(const struct core *c)
{
	return c->file.arguments;
}
