# SPDX-License-Identifier: Apache-2.0
"""The method DMNIL: an encoder with memories of clusters and images for each view (arXiv 2502.11381)."""

from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from geoloc_training.contract import Batch, BatchSource, Method, Outcome, UnpairedBatch
from geoloc_training.methods.dmnil.evolution import Evolution
from geoloc_training.methods.dmnil.hierarchical import LevelMemory
from geoloc_training.methods.dmnil.labels import centroids
from geoloc_training.methods.dmnil.memory import ClusterMemory, PictureMemory
from geoloc_training.methods.dmnil.settings import DmnilConfig
from geoloc_training.methods.dmnil.side import Side
from geoloc_training.methods.dmnil.source import ClusterBatches

_VIEWS = ("reference", "query")  # the order in which the release updates a shared memory


class Dmnil(Method):
    """One encoder for both views, trained on its own clusters.

    With the drone rows d and the map rows s of a batch, the loss before labels are shared is

        L = 2 (L_CM(d) + L_CM(s)) + 0.2 (L_level(d) + L_level(s)) + L_intra + 0.5 L_cross.

    Once labels are shared, both views use one cluster memory and the loss is

        L = 2 (L_CM(d) + L_CM(s)) + 0.1 (L_intra + L_cross).

    The release computes the losses twice on the same features. Equal halves are computed once here, with
    double weight (`cluster_weight`); for different halves see `EvolutionSettings`.

    Losses and memories use the rows of all ranks, so that memories are the same on all ranks.

    Args:
        encoder: a ViewEncoder, views uint8 (N, S, S, 3) -> L2-normalized descriptors (N, D).
        config: settings of the method.

    Attributes:
        clusters: cluster memories by view; the references' memory is empty while labels are shared.
        levels: DHML's memories by view; empty if not in use.
        pictures: image memories by view.
        epoch: current epoch, -1 before the first.
    """

    def __init__(self, encoder: nn.Module, config: DmnilConfig) -> None:
        super().__init__()
        self.encoder, self.config, self.epoch = encoder, config, -1
        memory, temperature = config.memory, config.temperature
        self.clusters = nn.ModuleDict({v: ClusterMemory(temperature, memory.repeated) for v in _VIEWS})
        self.levels = nn.ModuleDict({v: LevelMemory(config.levels, temperature) for v in _VIEWS})
        self.pictures = nn.ModuleDict(
            {v: PictureMemory(memory.picture_momentum, memory.repeated) for v in _VIEWS}
        )
        self.evolution = Evolution(config.evolution, temperature)
        self._seen: list[dict[str, Side]] = []

    def get_extra_state(self) -> Tensor:
        """Return the epoch, which is no buffer because reading it from a GPU would stall every step."""
        return torch.tensor(self.epoch)

    def set_extra_state(self, state: Tensor) -> None:
        """Restore the epoch from a checkpoint."""
        self.epoch = int(state)

    @property
    def shared(self) -> bool:
        """Return True if both views use one cluster memory, the queries'."""
        return len(self.clusters["reference"]) == 0

    def start_epoch(self, epoch: int, source: BatchSource) -> dict[str, float]:
        """Rebuild all memories from the source's descriptors and labels, and return the source's figures."""
        if not isinstance(source, ClusterBatches) or source.features is None or source.labels is None:
            raise RuntimeError("DMNIL learns from ClusterBatches that have described their images")
        self.epoch, self._seen = epoch, []
        device = next(self.encoder.parameters()).device
        for memory in (*self.clusters.values(), *self.levels.values()):
            memory.clear()
        queries, references = source.features
        for view, rows in (("query", queries), ("reference", references)):
            self.pictures[view].start(torch.tensor(rows, device=device))
        labels = source.labels
        found = {"query": (queries, labels.query), "reference": (references, labels.reference)}
        if labels.shared:
            found = {"query": tuple(np.concatenate(both) for both in zip(*found.values(), strict=True))}
        for view, (rows, of) in found.items():
            begin = torch.tensor(centroids(rows, of), device=device)
            self.clusters[view].start(begin)
            if self.config.levels.in_shared or not labels.shared:
                self.levels[view].start(begin)
        return source.figures()

    def draw(self, run: Path, source: BatchSource) -> None:
        """Plot the epoch's clusters, and the logged label figures so far, in `pictures/` of the run."""
        if self.config.pictures_every and isinstance(source, ClusterBatches):
            from geoloc_training.methods.dmnil.run_pictures import draw  # takes half a second to import

            draw(run, self.epoch, source)

    def forward(self, batch: Batch) -> Outcome:
        """Return the loss on the rows of all ranks.

        Figures: cluster_loss, level_loss, intra_loss and cross_loss before weighting, if in use;
        query_accuracy and reference_accuracy, the shares of rows nearest to their own centroid; absorption,
        DHML's α; intra_neighbours and cross_neighbours, the mean numbers of an image's neighbours.
        """
        if not isinstance(batch, UnpairedBatch):
            raise TypeError(f"DMNIL learns from unpaired batches, not from {type(batch).__name__}")
        # One pass over both views, so that batch statistics are those of their mixture, as at runtime.
        raw = self.encoder.head(self.encoder.features(torch.cat([batch.reference, batch.query]))).float()
        reference, query = raw.split([len(batch.reference), len(batch.query)])
        # The rounding error of cosines / 0.05 in bfloat16 would be as large as the margins to learn.
        with torch.autocast(raw.device.type, enabled=False):
            sides = {
                "reference": Side.gathered(reference, batch.reference_ids, batch.reference_rows),
                "query": Side.gathered(query, batch.ids, batch.query_rows),
            }
            loss, figures = self._loss(sides)
        if self.training:
            self._seen.append({view: side.detached() for view, side in sides.items()})
        return Outcome(loss, sides["query"].unit, sides["reference"].unit, sides["query"].labels, figures)

    @torch.no_grad()
    def after_step(self) -> None:
        """Update cluster and image memories by the rows of the step."""
        memory = self.config.memory
        momentum = memory.first_momentum if self.epoch == 0 else memory.momentum
        for sides in self._seen:
            for view, side in sides.items():
                rows = side.unit if memory.picture_rows == "unit" else side.raw
                self.pictures[view].update(rows, side.rows)
            if self.shared:
                rows = torch.cat([side.unit for side in sides.values()])
                labels = torch.cat([side.labels for side in sides.values()])
                self.clusters["query"].update(rows, labels, momentum)
            else:
                for view, side in sides.items():
                    self.clusters[view].update(side.unit, side.labels, momentum)
        self._seen = []

    def _loss(self, sides: dict[str, Side]) -> tuple[Tensor, dict[str, Tensor]]:
        """Return the total loss, and figures."""
        figures: dict[str, Tensor] = {}
        loss = self._cluster_loss(sides, figures) + self._level_loss(sides, figures)
        weights = self.config.evolution
        for kind, weight in (("intra", weights.intra), ("cross", weights.cross)):
            found = self.evolution.loss(kind, self.epoch, sides, self.pictures)
            if found is not None:
                figures[f"{kind}_loss"], figures[f"{kind}_neighbours"] = found[0].detach(), found[1]
                loss = loss + (weights.enhanced if self.shared else weight) * found[0]
        return loss, figures

    def _cluster_loss(self, sides: dict[str, Side], figures: dict[str, Tensor]) -> Tensor:
        losses = []
        for view, side in sides.items():
            memory = self.clusters["query" if self.shared else view]
            loss, figures[f"{view}_accuracy"] = memory.loss(side.unit, side.labels)
            losses.append(loss)
        total = torch.stack(losses).sum()
        figures["cluster_loss"] = total.detach()
        return self.config.cluster_weight * total

    def _level_loss(self, sides: dict[str, Side], figures: dict[str, Tensor]) -> Tensor | float:
        found = []
        for view, side in sides.items():
            levels = self.levels["query" if self.shared else view]
            if len(levels):
                found.append(levels(side.unit, side.labels))
        if not found:
            return 0.0
        losses, absorbed = (torch.stack(values) for values in zip(*found, strict=True))
        figures["level_loss"], figures["absorption"] = losses.sum().detach(), absorbed.mean()
        return self.config.levels.weight * losses.sum()
