/* Hand-written assembly with CFI: a frame whose CFA is in rbx, and one described by an expression. */
	.text
	.globl	asm_in_rbx
	.type	asm_in_rbx, @function
asm_in_rbx:
	.cfi_startproc
	push	%rbx
	.cfi_adjust_cfa_offset 8
	.cfi_rel_offset %rbx, 0
	mov	%rsp, %rbx
	.cfi_def_cfa_register %rbx
	sub	$4104, %rsp
	and	$-64, %rsp
	call	asm_middle
	mov	%rbx, %rsp
	.cfi_def_cfa_register %rsp
	pop	%rbx
	.cfi_adjust_cfa_offset -8
	.cfi_restore %rbx
	ret
	.cfi_endproc
	.size	asm_in_rbx, .-asm_in_rbx

	.globl	asm_expression
	.type	asm_expression, @function
asm_expression:
	.cfi_startproc
	mov	%rsp, %rax
	.cfi_def_cfa_register %rax
	sub	$64, %rsp
	and	$-64, %rsp
	mov	%rax, 8(%rsp)
	/* CFA = *(rsp + 8) + 8: DW_CFA_def_cfa_expression, breg7 8, deref, plus_uconst 8 */
	.cfi_escape 0x0f, 0x05, 0x77, 0x08, 0x06, 0x23, 0x08
	call	asm_leaf
	mov	8(%rsp), %rsp
	.cfi_def_cfa %rsp, 8
	ret
	.cfi_endproc
	.size	asm_expression, .-asm_expression
	.section .note.GNU-stack, "", @progbits
