"""The localisation study: every way to find rooms on the same held-out recordings, and firmware of the best one."""

from smidgen.localisation.contestants import CONTESTANTS, Contestant
from smidgen.localisation.study import StudyConfig, run_study

__all__ = ["CONTESTANTS", "Contestant", "StudyConfig", "run_study"]
