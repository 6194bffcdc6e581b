"""The networks that are trained on whole recordings: the streaming students and the teacher chosen for each data set.

docs/training.md has the scores they were chosen by, and how.
"""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass

from smidgen.errors import ConfigError, nearest
from smidgen.training.augmentation import AugmentationConfig
from smidgen.training.recording_training import RecordingTrainingConfig


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordingPreset:
    """A network, how it is trained on whole recordings, and how many of it answer together."""

    model: str  # one of MODEL_NAMES
    shape: Mapping[str, int]
    step_s: float  # of a frame
    training: RecordingTrainingConfig
    members: int = 1  # that differ in their seed, and whose answers' mean is the ensemble's

    def __post_init__(self) -> None:
        if self.members < 1:
            raise ConfigError(f"an ensemble needs at least 1 member, got {self.members}")

    @property
    def delay_s(self) -> float:
        """How long after a decision's interval the answer comes."""
        return self.training.delay_frames * self.step_s

    def training_for(self, seed: int) -> RecordingTrainingConfig:
        return dataclasses.replace(self.training, seed=seed)

    def member_seeds(self, seed: int) -> range:
        """Return the seeds of the members; those of different ensembles never overlap."""
        return range(seed * self.members, (seed + 1) * self.members)


def find_recording_preset(data: str, role: str) -> RecordingPreset:
    """Return what plays a role on a data set. Raises: ConfigError for an unknown name, with the nearest known one."""
    if data not in RECORDING_PRESETS:
        raise ConfigError(f"nothing is set up for whole recordings of {data!r}; {nearest(data, RECORDING_PRESETS)}")
    roles = RECORDING_PRESETS[data]
    if role not in roles:
        raise ConfigError(f"{data} has no {role!r}; {nearest(role, roles)}")
    return roles[role]


# The levels of one house and one wrist: weak disturbance, as on windows. But sequences 1-5 have an access point in the
# lounge, 7-10 one in the study, 6 neither: without access points that fall silent, sequence 6 scores 0.52.
_SPHERE_AUGMENTATION = AugmentationConfig(
    offset_db=2.0, noise_db=1.0, drop_access_point=0.03, drop_sometimes_absent=0.3, burst=0.4, longest_burst=6
)
_SPHERE = RecordingTrainingConfig(
    epochs=20,
    batches_per_epoch=50,
    batch_size=12,
    crop_frames=160,
    weight_decay=0.3,
    class_weight_power=0.65,
    augmentation=_SPHERE_AUGMENTATION,
)

RECORDING_PRESETS: Mapping[str, Mapping[str, RecordingPreset]] = {
    "sphere": {
        "student": RecordingPreset(model="gru", shape={"d_model": 24}, step_s=1.0, training=_SPHERE),
        "student-4s": RecordingPreset(
            model="gru", shape={"d_model": 24}, step_s=1.0, training=dataclasses.replace(_SPHERE, delay_frames=4)
        ),
        # The published range of memories, 10 to 1000 steps, is long for frames of 1 s: a hall is crossed in three.
        "mamba": RecordingPreset(
            model="mamba",
            shape={"d_model": 16, "d_state": 4, "shortest_memory": 1, "longest_memory": 100},
            step_s=1.0,
            training=_SPHERE,
            members=3,
        ),
        # Attention reads a window: crops as long as it, 80 s, four times what windows alone were trained on. Half of
        # the first lies before the recording, as in the windows of the first decisions.
        "window": RecordingPreset(
            model="transformer",
            shape={"d_model": 24, "n_heads": 2, "d_feedforward": 48, "n_positions": 80, "d_conv": 4},
            step_s=1.0,
            training=dataclasses.replace(_SPHERE, crop_frames=80, silence_frames=40, batch_size=24),
            members=3,
        ),
        "teacher": RecordingPreset(
            model="bidirectional-gru", shape={"d_model": 24}, step_s=1.0, training=_SPHERE, members=3
        ),
    },
}
