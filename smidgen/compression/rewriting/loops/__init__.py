"""Loops over time, however they are written, become one operator: unrolled by torch.export, or torch's own scan."""

from smidgen.compression.rewriting.loops.rolling import roll_loops
from smidgen.compression.rewriting.loops.scans import unify_scans
from smidgen.compression.rewriting.loops.selective_scans import fuse_selective_scans

__all__ = ["fuse_selective_scans", "roll_loops", "unify_scans"]
