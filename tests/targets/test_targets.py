"""Targets are found by the names that people use, and what is known of them is consistent."""

from dataclasses import replace
from typing import Any

import pytest

from smidgen.errors import ConfigError
from smidgen.targets import (
    BOARDS,
    CORES,
    EMULATED_CORES,
    FAMILIES,
    TARGETS,
    ActiveCurrent,
    Architecture,
    find_target,
)


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ("cortex-m4", "cortex-m4"),
        ("Cortex_M0plus", "cortex-m0plus"),
        ("nRF52840", "nrf52840"),
        ("ESP32C3", "esp32-c3"),
        ("STM32L4", "stm32l412kb"),
        ("stm32u5", "stm32u575zi"),
        ("host", "host"),
    ],
)
def test_names_are_found_in_any_spelling(asked: str, found: str) -> None:
    """Case, hyphens and underscores do not matter; a family gives its part."""
    assert find_target(asked).name == found


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ("nRF52841", "unknown target 'nRF52841'; did you mean 'nrf52840'?"),
        ("cortex-m44", "did you mean 'cortex-m4'?"),
        ("avr", "choose from cortex-m0plus, .*nrf52840"),
        ("", "choose from cortex-m0plus"),
    ],
)
def test_an_unknown_name_is_answered_with_the_nearest(asked: str, message: str) -> None:
    """A mistyped name is no guess; one like nothing gets the list."""
    with pytest.raises(ConfigError, match=message.replace("?", r"\?")):
        find_target(asked)


def test_every_name_finds_itself() -> None:
    """No two names differ by case or hyphens alone, and no board hides a core."""
    assert {name: find_target(name).name for name in TARGETS} == {name: name for name in TARGETS}
    assert len(TARGETS) == len(CORES) + len(BOARDS)
    assert {find_target(family).name for family in FAMILIES} == set(FAMILIES.values())


@pytest.mark.parametrize("board", BOARDS.values(), ids=BOARDS.keys())
def test_a_board_is_complete_and_read_in_a_document(board) -> None:
    """Memory and clock are given, and none of them is left to be checked."""
    assert board.core.name in EMULATED_CORES
    assert board.is_board
    assert None not in (board.flash_bytes, board.ram_bytes, board.clock_hz)
    assert "to be checked" not in board.source


def test_a_current_says_under_which_conditions_it_holds() -> None:
    """Each has a source of its own, and the only one that was not read in full says so."""
    sources = {board.name: board.active_current.source for board in BOARDS.values() if board.active_current}
    assert all(sources.values())
    assert [name for name, source in sources.items() if "to be checked" in source] == ["stm32l412kb"]


def test_a_core_by_itself_has_the_default_budget() -> None:
    """64 KB of flash and 32 KB of RAM where no board is named; none for what is no microcontroller."""
    assert {(core.flash_bytes, core.ram_bytes) for core in EMULATED_CORES.values()} == {(65536, 32768)}
    assert [find_target(name).ram_bytes for name in ("host", "wasm32")] == [None, None]
    assert {core.architecture for core in CORES.values() if not core.is_emulated} == {
        Architecture.HOST, Architecture.WASM,
    }  # fmt: skip


def test_every_target_says_where_its_budget_comes_from() -> None:
    """No figure stands without a source."""
    assert all(target.source for target in TARGETS.values())


def test_time_and_energy_follow_from_the_datasheet() -> None:
    """640,000 cycles at 64 MHz are 10 ms, and 52 uA/MHz at 3 V are 156 pJ a cycle."""
    board = find_target("nrf52840")
    assert board.latency_us(640_000) == pytest.approx(10_000)
    assert board.energy_uj(640_000) == pytest.approx(640_000 * 156e-6)
    core = find_target("cortex-m4")
    assert (core.latency_us(1), core.energy_uj(1)) == (None, None)


@pytest.mark.parametrize("wrong", [{"flash_bytes": 0}, {"ram_bytes": -1}, {"clock_hz": 0}, {"flash_bytes": 2.5e5}])
def test_an_impossible_target_is_refused(wrong: dict[str, Any]) -> None:
    """Sizes and clocks are positive whole numbers."""
    with pytest.raises(ConfigError, match="target rp2040 needs a positive"):
        replace(find_target("rp2040"), **wrong)
    with pytest.raises(ConfigError, match="must be positive"):
        ActiveCurrent(ua_per_mhz=0.0, supply_v=3.0)
