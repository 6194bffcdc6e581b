"""An estimate of cycles on a Cortex-M4, from its table of instruction timings.

Zero wait states and no contention for the bus are assumed. Against silicon expect 10 to 15 % for multiply-accumulate
loops, 25 % for branchy code, and up to twice the cycles from slow flash. Source: Arm Cortex-M4 Technical Reference
Manual r0p1, tables 3-1 (core) and 7-1 (FPU); where they give a range, the middle is taken.
"""

from collections.abc import Sequence

from capstone import CsInsn
from capstone.arm_const import ARM_OP_MEM, ARM_OP_REG

REFILL_CYCLES = 2  # of the pipeline after a jump: 1 to 3

_LOADS = {"ldr", "ldrb", "ldrh", "ldrsb", "ldrsh", "vldr"}
_STORES = {"str", "strb", "strh"}
_STACK_LISTS = {"push", "pop", "vpush", "vpop"}
_BASE_LISTS = {"ldm", "ldmdb", "stm", "stmdb", "vldmia", "vldmdb", "vstmia", "vstmdb"}
_MULTIPLY_ADDS = {"vmla", "vmls", "vfma", "vfms", "vnmla", "vnmls", "vfnma", "vfnms"}
_FLOAT_ARITHMETIC = _MULTIPLY_ADDS | {"vadd", "vsub", "vmul", "vnmul", "vneg", "vabs", "vcvt", "vdiv", "vsqrt"}
_CYCLES = {
    **dict.fromkeys(_MULTIPLY_ADDS, 3),
    **dict.fromkeys(("vdiv", "vsqrt"), 14),
    **dict.fromkeys(("sdiv", "udiv"), 7),  # 2 to 12, by the operands
    **dict.fromkeys(("ldrd", "strd"), 3),
    **dict.fromkeys(("tbb", "tbh"), 2),
}


def estimate_block_cycles(block: Sequence[CsInsn]) -> int:
    """Return the cycles of one pass through a block that Capstone decoded with details, without its final refill."""
    cycles = 0
    previous = ""
    pending = None  # register that float arithmetic of the instruction before has just produced
    for instruction in block:
        name = instruction.insn_name()
        cycles += _instruction_cycles(instruction, name)
        if name in _LOADS and previous in _LOADS:
            cycles -= 1  # neighbouring loads overlap
        if pending is not None and name.startswith("v") and pending in _sources(instruction):
            cycles += 1
        pending = instruction.operands[0].reg if name in _FLOAT_ARITHMETIC else None
        previous = name
    return cycles


def _instruction_cycles(instruction: CsInsn, name: str) -> int:
    if name in _STACK_LISTS or name in _BASE_LISTS:
        listed = instruction.operands[1 if name in _BASE_LISTS else 0 :]
        return 1 + sum(_words(instruction, operand.reg) for operand in listed)
    if name in _LOADS:
        return 1 + _words(instruction, instruction.operands[0].reg)
    if name in _STORES:
        return 1 + any(operand.type == ARM_OP_MEM and operand.mem.index for operand in instruction.operands)
    if name == "vstr":
        return 1 + _words(instruction, instruction.operands[0].reg)
    if name == "vmov":
        return 2 if len(instruction.operands) > 2 else 1
    return _CYCLES.get(name, 1)


def _words(instruction: CsInsn, register: int) -> int:
    """Return the size of a register in words: d0 to d31 are two."""
    return 2 if instruction.reg_name(register).startswith("d") else 1


def _sources(instruction: CsInsn) -> set[int]:
    """Return the registers that an instruction reads: for vstr all, for others what follows the result."""
    operands = instruction.operands if instruction.insn_name() == "vstr" else instruction.operands[1:]
    return {operand.reg for operand in operands if operand.type == ARM_OP_REG}
