# SPDX-License-Identifier: Apache-2.0
"""Cuts footage into views, without frames that nearly repeat the frame before.

Frames that overlap too much add no information, and they chain the clusters of a whole flight into one. No
GNSS position is used to find them. A frame is kept if its cosine with the last kept frame is at most the
typical cosine of two map views a quarter of a view apart.
"""

import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from geoloc.camera.footprint import VIEW_SHARE
from geoloc.errors import BagError, FrameRefused
from geoloc.progress import progress_bar
from geoloc_training.adaptation.recordings import Frame, Recording
from geoloc_training.adaptation.view_files import write_view
from geoloc_training.adaptation.warping import KINDS, POSED, Choose, FootprintUnknown
from geoloc_training.arrays import Describe, Views
from geoloc_training.datasets.region import FrameRow, frame_file, write_frames


@dataclass(frozen=True)
class FootageOptions:
    """Selection of frames.

    Attributes:
        view_size_m: side of a view on the ground.
        alike: cosine of successive views above which the second is left out.
        every_s: interval between the frames used from a bag, seconds; 0 for all frames.
    """

    view_size_m: float
    alike: float
    every_s: float = 0.5


@dataclass(frozen=True)
class FootageReport:
    """Counts of kept and rejected frames.

    Attributes:
        looked_at: number of decoded frames.
        kept: number of views by kind, see `KINDS`.
        still: number of frames left out because the drone had hardly moved.
        duplicates: number of frames left out because they equal another frame.
        refused: number of unusable frames by reason.
        example: sentence that explains the first refusal.
        fallback_m: assumed metres of ground along the shorter side of frames with unknown footprint; None if
            all footprints are known.
        fallback_from: origin of `fallback_m`.
    """

    looked_at: int
    kept: Mapping[str, int]
    still: int
    duplicates: int
    refused: Mapping[str, int]
    example: str = ""
    fallback_m: float | None = None
    fallback_from: str = ""

    @property
    def views(self) -> int:
        """Return the number of views."""
        return sum(self.kept.values())

    def sentences(self) -> list[str]:
        """Return the report as sentences for the user."""
        left_out = [f"{self.still} that overlap the frame before too much"] if self.still else []
        left_out += [f"{self.duplicates} duplicates"] if self.duplicates else []
        if self.refused:
            reasons = ", ".join(f"{count} {reason}" for reason, count in self.refused.items())
            left_out.append(f"{sum(self.refused.values())} unusable ({reasons})")
        rest = f"; left out: {', '.join(left_out)}" if left_out else ""
        said = [f"{self.views} views from {self.looked_at} frames{rest}."]
        said += [f"{count} views were {KINDS[kind]}." for kind, count in self.kept.items() if kind != POSED]
        if self.refused:
            said.append(f"The first unusable frame: {self.example}")
        if self.fallback_m is not None:
            said.append(
                f"Frames with unknown footprint are assumed to show {self.fallback_m:.0f} m along their "
                f"shorter side ({self.fallback_from}); --footprint-m overrides this."
            )
        return said


def cut_footage(
    recordings: Sequence[Recording],
    options: FootageOptions,
    describe: Describe,
    choose: Choose,
    root: Path,
    *,
    progress: bool,
) -> FootageReport:
    """Write the views of footage as image files, with their table.

    Frames with unknown footprint are processed in a second pass, with the median footprint of the others.

    Args:
        recordings: footage.
        options: selection of frames.
        describe: views uint8 (N, S, S, 3) -> unit descriptors (N, D).
        choose: returns the index of the north-up view among several rotated views of a frame.
        root: folder of the region.
        progress: whether to show a progress bar.

    Raises:
        BagError: no frame is usable, or a recording ends unexpectedly.
        RasterError: an image cannot be written.
    """
    (root / "frames").mkdir(parents=True, exist_ok=True)
    cutter = _Cutter(options, describe, choose, root)
    with progress_bar(label="frames", unit="frame", shown=progress) as bar:
        waiting = [cutter.go_through(recording, bar) for recording in recordings]
        fallback_m, fallback_from = None, ""
        if any(waiting):
            fallback_m, fallback_from = cutter.fallback()
            for recording, stamps in zip(recordings, waiting, strict=True):
                if stamps:
                    cutter.go_through(recording, bar, only=stamps, fallback_m=fallback_m)
    names = [recording.name for recording in recordings]
    if not cutter.rows:
        reasons = ", ".join(f"{count} {reason}" for reason, count in cutter.refused.items())
        raise BagError(
            f"none of {cutter.looked_at} frames of {', '.join(names)} can be used ({reasons}); the first "
            f"refusal says: {cutter.example}"
        )
    write_frames(root, sorted(cutter.rows, key=lambda row: (names.index(row.source), row.stamp_ns)))
    return cutter.report(fallback_m, fallback_from)


