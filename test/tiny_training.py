# SPDX-License-Identifier: Apache-2.0
"""A method and a source of batches so small that a training step takes a millisecond."""

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from geoloc_training.config import build_config
from geoloc_training.contract import Batch, Method, Outcome
from geoloc_training.distributed import gather_rows

SIDE = 6
PLACES = 24


def tiny_config(dropout=False, **optimiser):
    """Six steps of eight pairs; other settings of the optimiser as given."""
    settings = {
        "steps": 6,
        "pairs": 8,
        "warmup_steps": 1,
        "learning_rate": 0.05,
        "ema_decay": 0.9,
        "clip_norm": 1.0,
    }
    return build_config(
        {
            "checkpoint_every": 3,
            "evaluate_every": 2,
            "data": {"name": "u1652", "root": "there"},
            "model": {"input_px": SIDE},
            "optimiser": settings | optimiser,
            "hardware": {"accelerator": "cpu", "threads": 1, "workers": 2},
        }
    )


class TinyEncoder(nn.Module):
    """A backbone and a head without batch norm, uint8 (N, S, S, 3) -> (N, 5)."""

    def __init__(self, dropout=0.0):
        super().__init__()
        self.backbone = nn.Linear(SIDE * SIDE * 3, 8)
        self.head = nn.Sequential(nn.Tanh(), nn.Dropout(dropout), nn.Linear(8, 5))

    def forward(self, views):
        pixels = views.flatten(1).float() / 255 - 0.5
        return functional.normalize(self.head(self.backbone(pixels)), dim=1)


class TinyMethod(Method):
    """InfoNCE over the pairs of all ranks; a buffer counts steps, as DPHR's state does."""

    def __init__(self, dropout=0.0):
        super().__init__()
        self.encoder = TinyEncoder(dropout)
        self.log_scale = nn.Parameter(torch.tensor(2.0))
        self.register_buffer("seen", torch.zeros(()))

    def forward(self, batch):
        sides = self.encoder(torch.cat([batch.query, batch.reference]))
        query, reference = (gather_rows(side) for side in sides.split(len(batch.ids)))
        self.seen += 1
        logits = self.log_scale.exp() * query @ reference.T
        loss = functional.cross_entropy(logits, torch.arange(len(logits)))
        return Outcome(loss, query, reference, gather_rows(batch.ids), {"seen": self.seen.clone()})


class Recalls:
    """A validation that says what it was told to, the last of it again and again."""

    def __init__(self, *recalls, selected_by="valid_r1"):
        self.recalls, self.selected_by = list(recalls), selected_by

    def __call__(self, describer):
        found = self.recalls.pop(0) if len(self.recalls) > 1 else self.recalls[0]
        return {self.selected_by: found}


def build_tiny(config, places, dropout=0.0):
    return TinyMethod(dropout)


class TinySource:
    """Places as noise; each epoch's order is planned from what the encoder makes of them.

    Args:
        pairs: of a step over all ranks.
        seed: of the places.
    """

    places = PLACES

    def __init__(self, pairs=8, seed=0):
        rng = np.random.default_rng(seed)
        self.pictures = rng.integers(0, 256, (PLACES, SIDE, SIDE, 3), dtype=np.uint8)
        self.pairs = pairs
        self.steps_per_epoch = PLACES // pairs - 1
        self.order = torch.arange(PLACES)
        self.planned = []
        self.describe_views = None

    def start_epoch(self, epoch, describe):
        self.planned.append(epoch)
        found = self.describe_views(self.pictures) if self.describe_views is not None else self.pictures
        self.order = torch.from_numpy(np.argsort(found.reshape(PLACES, -1)[:, 0], kind="stable").copy())

    def batch(self, step, rank, ranks):
        start = step % self.steps_per_epoch * self.pairs
        chosen = self.order[start : start + self.pairs]
        share = self.pairs // ranks
        chosen = chosen[rank * share : (rank + 1) * share]
        reference = torch.from_numpy(self.pictures)[chosen]
        noise = np.random.default_rng(step).integers(0, 40, (PLACES, SIDE, SIDE, 3), dtype=np.uint8)
        query = (reference.int() + torch.from_numpy(noise)[chosen]).clamp(max=255).to(torch.uint8)
        return Batch(query, reference, chosen, torch.ones(len(chosen)))

    def finish(self, batch, step, rank):
        return batch

    def state_dict(self):
        return {"order": self.order}

    def load_state_dict(self, state):
        self.order = state["order"]
