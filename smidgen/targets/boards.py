"""Microcontrollers by name: core, memory, clock and run current, each with the document that it was read in.

That is the vendor's own, or two public sources that agree where the vendor's could not be opened. "To be checked"
stands in the source of a figure that was not read in full.
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
) -> Target:
    return Target(
        name=name,
        core=core,
        flash_bytes=flash_kib * 1024,
        ram_bytes=ram_kib * 1024,
        clock_hz=clock_mhz * 1_000_000,
        active_current=active_current,
        source=source,
    )


_BOARDS = (
    _board(
        "samd21g18",
        CORTEX_M0PLUS,
        flash_kib=256,
        ram_kib=32,
        clock_mhz=48,
        source="Microchip SAM D21/DA1 Family Data Sheet, DS40001882: Features; Configuration Summary, ATSAMD21G18A",
    ),
    _board(
        "rp2040",
        CORTEX_M0PLUS,
        flash_kib=2048,
        ram_kib=264,
        clock_mhz=133,
        source="Raspberry Pi pico-sdk: RP2040.svd, device description; boards/pico.h; flash is external, here the "
        "Pico's; one of two cores; the 200 MHz that SDK 2.1.1 allows at a raised core voltage left out",
    ),
    _board(
        "stm32f103c8",
        CORTEX_M3,
        flash_kib=64,
        ram_kib=20,
        clock_mhz=72,
        source="ST STM32F103x8/xB datasheet, DS5319 (DocID13587 Rev 17): Features",
    ),
    _board(
        "nrf52832",
        CORTEX_M4,
        flash_kib=512,
        ram_kib=64,
        clock_mhz=64,
        active_current=ActiveCurrent(
            ua_per_mhz=58.0,
            supply_v=3.0,
            source="from flash with DC/DC: BlueMicro's Supported Processors and DigiKey's Building Bluetooth-Connected "
            "IoT Wireless Sensor Prototypes (2017); supply and regulator: Nordic nRF52832 Product Specification v1.1, "
            "Power and clock management",
        ),
        source="Zephyr's nrf52832_qfaa.dtsi and PlatformIO's pages of nRF52832 boards; variant AA",
    ),
    _board(
        "nrf52840",
        CORTEX_M4,
        flash_kib=1024,
        ram_kib=256,
        clock_mhz=64,
        active_current=ActiveCurrent(
            ua_per_mhz=52.0,
            supply_v=3.0,
            source="CoreMark from flash with DC/DC, 3.3 mA at 64 MHz: BlueMicro's Supported Processors and "
            "keebdeck_ble's hacking.md, which quote Nordic's Product Specification",
        ),
        source="Zephyr's nrf52840_qiaa.dtsi and PlatformIO's page of the nRF52840 DK",
    ),
    _board(
        "stm32l412kb",
        CORTEX_M4,
        flash_kib=128,
        ram_kib=40,
        clock_mhz=80,
        active_current=ActiveCurrent(
            ua_per_mhz=79.0,
            supply_v=3.0,
            source="run mode with LDO: the cover of DS12469, which names neither clock nor supply; "
            "to be checked at 80 MHz in its tables of supply current",
        ),
        source="ST STM32L412xx datasheet, DS12469 Rev 7: Features; RAM is SRAM1 and SRAM2's alias above it, as in "
        "Zephyr's stm32l412XB.dtsi",
    ),
    _board(
        "stm32f411re",
        CORTEX_M4,
        flash_kib=512,
        ram_kib=128,
        clock_mhz=100,
        active_current=ActiveCurrent(
            ua_per_mhz=116.0,
            supply_v=3.6,
            source="DS10314, table 23: 11.6 mA at 100 MHz from flash, peripherals off, accelerator without prefetch; "
            "with prefetch it is 225 uA/MHz, table 25; the 100 uA/MHz of the cover hold at 64 MHz and 1.7 V",
        ),
        source="ST STM32F411xC/xE datasheet, DS10314 (DocID026289 Rev 7): Features",
    ),
    _board(
        "apollo3-blue",
        CORTEX_M4,
        flash_kib=1024,
        ram_kib=384,
        clock_mhz=48,
        active_current=ActiveCurrent(
            ua_per_mhz=11.7,
            supply_v=3.3,
            source="Ambiq's datasheet as quoted by IoT_Node_Modeling's Apollo3.py, 10.3 uA/MHz, and by "
            "Low-power-E-Paper-OS's energy-autonomous-computing.md, about 10 and 68 uA besides: 11.7 at 48 MHz, "
            "where the first measured 11.9; the 6 uA/MHz of the cover are an empty loop",
        ),
        source="Zephyr's ambiq_apollo3_blue.dtsi and SparkFun's Edge Hookup Guide; RAM is the TCM and the SRAM above "
        "it; 96 MHz bursts left out",
    ),
    _board(
        "stm32h743zi",
        CORTEX_M7,
        flash_kib=2048,
        ram_kib=512,
        clock_mhz=480,
        source="Zephyr's stm32h743Xi.dtsi and page of the Nucleo H743ZI, stm32h7xx-hal's memory.x, and the title of "
        "ST's datasheet DS12110; RAM is the AXI SRAM alone, of 1 MB in all",
    ),
    _board(
        "nrf5340",
        CORTEX_M33,
        flash_kib=1024,
        ram_kib=512,
        clock_mhz=128,
        source="Nordic's nrf5340_cpuapp_qkaa.dtsi in Zephyr and Zephyr's page of the nRF5340 DK; the application core",
    ),
    _board(
        "stm32u575zi",
        CORTEX_M33,
        flash_kib=2048,
        ram_kib=768,
        clock_mhz=160,
        source="Zephyr's page of the Nucleo U575ZI-Q and RIOT's; RAM is SRAM1 to SRAM3, 192, 64 and 512 KB, "
        "which lie side by side in probe-rs's map of the STM32U575",
    ),
    _board(
        "rp2350",
        CORTEX_M33,
        flash_kib=4096,
        ram_kib=520,
        clock_mhz=150,
        source="Zephyr's page of the Raspberry Pi Pico 2 and RIOT's; Raspberry Pi pico-sdk, boards/pico2.h; "
        "flash is external, here the Pico 2's; one of two Arm cores",
    ),
    _board(
        "esp32-c3",
        RV32IMC,
        flash_kib=4096,
        ram_kib=384,
        clock_mhz=160,
        source="Espressif ESP32-C3 Series Datasheet v2.0, part ESP32-C3FH4 (flash); Espressif's "
        "soc-esp32c3-features.rst in Zephyr and ESP-IDF's soc.h; RAM is the SRAM without its 16 KB of cache",
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
