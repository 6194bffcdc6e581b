"""Compare outputs that must agree byte for byte, and say where they first do not."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from smidgen.errors import VerificationError
from smidgen.verification.batch import AnyArray


@dataclass(frozen=True, slots=True, kw_only=True)
class Mismatch:
    """The first element in which an output differs."""

    output: str
    sample: int
    element: tuple[int, ...]  # index within the sample
    expected: float
    actual: float

    def __str__(self) -> str:
        index = ", ".join(map(str, self.element))
        return f"{self.output}[{index}] of sample {self.sample}: expected {self.expected!r}, got {self.actual!r}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """How two executions of the same samples differ, over all outputs."""

    n_samples: int
    total_bytes: int
    mismatched_bytes: int
    mismatched_samples: int
    first: Mismatch | None  # in the first output that differs, by order; its first sample

    def __str__(self) -> str:
        if self.first is None:
            return f"all {self.total_bytes} bytes of {self.n_samples} samples are equal"
        return (
            f"{self.mismatched_bytes} of {self.total_bytes} bytes differ, in {self.mismatched_samples} of "
            f"{self.n_samples} samples; first {self.first}"
        )

    def require_equal(self, expected: str, actual: str) -> None:
        """Raise VerificationError unless every byte agrees; the arguments name the two executions."""
        if self.first is not None:
            raise VerificationError(f"{actual} does not equal {expected}: {self}")


def compare(expected: Sequence[AnyArray], actual: Sequence[AnyArray], names: Sequence[str]) -> Comparison:
    """Compare outputs, each (n, ...) with samples first, by their bytes: -0.0 is not 0.0, a NaN equals itself.

    Raises VerificationError when their number, shapes or element types differ or there is no sample, so that nothing is
    left uncompared.
    """
    _require_same_form(expected, actual, names)
    n_samples = len(expected[0])
    total_bytes = mismatched_bytes = 0
    differing = np.zeros(n_samples, dtype=bool)
    first = None
    for name, left, right in zip(names, expected, actual, strict=True):
        unequal = _bytes_of(left) != _bytes_of(right)  # (n, bytes of a sample)
        total_bytes += unequal.size
        mismatched_bytes += int(np.count_nonzero(unequal))
        differing |= unequal.any(axis=1)
        if first is None and unequal.any():
            sample, byte = divmod(int(np.argmax(unequal)), unequal.shape[1])
            element = tuple(int(i) for i in np.unravel_index(byte // left.itemsize, left.shape[1:]))
            at = (sample, *element)
            first = Mismatch(
                output=name, sample=sample, element=element, expected=left[at].item(), actual=right[at].item()
            )
    return Comparison(
        n_samples=n_samples,
        total_bytes=total_bytes,
        mismatched_bytes=mismatched_bytes,
        mismatched_samples=int(np.count_nonzero(differing)),
        first=first,
    )


def _require_same_form(expected: Sequence[AnyArray], actual: Sequence[AnyArray], names: Sequence[str]) -> None:
    if not len(expected) == len(actual) == len(names) > 0:
        raise VerificationError(
            f"expected {len(expected)} outputs, got {len(actual)}, named {len(names)}: nothing to compare one to one"
        )
    if len(expected[0]) == 0:
        raise VerificationError(f"no sample of {', '.join(names)} to compare")
    for name, left, right in zip(names, expected, actual, strict=True):
        if left.shape != right.shape or left.dtype != right.dtype or len(left) != len(expected[0]):
            raise VerificationError(
                f"{name} cannot be compared: expected {left.dtype} {left.shape}, got {right.dtype} {right.shape}"
            )


def _bytes_of(array: AnyArray) -> np.ndarray[tuple[int, int], np.dtype[np.uint8]]:
    return np.ascontiguousarray(array).reshape(len(array), -1).view(np.uint8)
