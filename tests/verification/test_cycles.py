"""The cycle model gives what the manual's table gives, added up by hand."""

import pytest
from capstone import CS_ARCH_ARM, CS_MODE_MCLASS, CS_MODE_THUMB, Cs

from smidgen.verification.cycles import estimate_block_cycles

BLOCKS = {
    "add, multiply, exchange": ("0844 5043 7047", 1 + 1 + 1),
    "two loads overlap": ("0168 4268", 2 + 1),
    "a load, an add, a load": ("0168 0844 4268", 2 + 1 + 2),
    "store by constant": ("0160", 1),
    "store by register": ("8150", 2),
    "push 9 registers": ("2de9f04f", 1 + 9),
    "pop 4 registers": ("15bd", 1 + 4),
    "load 4 words from a base": ("b1e80f00", 1 + 4),
    "store 3 words to a base": ("07c0", 1 + 3),
    "load two words": ("d0e90123", 3),
    "push a double": ("2ded028b", 1 + 2),
    "load a float": ("9fed000a", 2),
    "load a double": ("9fed000b", 3),
    "divide": ("91fbf2f0", 7),
    "branch by table": ("dfe800f0", 2),
    "float root": ("b1eec00a", 14),
    "move a double to two registers": ("51ec100b", 2),
    "add, then independent multiply": ("38ee010a 22ee811a", 1 + 1),
    "add, then multiply of the sum": ("38ee010a 20ee010a", 1 + 1 + 1),
    "fused multiply-add of a product": ("20ee010a a0ee011a", 1 + 3 + 1),
    "add, then store of the sum": ("38ee010a 80ed000a", 1 + 2 + 1),
}


@pytest.mark.parametrize(("code", "cycles"), BLOCKS.values(), ids=BLOCKS.keys())
def test_blocks_cost_what_the_table_says(code: str, cycles: int) -> None:
    """Cycles of short blocks of machine code."""
    decoder = Cs(CS_ARCH_ARM, CS_MODE_THUMB | CS_MODE_MCLASS)
    decoder.detail = True
    content = bytes.fromhex(code)
    block = list(decoder.disasm(content, 0x0800_0000))
    assert sum(instruction.size for instruction in block) == len(content)
    assert estimate_block_cycles(block) == cycles
