/* A planted regression: allocations. 2,000 items are rendered; before the change into one buffer of 64 KiB that is made once,
 * after it into a new one for each item, filled from a template of 16 KiB.
 * Answer: `item_buffer` (on main;render;item_buffer) in stage `render` asks for 2,000 blocks, 131,072,000 B, instead of 1
 * block, 65,536 B, and copies 32,768,000 B instead of 16,384 B; stage `parse` asks for the same 500 blocks of 100 B.
 * planted_buffer [SCALE [before|after]]
 * build: -O2 -fno-builtin -fno-ipa-icf */
#include "samples/programs/planted.h"

#define ITEMS    2000
#define BUFFER   65536
#define TEMPLATE 16384
#define ROWS     500

static char template[TEMPLATE];

PLANTED_FUNCTION char *item_buffer(void)
{
	char *buffer = malloc(BUFFER);

	if (!buffer)
		abort();
	memcpy(buffer, template, TEMPLATE);
	return buffer;
}

PLANTED_FUNCTION void render_item(char *buffer, int item)
{
	int i;

	for (i = 0; i < TEMPLATE; i += 64)
		buffer[i] = (char)item;
	spin_sink = spin_body(SPIN_UNIT / 20, spin_sink + (uint64_t)(unsigned char)buffer[64]);
}

PLANTED_FUNCTION void render(int items, int after)
{
	pp_stage stage = pp_stage_begin("render");
	char *buffer = after ? NULL : item_buffer();
	int i;

	for (i = 0; i < items; i++) {
		if (after)
			buffer = item_buffer();
		render_item(buffer, i);
		if (after)
			free(buffer);
	}
	if (!after)
		free(buffer);
	pp_stage_items(&stage, (uint64_t)items);
	pp_stage_end(&stage);
}

PLANTED_FUNCTION void parse(void)
{
	pp_stage stage = pp_stage_begin("parse");
	void *rows[ROWS];
	int i;

	for (i = 0; i < ROWS; i++) {
		rows[i] = malloc(100);
		if (!rows[i])
			abort();
	}
	for (i = 0; i < ROWS; i++)
		free(rows[i]);
	pp_stage_items(&stage, ROWS);
	pp_stage_end(&stage);
}

int main(int argc, char **argv)
{
	double scale = spin_scale(argc, argv);

	memset(template, 'x', sizeof template);
	parse();
	render((int)(ITEMS * scale), planted_after(argc, argv));
	return 0;
}
