"""`python -m benchmarks.wear_energy`: an hour of wear by board, program and arrangement, in results/energy.json.

The programs are those of results/targets.json, with the cycles that were estimated there for a Cortex-M4.
"""

import argparse
import json
from importlib.metadata import version
from pathlib import Path
from typing import Any

from smidgen.targets import RADIO_CURRENTS, WearConfig, estimate_wear_energy, find_target
from smidgen.whole_file import write_whole

RESULTS = Path("results/energy.json")
PROGRAMS = Path("results/targets.json")
ADVERTISING_S = (0.1, 0.02)  # of the access points; 20 ms is the shortest that Bluetooth allows


def main() -> None:
    """Estimate, and write the records."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.wear_energy", description=main.__doc__)
    parser.add_argument("--out", type=Path, default=RESULTS, help=f"where to write the records (default {RESULTS})")
    arguments = parser.parse_args()
    programs = [row for row in json.loads(PROGRAMS.read_text()) if row["target"] == "cortex-m4"]
    records: list[dict[str, Any]] = []
    for board in RADIO_CURRENTS:
        for program in programs:
            for advertising_s in ADVERTISING_S:
                wear = WearConfig(cycles_per_decision=program["cycles_estimate"], advertising_s=advertising_s)
                asked = {
                    "model": program["model"],
                    "recipe": program["recipe"],
                    "cycles_per_decision_estimate": wear.cycles_per_decision,
                    "decision_s": wear.decision_s,
                    "advertising_s": advertising_s,
                    "command": "python -m benchmarks.wear_energy",
                    "versions": f"smidgen {version('smidgen')}",
                }
                records += [asked | row for row in estimate_wear_energy(find_target(board), wear).records()]
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    write_whole(arguments.out, (json.dumps(records, indent=1) + "\n").encode())
    print(f"{len(records)} records in {arguments.out}")


if __name__ == "__main__":
    main()