@dataclass
class _Cutter:
    """Views cut so far, and counts of rejected frames."""

    options: FootageOptions
    describe: Describe
    choose: Choose
    root: Path
    rows: list[FrameRow] = field(default_factory=list)
    footprints_m: list[float] = field(default_factory=list)
    kinds: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    example: str = ""
    looked_at: int = 0
    still: int = 0
    duplicates: int = 0
    seen: set[bytes] = field(default_factory=set)

    def go_through(
        self,
        recording: Recording,
        bar: "tqdm[Any]",
        only: frozenset[int] | None = None,
        fallback_m: float | None = None,
    ) -> frozenset[int]:
        """Cut the frames of a recording, and return the stamps of frames that wait for a footprint."""
        waiting: set[int] = set()
        last: NDArray[np.float32] | None = None
        for frame in self._due(recording):
            if only is not None and frame.stamp_ns not in only:
                continue
            try:
                kind, view = self._view(frame, fallback_m)
            except FootprintUnknown:
                waiting.add(frame.stamp_ns)
                continue
            except FrameRefused as refusal:
                self._count(refusal)
                continue
            finally:
                bar.update()
            last = self._keep(recording.name, frame, kind, view, last)
        return frozenset(waiting)

    def fallback(self) -> tuple[float, str]:
        """Return the assumed footprint of frames with unknown footprint, metres, and its origin."""
        if self.footprints_m:
            return float(np.median(self.footprints_m)), "the median of the other frames"
        return self.options.view_size_m / VIEW_SHARE, f"so that a view is {VIEW_SHARE:.0%} of it"

    def report(self, fallback_m: float | None, fallback_from: str) -> FootageReport:
        """Return the counts of kept and rejected frames."""
        return FootageReport(
            looked_at=self.looked_at,
            kept=dict(self.kinds),
            still=self.still,
            duplicates=self.duplicates,
            refused=dict(self.refused),
            example=self.example,
            fallback_m=fallback_m,
            fallback_from=fallback_from,
        )

    def _due(self, recording: Recording) -> Iterator[Frame]:
        step_ns = round(self.options.every_s * 1e9) if recording.timed else 0
        next_ns = None
        for frame in recording.frames():
            if next_ns is None or frame.stamp_ns >= next_ns:
                next_ns = frame.stamp_ns + step_ns
                yield frame

    def _view(self, frame: Frame, fallback_m: float | None) -> tuple[str, Views]:
        image = frame.load()
        kind, view = frame.warper.view(frame.stamp_ns, image, fallback_m, self.choose)
        footprint_m = frame.warper.footprint_m(image)
        if footprint_m is not None:
            self.footprints_m.append(footprint_m)
        return kind, view

    def _count(self, refusal: FrameRefused) -> None:
        self.looked_at += 1
        self.refused[str(refusal.reason)] += 1
        self.example = self.example or refusal.sentence

    def _keep(
        self, source: str, frame: Frame, kind: str, view: Views, last: NDArray[np.float32] | None
    ) -> NDArray[np.float32] | None:
        """Write a view unless it repeats another; return the descriptor to compare the next view with."""
        self.looked_at += 1
        digest = hashlib.sha256(view.tobytes()).digest()
        if digest in self.seen:
            self.duplicates += 1
            return last
        self.seen.add(digest)
        found: NDArray[np.float32] = self.describe(view[None])[0]
        if last is not None and float(found @ last) > self.options.alike:
            self.still += 1
            return last
        path = frame_file(self.root, len(self.rows))
        write_view(path, view)
        self.rows.append(FrameRow(path.name, source, frame.name, frame.stamp_ns, kind))
        self.kinds[kind] += 1
        return found
