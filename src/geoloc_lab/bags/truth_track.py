# SPDX-License-Identifier: Apache-2.0
"""The reference track of a flight: true positions, interpolated between samples."""

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from geoloc import geodesy
from geoloc.arrays import Float64Array, Int64Array
from geoloc.errors import BagError
from geoloc_lab.bags.truth_samples import WHOLE_NUMBERS, Moved, TruthSample, jumped, usable

_NS_PER_S = 1_000_000_000
_OUTSIDE, _GAP, _JUMP = "outside", "gap", "jump"


@dataclass(frozen=True)
class TruthTrack:
    """Reference positions of the camera, in stamp order.

    Attributes:
        stamps_ns: (n,) integer nanoseconds, strictly increasing.
        latitude_deg, longitude_deg: (n,) positions, WGS 84.
        max_gap_s: longest gap that `at` interpolates across; it never interpolates across a jump.
        source: origin of the track, for the report.
        left_out: number of samples that are no truth, by cause; see `truth_samples`.

    Raises:
        BagError: for an empty track, or stamps that do not increase.
    """

    stamps_ns: Int64Array
    latitude_deg: Float64Array
    longitude_deg: Float64Array
    max_gap_s: float = 2.0
    source: str = "truth"
    left_out: Mapping[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.stamps_ns.size == 0:
            raise BagError(self._nothing())
        if np.any(np.diff(self.stamps_ns) <= 0):
            raise BagError(f"{self.source} has stamps that do not increase; sort its rows and drop repeats.")

    @classmethod
    def of(
        cls,
        samples: Iterable[TruthSample | tuple[int, float, float]],
        source: str,
        max_gap_s: float = 2.0,
        moved: Moved | None = None,
    ) -> "TruthTrack":
        """Make a track from samples or (stamp_ns, latitude, longitude) rows, in any order.

        Samples that are no truth are left out by the rule of `truth_samples.usable`, which also explains
        `moved`.

        Raises:
            BagError: if no sample is a truth; the sentence says why.
        """
        ordered, left_out = usable([TruthSample(*sample) for sample in samples], moved)
        stamps = np.array([sample.stamp_ns for sample in ordered], dtype=np.int64)
        latitude, longitude = (np.array([row[i] for row in ordered], dtype=np.float64) for i in (1, 2))
        return cls(stamps, latitude, longitude, max_gap_s, source, left_out)

    def at(self, stamp_ns: int) -> tuple[float, float]:
        """Return latitude and longitude interpolated at a stamp; NaN in a gap, at a jump, or off the ends."""
        after = int(np.searchsorted(self.stamps_ns, stamp_ns))
        if self._lack_at(stamp_ns, after):
            return math.nan, math.nan
        end, north, east = self._sample(after)
        if end == stamp_ns:
            return north, east
        start, south, west = self._sample(after - 1)
        share = (stamp_ns - start) / (end - start)
        if abs(east - west) > 180.0:  # across the antimeridian
            east += math.copysign(360.0, west - east)
        return (1 - share) * south + share * north, _wrapped((1 - share) * west + share * east)

    def sentences(self, stamps_ns: Sequence[int]) -> list[str]:
        """Say which samples are no truth, and why frames with these stamps have no truth; empty if all do."""
        said = []
        if self.left_out:
            count = sum(self.left_out.values())
            total = count + self.stamps_ns.size
            said.append(
                f"truth samples left out: {count} of {total} of {self.source} ({self._causes()}); check the "
                "reference if that is unexpected."
            )
        afters = [(int(stamp), int(np.searchsorted(self.stamps_ns, stamp))) for stamp in stamps_ns]
        lacking = [(self._lack_at(stamp, after), after) for stamp, after in afters]
        counts = Counter(lack for lack, _ in lacking)
        if counts[_GAP]:
            longest_s = max(self._gap_s(after) for lack, after in lacking if lack == _GAP)
            said.append(
                f"frames without truth: {counts[_GAP]}, because truth samples there are up to "
                f"{longest_s:.1f} s apart, more than max_truth_gap_s {self.max_gap_s:g}; raise it "
                "(--max-truth-gap-s) if the flight was straight in between."
            )
        if counts[_JUMP]:
            said.append(
                f"frames without truth: {counts[_JUMP]}, because the truth jumps there; check the reference."
            )
        if counts[_OUTSIDE]:
            said.append(
                f"frames without truth: {counts[_OUTSIDE]}, before the first or after the last truth sample; "
                "check that both share one clock."
            )
        return said

    def _lack_at(self, stamp_ns: int, after: int) -> str:
        """Return why there is no truth at a stamp; empty if there is one. `after` is the next sample."""
        if after < self.stamps_ns.size and self.stamps_ns[after] == stamp_ns:
            return ""
        if after in (0, self.stamps_ns.size):
            return _OUTSIDE
        gap_s = self._gap_s(after)
        if gap_s > self.max_gap_s:
            return _GAP
        (_, *start), (_, *end) = self._sample(after - 1), self._sample(after)
        return _JUMP if jumped(float(geodesy.distance_m(*start, *end)), gap_s) else ""

    def _gap_s(self, after: int) -> float:
        return float(self.stamps_ns[after] - self.stamps_ns[after - 1]) / _NS_PER_S

    def _sample(self, index: int) -> tuple[int, float, float]:
        row = (self.stamps_ns[index], self.latitude_deg[index], self.longitude_deg[index])
        return int(row[0]), float(row[1]), float(row[2])

    def _causes(self) -> str:
        return "; ".join(f"{count} {cause}" for cause, count in self.left_out.items())

    def _nothing(self) -> str:
        if not self.left_out:
            return f"{self.source} holds no truth position; give --truth a CSV file."
        remedy = "divide latitude and longitude by 1e7" if WHOLE_NUMBERS in self.left_out else "check it"
        return (
            f"{self.source} holds no truth position, because none of its samples can be one "
            f"({self._causes()}); {remedy}, or give --truth a CSV file."
        )


def _wrapped(longitude_deg: float) -> float:
    return longitude_deg - math.copysign(360.0, longitude_deg) if abs(longitude_deg) > 180 else longitude_deg
