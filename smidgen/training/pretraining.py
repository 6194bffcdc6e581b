"""Learning from other homes how to learn a new one: episodes of a few labelled windows, and questions about the rest.

Each episode plays a new home (Snell, Swersky & Zemel 2017, Algorithm 1): some windows of a home's calibration walk
give each room its centre, windows of living there are asked about. Access points are left out at random, so that their
number varies. Shapes: n windows, T frames, A access points, M motion channels.
"""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional as F

from smidgen.data import Windows
from smidgen.errors import ConfigError, DataError
from smidgen.models import AccessPointEncoder
from smidgen.models.access_point_encoder import room_centres
from smidgen.training.augmentation import AugmentationConfig, augment_rssi
from smidgen.training.batches import fingerprint
from smidgen.training.checkpoint import (
    CHECKPOINT,
    WholeFileCheckpointIO,
    is_complete,
    load_weights,
    open_run,
    require_run,
    save_model,
)
from smidgen.training.randomness import Stream, generator
from smidgen.training.run import one_thread


@dataclass(frozen=True, slots=True, kw_only=True)
class HomeExamples:
    """What is known of one home: windows of its calibration walk, and of living in it."""

    calibration: Windows
    living: Windows


@dataclass(frozen=True, slots=True, kw_only=True)
class PretrainingConfig:
    """How an encoder learns from other homes; Adam under a cosine that ends at zero."""

    seed: int = 0
    episodes: int = 2000
    most_shots: int = 12  # windows of a room that make its centre, 1 to this many
    queries: int = 64  # windows asked about
    learning_rate: float = 1e-2
    drop_access_point: float = 0.2  # probability that an episode's home lacks one
    augmentation: AugmentationConfig = field(
        default_factory=lambda: AugmentationConfig(offset_db=3.0, noise_db=1.0, burst=0.05, longest_burst=6)
    )
    checkpoint_every: int = 200  # episodes

    def __post_init__(self) -> None:
        for name in ("episodes", "most_shots", "queries", "checkpoint_every"):
            if getattr(self, name) < 1:
                raise ConfigError(f"pretraining: {name} must be at least 1, got {getattr(self, name)}")
        if not self.learning_rate > 0:
            raise ConfigError(f"pretraining: learning_rate must be positive, got {self.learning_rate}")
        if not 0 <= self.drop_access_point < 1:
            raise ConfigError(f"pretraining: drop_access_point must lie in [0, 1), got {self.drop_access_point}")


def pretrain(
    encoder: AccessPointEncoder, homes: Sequence[HomeExamples], config: PretrainingConfig, run_folder: Path
) -> AccessPointEncoder:
    """Train `encoder` in place over episodes of `homes` and leave a complete run in `run_folder`.

    Repeating the call continues a run that was killed, from its last checkpoint, and ends with the same weights bit for
    bit; a complete run is read back. Homes may differ in access points, not in motion channels.
    Raises: CheckpointError where the folder holds another run, DataError without homes, or where the sides of one
    do not belong together.
    """
    _check(homes)
    data = [fingerprint(part) for home in homes for part in (home.calibration, home.living)]
    open_run(run_folder, {"model": asdict(encoder.config), "pretraining": asdict(config), "data": data})
    if not is_complete(run_folder):
        with one_thread():
            _run(encoder, homes, config, run_folder / CHECKPOINT)
        save_model(encoder, run_folder)
    load_weights(encoder, run_folder)
    return encoder


def read_pretrained(encoder: AccessPointEncoder, config: PretrainingConfig, run_folder: Path) -> AccessPointEncoder:
    """Give `encoder` the weights of a complete run, without the homes that it learned from.

    Raises: CheckpointError where the run is not complete, is damaged, or was of another model or config.
    """
    require_run(run_folder, {"model": asdict(encoder.config), "pretraining": asdict(config)})
    load_weights(encoder, run_folder)
    return encoder


def _run(
    encoder: AccessPointEncoder, homes: Sequence[HomeExamples], config: PretrainingConfig, checkpoint: Path
) -> None:
    optimizer = torch.optim.Adam(encoder.parameters(), lr=config.learning_rate)
    files = WholeFileCheckpointIO()
    first = 0
    if checkpoint.exists():
        state = files.load_checkpoint(checkpoint)
        encoder.load_state_dict(state["encoder"])
        optimizer.load_state_dict(state["optimizer"])
        first = state["episode"]
    encoder.train()
    for episode in range(first, config.episodes):
        for group in optimizer.param_groups:
            group["lr"] = config.learning_rate * 0.5 * (1 + math.cos(math.pi * episode / config.episodes))
        draw = generator(seed=config.seed, stream=Stream.EPISODE, index=episode)
        home = homes[int(torch.randint(len(homes), (), generator=draw))]
        loss = episode_loss(encoder, home, config, generator=draw)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(encoder.parameters(), 1.0)
        optimizer.step()
        if (episode + 1) % config.checkpoint_every == 0:
            files.save_checkpoint(
                {"encoder": encoder.state_dict(), "optimizer": optimizer.state_dict(), "episode": episode + 1},
                checkpoint,
            )


def episode_loss(
    encoder: AccessPointEncoder, home: HomeExamples, config: PretrainingConfig, *, generator: torch.Generator
) -> Tensor:
    """Return the cross entropy of one episode; the generator decides windows, access points and disturbances."""
    label, asked_label = (torch.from_numpy(part.label).long() for part in (home.calibration, home.living))
    shots = int(torch.randint(1, config.most_shots + 1, (), generator=generator))
    rooms = sorted(set(label.tolist()))
    support = torch.cat([_drawn((label == room).nonzero()[:, 0], shots, generator) for room in rooms])
    asked = _drawn(torch.isin(asked_label, label).nonzero()[:, 0], config.queries, generator)
    parts = ((home.calibration, support), (home.living, asked))
    rssi = torch.cat([torch.from_numpy(windows.rssi)[rows] for windows, rows in parts]).float()
    motion = torch.cat([torch.from_numpy(windows.motion)[rows] for windows, rows in parts])
    kept = _kept_access_points(rssi.shape[2], config.drop_access_point, generator)
    states = encoder(augment_rssi(rssi[:, :, kept], config.augmentation, generator=generator), motion)[:, -1]
    n_rooms = len(home.calibration.rooms)
    centres = room_centres(states[: len(support)], label[support], n_rooms=n_rooms)
    return F.cross_entropy(encoder.logits(states[len(support) :], centres), asked_label[asked])


def _check(homes: Sequence[HomeExamples]) -> None:
    if not homes:
        raise DataError("pretraining needs homes to learn from; simulate some, or record more")
    for home in homes:
        walked, lived = home.calibration, home.living
        if walked.rooms != lived.rooms or walked.access_points != lived.access_points:
            raise DataError(
                f"{walked.recordings[:1]} and {lived.recordings[:1]} differ in rooms or access points; the "
                "two sides of an episode come from one home"
            )
        if not set(walked.label.tolist()) & set(lived.label.tolist()):
            raise DataError(f"{lived.recordings[:1]}: no window lies in a room that its calibration walk visited")


def _drawn(rows: Tensor, most: int, generator: torch.Generator) -> Tensor:
    """Return at most so many of the rows, each once."""
    return rows[torch.randperm(len(rows), generator=generator)[:most]]


def _kept_access_points(n_access_points: int, probability: float, generator: torch.Generator) -> Tensor:
    """Return the indices of the access points that are there, at least one."""
    kept = (torch.rand(n_access_points, generator=generator) >= probability).nonzero()[:, 0]
    return kept if len(kept) else torch.randint(n_access_points, (1,), generator=generator)
