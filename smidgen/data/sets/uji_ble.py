"""UJI BLE: fingerprints of 22 to 24 beacons by phone, power and campaign (Mendoza-Silva et al. 2019, Data 4(1):12,
DOI 10.5281/zenodo.1618692).

`uji_ble/rss/<area>_{rss,crd,ids}.csv.gz`, areas `geo` (offices) and `lib` (library), without headers; line i of the
three belongs together: levels (100 = not heard), x and y in metres, an 8-digit id PWCNNNSS of phone, power, campaign,
point and sample. The areas share no beacon. Positions only: a zone is a quarter of x by a half of y, of the area.
All samples of a point in a campaign are one group. Phones differ strongly: score within one phone and power
(`examples.where(phone="2", power="2")`), or across them on purpose (`PROTOCOLS`).
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from smidgen.data.csv_table import read_text
from smidgen.data.examples import DBM, Examples
from smidgen.data.number_table import parse_numbers
from smidgen.data.protocols import GroupedFolds, Transfer
from smidgen.data.sets.folder import find_folder
from smidgen.errors import ConfigError, DataError, nearest

FOLDER = "uji_ble"
AREAS = {"geo": 22, "lib": 24}
"""Beacons of each area."""

NOT_HEARD = 100.0
ZONES = tuple(f"x {quarter}/4, y {half}/2" for half in (1, 2) for quarter in (1, 2, 3, 4))

PROTOCOLS = {
    "grouped-fifths": GroupedFolds(n=5),
    "phone-1-to-2": Transfer(by="phone", train=("1",), test=("2",), same_groups=True),
    "phone-1-to-3": Transfer(by="phone", train=("1",), test=("3",), same_groups=True),
    "power-1-to-3": Transfer(by="power", train=("1",), test=("3",), same_groups=True),
}
"""The first within one phone and power; transfers between phones for `lib`, between powers for `geo`, at the points
that all of them share: what is asked is whether a fingerprint outlives the device."""


def load_uji_ble(root: Path | str, area: str) -> Examples:
    """Return one area's scans, in the order of the files.

    Args: root, the folder that holds `uji_ble`, or that folder itself; area, one of AREAS.
    Raises ConfigError for an unknown area, DataError where a file is missing or malformed or files disagree in length.
    """
    if area not in AREAS:
        raise ConfigError(f"no area is called {area!r}; {nearest(area, AREAS)}")
    folder = find_folder(root, FOLDER, holds="rss", source="DOI 10.5281/zenodo.1618692") / "rss"
    beacons = tuple(f"{area} beacon {number}" for number in range(1, AREAS[area] + 1))
    levels = _read(folder / f"{area}_rss.csv.gz", beacons)
    position = _read(folder / f"{area}_crd.csv.gz", ("x", "y"))
    ids = _read(folder / f"{area}_ids.csv.gz", ("id",))[:, 0].astype(np.int64)
    if not len(levels) == len(position) == len(ids):
        raise DataError(
            f"{folder}: line i of {area}_rss, {area}_crd and {area}_ids belongs together; found {len(levels)}, "
            f"{len(position)} and {len(ids)} lines. Fetch them again."
        )
    wrong = np.flatnonzero((ids < 10_000_000) | (ids > 99_999_999))
    if len(wrong):
        raise DataError(
            f"{folder / area}_ids.csv.gz:{wrong[0] + 1}: expected an id of 8 digits, found {ids[wrong[0]]}."
        )
    campaign, point = ids // 100_000 % 10, ids // 100 % 1000
    return Examples(
        name=f"{FOLDER}/{area}",
        unit=DBM,
        features=beacons,
        values=list(np.where(levels == NOT_HEARD, np.nan, levels)[:, None].astype(np.float32)),
        classes=ZONES,
        label=_zone(position),
        group=np.array([f"{c}/{p}" for c, p in zip(campaign, point, strict=True)]),
        tags={
            "phone": (ids // 10_000_000).astype(np.str_),
            "power": (ids // 1_000_000 % 10).astype(np.str_),
            "campaign": campaign.astype(np.str_),
            "point": point.astype(np.str_),
        },
        position_m=position.astype(np.float32),
        counts={"rows": len(ids), "levels_not_heard": int((levels == NOT_HEARD).sum())},
    )


def _read(path: Path, columns: tuple[str, ...]) -> NDArray[np.float64]:
    return parse_numbers(read_text(path), path=path, columns=columns, header=False)


def _zone(position: NDArray[np.float64]) -> NDArray[np.int16]:
    """Return the zone (n,) of each position (n, 2) in metres."""
    quarter = np.searchsorted(np.quantile(position[:, 0], [0.25, 0.5, 0.75]), position[:, 0], side="right")
    half = np.searchsorted(np.quantile(position[:, 1], [0.5]), position[:, 1], side="right")
    return (4 * half + quarter).astype(np.int16)
