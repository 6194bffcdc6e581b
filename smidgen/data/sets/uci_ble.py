"""UCI BLE RSSI data set: 13 iBeacons in a library, positions on a lettered grid (Mohammadi et al. 2018,
DOI 10.24432/C54G80).

`uci_ble_ibeacon/iBeacon_RSSI_Labeled.csv`: location (O02: column O, row 2), date, then a level each, -200 = not heard;
15 levels read -199 or -198, and whatever is below all that a radio reports was not heard, and is counted. 105 cells of
13 rows in the mean are close to unlearnable, so the label is a zone of many cells; the cell is kept as a tag.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from smidgen.data.csv_table import Table, read_table
from smidgen.data.examples import DBM, Examples
from smidgen.data.protocols import StratifiedFolds
from smidgen.data.recording import RSSI_RANGE_DBM
from smidgen.data.sets.folder import find_folder
from smidgen.errors import DataError

FOLDER = "uci_ble_ibeacon"
FILE = "iBeacon_RSSI_Labeled.csv"
BEACONS = tuple(f"b{number}" for number in range(3001, 3014))
NOT_HEARD = -200.0
ROWS = 1420
"""Lines of the published file, which has no checksum of its own: fewer mean that it was cut."""

COLUMN_GROUPS = ("ABCDEFGH", "IJKL", "MNOP", "QRSTUVW")
ROW_GROUPS = (range(1, 8), range(8, 16))

PROTOCOLS = {"stratified-fifths": StratifiedFolds(n=5)}

_CELL = re.compile(r"([A-W])(\d\d)")


def load_uci_ble(root: Path | str) -> Examples:
    """Return the fingerprints, labelled by zone: the zones of the grid that occur, column group by row group.

    Args: root, the folder that holds `uci_ble_ibeacon`, or that folder itself.
    Raises DataError for a missing or cut file, a malformed line, or a location off the grid.
    """
    path = find_folder(root, FOLDER, holds=FILE, source="DOI 10.24432/C54G80") / FILE
    table = read_table(path, columns=("location", "date", *BEACONS))
    if len(table) != ROWS:
        raise DataError(
            f"{path}: expected {ROWS} lines, found {len(table)}. The file is cut or joined: fetch it again."
        )
    levels = np.stack([table.numbers(beacon) for beacon in BEACONS], axis=1)
    heard = levels >= RSSI_RANGE_DBM[0]
    zone = [_zone(table, row, cell) for row, cell in enumerate(table.text("location"))]
    zones = tuple(sorted(set(zone)))
    return Examples(
        name=FOLDER,
        unit=DBM,
        features=BEACONS,
        values=list(np.where(heard, levels, np.nan)[:, None].astype(np.float32)),
        classes=zones,
        label=np.array([zones.index(name) for name in zone], dtype=np.int16),
        group=np.arange(len(table)).astype(np.str_),
        tags={
            "cell": np.array(table.text("location")),
            "day": np.array([date.split(" ")[0] for date in table.text("date")]),
        },
        counts={
            "rows": len(table),
            "levels_not_heard": int((levels == NOT_HEARD).sum()),
            "levels_below_any_radio": int((~heard & (levels != NOT_HEARD)).sum()),
        },
    )


def _zone(table: Table, row: int, cell: str) -> str:
    """Return the zone of a cell, as in "I-L 1-7"."""
    match = _CELL.fullmatch(cell)
    rows = next((group for group in ROW_GROUPS if match and int(match[2]) in group), None)
    if match is None or rows is None:
        raise DataError(f"{table.at(row)}: expected a location A01 to W15 on the grid, found {cell!r}.")
    columns = next(group for group in COLUMN_GROUPS if match[1] in group)
    return f"{columns[0]}-{columns[-1]} {rows[0]}-{rows[-1]}"
