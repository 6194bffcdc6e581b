"""Names of the functions and objects in a linked file, and which of them holds an address."""

from bisect import bisect_right
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from elftools.elf.elffile import ELFFile
from elftools.elf.sections import Symbol as ElfSymbol
from elftools.elf.sections import SymbolTableSection

from smidgen.errors import ToolchainError

_EM_ARM = "EM_ARM"


@dataclass(frozen=True, slots=True, kw_only=True)
class Symbol:
    """A named function or object."""

    name: str
    address: int  # of the first instruction: without Arm's Thumb bit
    n_bytes: int
    is_function: bool


class SymbolTable(Mapping[str, Symbol]):
    """The symbols of one linked file by name."""

    def __init__(self, elf_path: Path) -> None:
        with elf_path.open("rb") as stream:
            elf = ELFFile(stream)
            thumb_bit = int(elf["e_machine"] == _EM_ARM)
            self._by_name = {
                entry.name: _symbol(entry, thumb_bit)
                for entry in symbol_section(elf).iter_symbols()
                if entry.name and entry["st_info"]["type"] in ("STT_FUNC", "STT_OBJECT", "STT_NOTYPE")
            }
        self._elf_path = elf_path
        self._functions = sorted(
            (s for s in self._by_name.values() if s.is_function), key=lambda symbol: symbol.address
        )

    def __getitem__(self, name: str) -> Symbol:
        return self._by_name[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._by_name)

    def __len__(self) -> int:
        return len(self._by_name)

    def parts(self, function: str) -> list[Symbol]:
        """Return what the compiler made of a function: itself, or e.g. `function.specialized.1`, `function.cold`.

        Raises ToolchainError when nothing is left of it.
        """
        found = [
            symbol for symbol in self._functions if symbol.name == function or symbol.name.startswith(f"{function}.")
        ]
        if not found:
            raise ToolchainError(
                f"{self._elf_path.name} has no function {function!r}: it is not in the C, or the compiler inlined or "
                f"dropped it; declare it noinline and use what it computes"
            )
        return found

    def locate(self, address: int) -> str:
        """Return `function + offset` for an address of code, the bare address for any other."""
        i = bisect_right(self._functions, address, key=lambda function: function.address) - 1
        if i >= 0 and address < self._functions[i].address + self._functions[i].n_bytes:
            return f"{self._functions[i].name} + {address - self._functions[i].address:#x}"
        return f"{address:#010x}"


def symbol_section(elf: ELFFile) -> SymbolTableSection:
    """Return the section with the symbols of a linked or object file."""
    section = elf.get_section_by_name(".symtab")
    if not isinstance(section, SymbolTableSection):
        raise ToolchainError("the compiler's output has no symbols; it is not to be stripped")
    return section


def _symbol(entry: ElfSymbol, thumb_bit: int) -> Symbol:
    is_function = entry["st_info"]["type"] == "STT_FUNC"
    return Symbol(
        name=entry.name,
        address=entry["st_value"] & ~thumb_bit if is_function else entry["st_value"],
        n_bytes=entry["st_size"],
        is_function=is_function,
    )
