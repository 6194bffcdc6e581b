"""Which flash belongs to which layer: a walk along the relocations of the program's object file.

The compiler gives each function and each constant a section of its own; a relocation says which section needs which.
What only one layer's function needs is that layer's; what two need, or the entry points themselves, is shared. That the
self-test reads the weights too, to check them, does not make them shared.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path

from elftools.elf.elffile import ELFFile
from elftools.elf.relocation import RelocationSection

from smidgen.codegen.bundle import Program
from smidgen.verification.symbols import symbol_section

_SHF_ALLOC = 0x2
_SHARED = ""  # owner of what the entry points need without calling a layer


def layer_flash_bytes(object_path: Path, program: Program) -> dict[str, int]:
    """Return, by C function of the layer, the bytes of code and constants that only this layer needs."""
    with object_path.open("rb") as stream:
        elf = ELFFile(stream)
        sizes = {i: s["sh_size"] for i, s in enumerate(elf.iter_sections()) if s["sh_flags"] & _SHF_ALLOC}
        symbols = list(symbol_section(elf).iter_symbols())
        needs = _read_needs(elf, sizes.keys(), [symbol["st_shndx"] for symbol in symbols])
    functions = {symbol.name: symbol["st_shndx"] for symbol in symbols if symbol["st_info"]["type"] == "STT_FUNC"}

    layers = {layer.function: _find(functions, layer.function) for layer in program.layers}
    entries = [
        section for entry in ("init", "reset", program.entry) for section in _find(functions, f"{program.name}_{entry}")
    ]
    owners: dict[int, set[str]] = defaultdict(set)
    for function, sections in layers.items():
        for section in _reach(needs, sections):
            owners[section].add(function)
    for section in _reach(needs, entries, beyond=frozenset().union(*layers.values())):
        owners[section].add(_SHARED)
    return {
        function: sum(sizes[section] for section, claims in owners.items() if claims == {function})
        for function in layers
    }


def _read_needs(elf: ELFFile, sections: Collection[int], homes: Sequence[int | str]) -> dict[int, set[int]]:
    """Return which of `sections` each of them refers to, where symbol i lies in the section `homes[i]`.

    Compiler helpers, which are not defined here, lie in none.
    """
    needs: dict[int, set[int]] = defaultdict(set)
    for section in elf.iter_sections():
        if isinstance(section, RelocationSection) and section["sh_info"] in sections:
            for relocation in section.iter_relocations():
                home = homes[relocation["r_info_sym"]]
                if isinstance(home, int):
                    needs[section["sh_info"]].add(home)
    return needs


def _find(functions: Mapping[str, int], name: str) -> frozenset[int]:
    """Return the section of a function, or of what the compiler made of it: `name.specialized.1`."""
    return frozenset(section for found, section in functions.items() if found == name or found.startswith(f"{name}."))


def _reach(needs: Mapping[int, set[int]], starts: Iterable[int], beyond: frozenset[int] = frozenset()) -> set[int]:
    """Return `starts` and all that they need, directly or not, without entering `beyond`."""
    reached: set[int] = set()
    waiting = list(starts)
    while waiting:
        section = waiting.pop()
        if section not in reached and section not in beyond:
            reached.add(section)
            waiting.extend(needs.get(section, ()))
    return reached
