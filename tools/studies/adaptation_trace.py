#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Compare the label-free metrics that select an epoch with R@1, after every epoch of an adaptation.

    .venv/bin/python tools/studies/adaptation_trace.py runs/adaptation-study/CASE --init models/generic

The study adapts to the footage of a case of `adaptation_study.py` once more, with the preset `adapt`. After
every epoch it computes R@1 on the footage and on the tour over the same half. R@1 is the share of views whose
best tile has its centre within half a view; it does not influence the selection. The study prints R@1 beside
the label-free metrics, and their rank correlation. Words after `--` are settings of `geoloc-train adapt`.
"""

import argparse
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
from scipy.stats import spearmanr

from geoloc.encoder import Encoder, load_card, load_encoder
from geoloc.installed import find_model
from geoloc.raster.views import open_raster
from geoloc_lab.bags.reading import read_flight
from geoloc_training.adaptation.cutting import Sources, cut_region
from geoloc_training.compose import load_config
from geoloc_training.config import ModelConfig
from geoloc_training.datasets.region import read_region
from geoloc_training.items import Item
from geoloc_training.label_free.stopping import match
from geoloc_training.label_free.validation import SELECTION, LabelFreeValidation
from geoloc_training.prepare import prepare
from geoloc_training.training.describe import Describer
from geoloc_training.training.hardware import launch
from geoloc_training.training.loop import fit

_VIEW_M = 90.0
_FIGURES = (SELECTION, "free_mutual", "free_continuity", "free_lead", "free_likeness")


class Flown:
    """The views of a bag with their true positions.

    Args:
        case: folder of a case.
        name: name of the bag in that folder.
        encoder: encoder with which `cut_region` compares views.
        run: folder for the views.
    """

    def __init__(self, case: Path, name: str, encoder: Encoder, run: Path) -> None:
        map_image = sorted(case.glob("*.tif"))[0]
        sources = Sources(map_image, (case / name,), view_size_m=_VIEW_M, every_s=0.0)
        self.root = cut_region(sources, encoder, run, progress=True).root
        region, truth = read_region(self.root), read_flight(case / name).truth()
        with open_raster(map_image) as raster:
            frame = raster.frame
        self.items: Sequence[Item] = region.split().queries
        self.tiles: Sequence[Item] = region.split().references
        self.tiles_m = region.positions_m()
        places = [np.ravel(frame.to_local(*truth.at(row.stamp_ns))) for row in region.frames]
        self.places_m = np.array(places)

    def recall(self, describer: Describer, tiles: np.ndarray) -> float:
        """Return the share of the views whose best tile lies within half a view of the truth."""
        best = match(describer.items(self.items), tiles).best
        return float((np.linalg.norm(self.tiles_m[best] - self.places_m, axis=1) <= _VIEW_M / 2).mean())


class Traced:
    """A validation by label-free metrics that also records R@1."""

    selected_by = SELECTION

    def __init__(self, free: LabelFreeValidation, flown: dict[str, Flown]) -> None:
        self._free, self._flown = free, flown
        self.rows: list[dict[str, float]] = []

    def __call__(self, describer: Describer) -> dict[str, float]:
        """Return all metrics of an encoder."""
        tiles = describer.items(self._flown["footage"].tiles)
        found = self._free(describer)
        found |= {f"{name} R@1": flown.recall(describer, tiles) for name, flown in self._flown.items()}
        self.rows.append(found)
        return found


def trace(case: Path, init: str, out: Path, words: Sequence[str]) -> list[dict[str, float]]:
    """Adapt, and return the metrics of every epoch."""
    card = load_card(find_model(init))
    encoder = load_encoder(card.directory)
    flown = {name: Flown(case, name, encoder, out / f"cut-{name}") for name in ("footage", "west")}
    config = load_config(["+preset=adapt", f"data.root={flown['footage'].root}", *words])
    config = replace(config, model=ModelConfig(**asdict(card.architecture)))
    fabric = launch(config.hardware)
    prepared = prepare(config, out / "cache", fabric.device)
    if not isinstance(prepared.validate, LabelFreeValidation):
        raise TypeError("the settings have no label-free validation; use the preset `adapt`.")
    traced = Traced(prepared.validate, flown)
    fit(config, prepared.source, out / "run", traced, initial=card.directory, fabric=fabric)
    return traced.rows


def table(rows: Sequence[dict[str, float]]) -> str:
    """Return a table of the metrics by epoch, and their rank correlation with R@1."""
    recalls = ("footage R@1", "west R@1")
    names = (*recalls, *_FIGURES)
    lines = ["| epoch | " + " | ".join(names) + " |", "|---|" + "---|" * len(names)]
    for number, row in enumerate(rows, start=1):
        lines.append(f"| {number} | " + " | ".join(f"{row[name]:.3f}" for name in names) + " |")
    for recall in recalls:
        ranks = [spearmanr([row[recall] for row in rows], [row[n] for row in rows])[0] for n in names]
        lines.append(f"| ρ with {recall} | " + " | ".join(f"{rank:.2f}" for rank in ranks) + " |")
    return "\n".join(lines)


def main() -> None:
    """Adapt and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("case", type=Path, help="Folder of a case of adaptation_study.py.")
    parser.add_argument("--init", required=True, help="Initial model directory.")
    parser.add_argument(
        "--out", type=Path, default=Path("runs/adaptation-trace"), help="Folder for all files."
    )
    parser.add_argument("words", nargs="*", help="Settings of `geoloc-train adapt`, after --.")
    options = parser.parse_args()
    text = table(trace(options.case, options.init, options.out, options.words))
    (options.out / "table.md").write_text(text + "\n", encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
