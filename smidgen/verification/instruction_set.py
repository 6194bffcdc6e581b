"""What the emulator must know of an instruction set: registers, calls, code addresses, lengths of instructions."""

from collections.abc import Mapping
from dataclasses import dataclass

from capstone import CS_ARCH_ARM, CS_ARCH_RISCV, CS_MODE_MCLASS, CS_MODE_RISCV32, CS_MODE_RISCVC, CS_MODE_THUMB
from unicorn import UC_ARCH_ARM, UC_ARCH_RISCV, UC_MODE_MCLASS, UC_MODE_RISCV32, UC_MODE_THUMB
from unicorn.arm_const import (
    UC_ARM_REG_LR,
    UC_ARM_REG_PC,
    UC_ARM_REG_R0,
    UC_ARM_REG_R1,
    UC_ARM_REG_R2,
    UC_ARM_REG_R3,
    UC_ARM_REG_SP,
    UC_CPU_ARM_CORTEX_M0,
    UC_CPU_ARM_CORTEX_M3,
    UC_CPU_ARM_CORTEX_M4,
    UC_CPU_ARM_CORTEX_M7,
    UC_CPU_ARM_CORTEX_M33,
)
from unicorn.riscv_const import (
    UC_CPU_RISCV32_ANY,
    UC_RISCV_REG_A0,
    UC_RISCV_REG_A1,
    UC_RISCV_REG_A2,
    UC_RISCV_REG_A3,
    UC_RISCV_REG_A4,
    UC_RISCV_REG_A5,
    UC_RISCV_REG_A6,
    UC_RISCV_REG_A7,
    UC_RISCV_REG_PC,
    UC_RISCV_REG_RA,
    UC_RISCV_REG_SP,
)

from smidgen.errors import ConfigError
from smidgen.targets import EMULATED_CORES, Architecture, Core

UNIT_BYTES = 2  # instructions of both sets are one or two of these


@dataclass(frozen=True, slots=True, kw_only=True)
class InstructionSet:
    """One instruction set under Unicorn and Capstone, with its procedure call standard."""

    unicorn: tuple[int, int]  # architecture, mode
    capstone: tuple[int, int]
    cpu_models: Mapping[str, int]  # Unicorn's, by the core's name
    argument_registers: tuple[int, ...]  # later arguments travel on the stack
    result_register: int
    stack_register: int
    return_register: int
    program_counter: int
    stack_alignment: int  # at a call, in bytes
    code_bit: int  # set in the address of code that is called: 1 for Thumb
    # An instruction takes two units where its first & long_mask >= long_least.
    long_mask: int
    long_least: int


ARM = InstructionSet(
    unicorn=(UC_ARCH_ARM, UC_MODE_THUMB | UC_MODE_MCLASS),
    capstone=(CS_ARCH_ARM, CS_MODE_THUMB | CS_MODE_MCLASS),
    cpu_models={
        "cortex-m0plus": UC_CPU_ARM_CORTEX_M0,  # executes the same instructions
        "cortex-m3": UC_CPU_ARM_CORTEX_M3,
        "cortex-m4": UC_CPU_ARM_CORTEX_M4,
        "cortex-m7": UC_CPU_ARM_CORTEX_M7,
        "cortex-m33": UC_CPU_ARM_CORTEX_M33,
    },
    argument_registers=(UC_ARM_REG_R0, UC_ARM_REG_R1, UC_ARM_REG_R2, UC_ARM_REG_R3),
    result_register=UC_ARM_REG_R0,
    stack_register=UC_ARM_REG_SP,
    return_register=UC_ARM_REG_LR,
    program_counter=UC_ARM_REG_PC,
    stack_alignment=8,
    code_bit=1,
    long_mask=0xFFFF,
    long_least=0xE800,  # Armv7-M ARM, A5.1: leading bits 11101, 11110 and 11111
)

RISCV = InstructionSet(
    unicorn=(UC_ARCH_RISCV, UC_MODE_RISCV32),
    capstone=(CS_ARCH_RISCV, CS_MODE_RISCV32 | CS_MODE_RISCVC),
    cpu_models={"rv32imc": UC_CPU_RISCV32_ANY},
    argument_registers=(
        UC_RISCV_REG_A0,
        UC_RISCV_REG_A1,
        UC_RISCV_REG_A2,
        UC_RISCV_REG_A3,
        UC_RISCV_REG_A4,
        UC_RISCV_REG_A5,
        UC_RISCV_REG_A6,
        UC_RISCV_REG_A7,
    ),
    result_register=UC_RISCV_REG_A0,
    stack_register=UC_RISCV_REG_SP,
    return_register=UC_RISCV_REG_RA,
    program_counter=UC_RISCV_REG_PC,
    stack_alignment=16,
    code_bit=0,
    long_mask=0b11,
    long_least=0b11,  # RISC-V unprivileged ISA, 1.5: the two lowest bits of a 32-bit instruction are set
)

_BY_ARCHITECTURE = {Architecture.ARM: ARM, Architecture.RISCV: RISCV}


def instruction_set_of(core: Core) -> InstructionSet:
    """Return the instruction set of an emulated core; raise ConfigError for a core that is not emulated."""
    if core.architecture not in _BY_ARCHITECTURE:
        raise ConfigError(f"{core.name} is not emulated; choose from {', '.join(EMULATED_CORES)}")
    return _BY_ARCHITECTURE[core.architecture]
