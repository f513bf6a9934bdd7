# SPDX-License-Identifier: Apache-2.0
"""University-1652: drone and satellite images of 701 training buildings, and of 701 queries among 951."""

from pathlib import Path

from geoloc_training.datasets.published.tree import Layout, Shelf, both_ways, check_tree, load_tree
from geoloc_training.items import Benchmark


def load(root: Path) -> Benchmark:
    """Load the data set, with 250 distractors in the galleries; raises as `tree.load_tree`."""
    return load_tree(_layout(root))


def check(root: Path) -> list[str]:
    """Return a sentence for each missing or malformed file or folder."""
    return check_tree(_layout(root))


def _layout(root: Path) -> Layout:
    return Layout(
        name="u1652",
        title="University-1652",
        root=root,
        needs=("train", "test"),
        queries=(Shelf(root / "train" / "drone", "drone"),),
        references=(Shelf(root / "train" / "satellite", "satellite"),),
        trials=both_ways(root / "test"),
        metrics=("recall", "ap_trapezoid"),
    )
