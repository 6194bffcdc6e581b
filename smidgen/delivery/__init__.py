"""What leaves Smidgen: a folder that every build system takes, and the judgement of what a board reports. No torch."""

from smidgen.delivery.board import BoardVerdict, judge_board
from smidgen.delivery.board_log import BoardReport, read_board_log
from smidgen.delivery.contents import Delivery
from smidgen.delivery.folder import save_delivery
from smidgen.delivery.manifest import Manifest, read_manifest

__all__ = [
    "BoardReport",
    "BoardVerdict",
    "Delivery",
    "Manifest",
    "judge_board",
    "read_board_log",
    "read_manifest",
    "save_delivery",
]
