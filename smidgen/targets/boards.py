"""Microcontrollers by name: core, memory, clock and run current, each with the document to check them against.

The figures are from memory: a source that begins with "to be checked against" was not opened when they were written.
Budgets are those of the bare part: what a radio stack or an operating system takes has to be subtracted by the reader.
"""

from smidgen.targets.core import CORTEX_M0PLUS, CORTEX_M3, CORTEX_M4, CORTEX_M7, CORTEX_M33, RV32IMC, Core
from smidgen.targets.target import ActiveCurrent, Target


def _board(
    name: str,
    core: Core,
    *,
    flash_kib: int,
    ram_kib: int,
    clock_mhz: int,
    source: str,
    active_current: ActiveCurrent | None = None,
    is_checked: bool = False,  # every figure was read in the document
) -> Target:
    return Target(
        name=name,
        core=core,
        flash_bytes=flash_kib * 1024,
        ram_bytes=ram_kib * 1024,
        clock_hz=clock_mhz * 1_000_000,
        active_current=active_current,
        source=source if is_checked else f"to be checked against {source}",
    )


_BOARDS = (
    _board(
        "samd21g18",
        CORTEX_M0PLUS,
        flash_kib=256,
        ram_kib=32,
        clock_mhz=48,
        source="Microchip SAM D21/DA1 Family Data Sheet, DS40001882",
    ),
    _board(
        "rp2040",
        CORTEX_M0PLUS,
        flash_kib=2048,
        ram_kib=264,
        clock_mhz=133,
        source="Raspberry Pi RP2040 Datasheet; flash is external, here the Pico's; one of two cores",
    ),
    _board(
        "stm32f103c8",
        CORTEX_M3,
        flash_kib=64,
        ram_kib=20,
        clock_mhz=72,
        source="ST STM32F103x8/xB datasheet, DS5319",
    ),
    _board(
        "nrf52832",
        CORTEX_M4,
        flash_kib=512,
        ram_kib=64,
        clock_mhz=64,
        active_current=ActiveCurrent(ua_per_mhz=58.0, supply_v=3.0),
        source="Nordic nRF52832 Product Specification, variant AA; current: CoreMark from flash with DC/DC",
    ),
    _board(
        "nrf52840",
        CORTEX_M4,
        flash_kib=1024,
        ram_kib=256,
        clock_mhz=64,
        active_current=ActiveCurrent(ua_per_mhz=52.0, supply_v=3.0),
        source="Nordic nRF52840 Product Specification; current: CoreMark from flash with DC/DC",
    ),
    _board(
        "stm32l412kb",
        CORTEX_M4,
        flash_kib=128,
        ram_kib=40,
        clock_mhz=80,
        active_current=ActiveCurrent(ua_per_mhz=79.0, supply_v=3.0),
        source="ST STM32L412xx datasheet, DS12469; current: run mode with LDO",
    ),
    _board(
        "stm32f411re",
        CORTEX_M4,
        flash_kib=512,
        ram_kib=128,
        clock_mhz=100,
        active_current=ActiveCurrent(ua_per_mhz=100.0, supply_v=3.3),
        source="ST STM32F411xC/xE datasheet, DS10314; current: run mode, peripherals off",
    ),
    _board(
        "apollo3-blue",
        CORTEX_M4,
        flash_kib=1024,
        ram_kib=384,
        clock_mhz=48,
        active_current=ActiveCurrent(ua_per_mhz=6.0, supply_v=3.3),
        source="Ambiq Apollo3 Blue Datasheet, DS-A3; current: from flash; 96 MHz bursts left out",
    ),
    _board(
        "stm32h743zi",
        CORTEX_M7,
        flash_kib=2048,
        ram_kib=512,
        clock_mhz=480,
        source="ST STM32H742xI/G STM32H743xI/G datasheet, DS12110; RAM is the AXI SRAM alone, of 1 MB in all",
    ),
    _board(
        "nrf5340",
        CORTEX_M33,
        flash_kib=1024,
        ram_kib=512,
        clock_mhz=128,
        source="Nordic nRF5340 Product Specification; the application core",
    ),
    _board(
        "stm32u575zi",
        CORTEX_M33,
        flash_kib=2048,
        ram_kib=768,
        clock_mhz=160,
        source="ST STM32U575xx datasheet, DS13737; RAM is SRAM1 to SRAM3, which lie side by side",
    ),
    _board(
        "rp2350",
        CORTEX_M33,
        flash_kib=4096,
        ram_kib=520,
        clock_mhz=150,
        source="Raspberry Pi RP2350 Datasheet; flash is external, here the Pico 2's; one of two Arm cores",
    ),
    _board(
        "esp32-c3",
        RV32IMC,
        flash_kib=4096,
        ram_kib=384,
        clock_mhz=160,
        source="Espressif ESP32-C3 Series Datasheet, part ESP32-C3FH4; RAM is the SRAM without its 16 KB of cache",
    ),
)

BOARDS: dict[str, Target] = {board.name: board for board in _BOARDS}

#: Families that go by a shorter name, and the part that stands for each.
FAMILIES = {
    "samd21": "samd21g18",
    "stm32f1": "stm32f103c8",
    "stm32f4": "stm32f411re",
    "stm32l4": "stm32l412kb",
    "stm32h7": "stm32h743zi",
    "stm32u5": "stm32u575zi",
    "apollo3": "apollo3-blue",
}
