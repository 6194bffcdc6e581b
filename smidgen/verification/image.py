"""What the linker made of a program: its bytes, its symbols, and what they cost in flash and RAM."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from elftools.elf.elffile import ELFFile

from smidgen.codegen.bundle import Program
from smidgen.errors import ToolchainError
from smidgen.targets import Target
from smidgen.verification.layer_flash import layer_flash_bytes
from smidgen.verification.measurement import LinkedSize
from smidgen.verification.symbols import SymbolTable

_HARNESS = ".harness"  # the section of image.ld that is not the program's
_VARIABLES = (".data", ".bss")
_SHF_ALLOC = 0x2
_PF_X = 0x1


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """Bytes that a programmer would write to flash, at the address where they go."""

    address: int
    content: bytes
    is_code: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    """One program linked for one core."""

    target: Target
    elf_path: Path
    segments: tuple[Segment, ...]
    symbols: SymbolTable
    section_bytes: Mapping[str, int]  # of each section that takes memory, the harness's left out
    context_bytes: int  # sizeof(<name>_context)
    layer_flash_bytes: Mapping[str, int]  # by C function of the layer: code and constants that it alone needs

    @property
    def code(self) -> Segment:
        """The one segment that the core may execute."""
        return next(segment for segment in self.segments if segment.is_code)

    @property
    def size(self) -> LinkedSize:
        """What the program takes before anything runs."""
        return LinkedSize(
            flash_bytes=self.flash_bytes,
            code_bytes=self.section_bytes[".text"],
            static_bytes=self.static_ram_bytes,
            context_bytes=self.context_bytes,
            layer_flash_bytes=self.layer_flash_bytes,
        )

    @property
    def flash_bytes(self) -> int:
        """Code, constants and initial values of all that the program links."""
        return sum(size for name, size in self.section_bytes.items() if name != ".bss")

    @property
    def static_ram_bytes(self) -> int:
        """Global variables; a generated program should have none."""
        return self.section_bytes.get(".data", 0) + self.section_bytes.get(".bss", 0)


def read_image(elf_path: Path, object_path: Path, program: Program, target: Target) -> Image:
    """Read a linked image and the object file of its program.

    Raises ToolchainError when a layer has no function in it, or the context is smaller than the program says.
    """
    symbols = SymbolTable(elf_path)
    for layer in program.layers:
        symbols.parts(layer.function)
    with elf_path.open("rb") as stream:
        elf = ELFFile(stream)
        segments = tuple(
            Segment(address=part["p_paddr"], content=part.data(), is_code=bool(part["p_flags"] & _PF_X))
            for part in elf.iter_segments("PT_LOAD")
            if part["p_filesz"]
        )
        section_bytes = {
            section.name: section["sh_size"]
            for section in elf.iter_sections()
            if section["sh_flags"] & _SHF_ALLOC and section["sh_size"] and section.name != _HARNESS
        }
    context_bytes = _read_word(segments, symbols["harness_context_bytes"].address)
    if context_bytes < program.context_bytes:
        raise ToolchainError(
            f"{program.name}_context takes {context_bytes} B on {target.name}, less than the {program.context_bytes} B "
            f"of the memory plan; the struct in {program.name}.h lacks a part"
        )
    return Image(
        target=target,
        elf_path=elf_path,
        segments=segments,
        symbols=symbols,
        section_bytes=section_bytes,
        context_bytes=context_bytes,
        layer_flash_bytes=layer_flash_bytes(object_path, program),
    )


def read_object_size(object_path: Path, program: Program, context_bytes: int) -> LinkedSize:
    """Return what the object file of a program takes: its code and constants as flash, its variables as RAM."""
    with object_path.open("rb") as stream:
        sections = [s for s in ELFFile(stream).iter_sections() if s["sh_flags"] & _SHF_ALLOC]
        static_bytes = sum(s["sh_size"] for s in sections if s.name.startswith(_VARIABLES))
        flash_bytes = sum(s["sh_size"] for s in sections if s.name.startswith((".text", ".rodata", ".data")))
    return LinkedSize(
        flash_bytes=flash_bytes,
        code_bytes=sum(s["sh_size"] for s in sections if s.name.startswith(".text")),
        static_bytes=static_bytes,
        context_bytes=context_bytes,
        layer_flash_bytes=layer_flash_bytes(object_path, program),
    )


def _read_word(segments: tuple[Segment, ...], address: int) -> int:
    for segment in segments:
        offset = address - segment.address
        if 0 <= offset < len(segment.content):
            return int.from_bytes(segment.content[offset : offset + 4], "little")
    raise ToolchainError(f"no segment of the image holds {address:#x}")
