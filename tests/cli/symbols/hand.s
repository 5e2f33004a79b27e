# Functions by hand, with and without a size: assembly for tests/cli/74_symbols.sh.
	.text
	.globl by_hand
	.type by_hand, @function
by_hand:
	nop
	movl $7, %eax
	ret
	.size by_hand, . - by_hand
	.globl no_size
no_size:
	nop
	nop
	ret
	.globl main
	.type main, @function
main:
	call by_hand
	call no_size
	xorl %eax, %eax
	ret
	.size main, . - main
	.section .note.GNU-stack, "", @progbits
