/* Hand-written assembly frames between C functions (asmcfi_parts.S): CFA in rbx, CFA by an expression.
 * Answer: all work in `asm_leaf` below `asm_expression` below `asm_middle` below `asm_in_rbx` below `main`; root
 * reached always.
 * build: -O2 samples/programs/asmcfi_parts.S */
#include "samples/programs/spin.h"

void asm_in_rbx(void);
void asm_expression(void);
void asm_middle(void);
void asm_leaf(void);

void asm_leaf(void)
{
	spin_sink = spin_body(SPIN_UNIT, spin_sink);
	__asm__ volatile("");
}

void asm_middle(void)
{
	asm_expression();
	__asm__ volatile("");
}

int main(int argc, char **argv)
{
	int i, rounds = (int)(1500 * spin_scale(argc, argv));

	for (i = 0; i < rounds; i++)
		asm_in_rbx();
	return 0;
}
