/* Hand-written assembly with CFI of kinds that compilers seldom or never make: the CFA in rbx and in r11,
 * by an expression, registers saved by expression or in other registers, rows remembered. All of them
 * call the function in their first argument at the end of the chain. */
	.text

	.macro	function name
	.globl	\name
	.type	\name, @function
\name:
	.cfi_startproc
	.endm
	.macro	end name
	.cfi_endproc
	.size	\name, .-\name
	.endm

/* All callee-saved registers by push, two ways out. */
function asm_entry
	push	%rbx
	.cfi_adjust_cfa_offset 8
	.cfi_rel_offset %rbx, 0
	push	%r12
	.cfi_adjust_cfa_offset 8
	.cfi_rel_offset %r12, 0
	push	%r15
	.cfi_adjust_cfa_offset 8
	.cfi_rel_offset %r15, 0
	test	%rsi, %rsi
	.cfi_remember_state
	jnz	1f
	pop	%r15
	.cfi_adjust_cfa_offset -8
	.cfi_restore %r15
	pop	%r12
	.cfi_adjust_cfa_offset -8
	.cfi_restore %r12
	pop	%rbx
	.cfi_adjust_cfa_offset -8
	.cfi_restore %rbx
	ret
1:	.cfi_restore_state
	mov	%rdi, %r12
	mov	%rsi, %r15
	call	asm_in_rbx
	mov	%r12, %rdi
	mov	%r15, %rsi
	call	asm_by_expression
	mov	%r12, %rdi
	mov	%r15, %rsi
	call	asm_in_r11
	mov	%r12, %rdi
	mov	%r15, %rsi
	call	asm_saved_by_expression
	mov	%r12, %rdi
	mov	%r15, %rsi
	call	asm_in_other_register
	pop	%r15
	.cfi_adjust_cfa_offset -8
	.cfi_restore %r15
	pop	%r12
	.cfi_adjust_cfa_offset -8
	.cfi_restore %r12
	pop	%rbx
	.cfi_adjust_cfa_offset -8
	.cfi_restore %rbx
	ret
end asm_entry

/* The CFA counts from rbx over a call that itself saves rbx. */
function asm_in_rbx
	push	%rbx
	.cfi_adjust_cfa_offset 8
	.cfi_rel_offset %rbx, 0
	mov	%rsp, %rbx
	.cfi_def_cfa_register %rbx
	sub	$200, %rsp
	and	$-64, %rsp
	call	asm_saves_rbx
	mov	%rbx, %rsp
	.cfi_def_cfa_register %rsp
	pop	%rbx
	.cfi_adjust_cfa_offset -8
	.cfi_restore %rbx
	ret
end asm_in_rbx

function asm_saves_rbx
	push	%rbx
	.cfi_adjust_cfa_offset 8
	.cfi_rel_offset %rbx, 0
	xor	%ebx, %ebx
	xchg	%rdi, %rsi
	xchg	%rdi, %rsi
	mov	%rdi, %rax
	mov	%rsi, %rdi
	call	*%rax
	pop	%rbx
	.cfi_adjust_cfa_offset -8
	.cfi_restore %rbx
	ret
end asm_saves_rbx

/* CFA = *(rsp + 8) + 8: def_cfa_expression (0x0f), 5 bytes: breg7 8, deref, plus_uconst 8. */
function asm_by_expression
	mov	%rsp, %rdx
	.cfi_def_cfa_register %rdx
	sub	$64, %rsp
	and	$-64, %rsp
	mov	%rdx, 8(%rsp)
	.cfi_escape 0x0f, 0x05, 0x77, 0x08, 0x06, 0x23, 0x08
	mov	%rdi, %rax
	mov	%rsi, %rdi
	call	*%rax
	mov	8(%rsp), %rsp
	.cfi_def_cfa %rsp, 8
	ret
end asm_by_expression

/* A caller-saved register holds the CFA as long as nothing is called. */
function asm_in_r11
	lea	8(%rsp), %r11
	.cfi_def_cfa %r11, 0
	push	%rax
	push	%rax
	push	%rax
	pop	%rax
	lea	-8(%r11), %rsp
	.cfi_def_cfa %rsp, 8
	sub	$8, %rsp
	.cfi_adjust_cfa_offset 8
	mov	%rdi, %rax
	mov	%rsi, %rdi
	call	*%rax
	add	$8, %rsp
	.cfi_adjust_cfa_offset -8
	ret
end asm_in_r11

/* rbx lies at CFA - 24 by DW_CFA_expression (0x10), register 3, 3 bytes: const1u 24, minus; rbp by
 * DW_CFA_val_expression (0x16), register 6, 2 bytes: breg12 0, being in r12, that lies at CFA - 32. */
function asm_saved_by_expression
	sub	$40, %rsp
	.cfi_adjust_cfa_offset 40
	mov	%rbx, 24(%rsp)
	.cfi_escape 0x10, 0x03, 0x03, 0x08, 0x18, 0x1c
	mov	%r12, 16(%rsp)
	.cfi_rel_offset %r12, 16
	mov	%rbp, %r12
	.cfi_escape 0x16, 0x06, 0x02, 0x7c, 0x00
	xor	%ebp, %ebp
	xor	%ebx, %ebx
	mov	%rdi, %rax
	mov	%rsi, %rdi
	call	*%rax
	mov	%r12, %rbp
	.cfi_restore %rbp
	mov	16(%rsp), %r12
	.cfi_restore %r12
	mov	24(%rsp), %rbx
	.cfi_restore %rbx
	add	$40, %rsp
	.cfi_adjust_cfa_offset -40
	ret
end asm_saved_by_expression

/* rbx is kept in r13, r13 on the stack. */
function asm_in_other_register
	push	%r13
	.cfi_adjust_cfa_offset 8
	.cfi_rel_offset %r13, 0
	mov	%rbx, %r13
	.cfi_register %rbx, %r13
	xor	%ebx, %ebx
	mov	%rdi, %rax
	mov	%rsi, %rdi
	call	*%rax
	mov	%r13, %rbx
	.cfi_restore %rbx
	pop	%r13
	.cfi_adjust_cfa_offset -8
	.cfi_restore %r13
	ret
end asm_in_other_register

	.section	.note.GNU-stack, "", @progbits
