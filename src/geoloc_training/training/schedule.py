# SPDX-License-Identifier: Apache-2.0
"""The optimizer and its learning rate schedule."""

import math
from typing import Any

import torch
from torch import Tensor

from geoloc_training.config import OptimiserConfig
from geoloc_training.contract import Method


def learning_rate(config: OptimiserConfig, step: int) -> float:
    """Return the learning rate of a step (from 0): a linear warm-up, then the configured schedule."""
    if step < config.warmup_steps:
        return config.learning_rate * (step + 1) / config.warmup_steps
    if config.schedule == "constant":
        return config.learning_rate
    if config.schedule == "step":
        falls = sum(step >= round(share * config.steps) for share in config.milestones)
        return config.learning_rate * float(config.gamma**falls)
    return config.learning_rate * _cosine(config, step)


def build_optimiser(method: Method, config: OptimiserConfig) -> torch.optim.Optimizer:
    """Build AdamW or SGD, with weight decay for matrices and a separate rate for the backbone."""
    groups: dict[tuple[bool, bool], list[Tensor]] = {}
    backbone = {id(parameter) for parameter in method.encoder.backbone.parameters()}
    for parameter in method.parameters():
        if parameter.requires_grad:
            # Biases, norms, the pooling power and the temperature do not decay.
            groups.setdefault((id(parameter) in backbone, parameter.ndim > 1), []).append(parameter)
    listed = [
        {
            "params": parameters,
            "weight_decay": config.weight_decay if decays else 0.0,
            "factor": config.backbone_rate if slow else 1.0,
        }
        for (slow, decays), parameters in groups.items()
    ]
    if config.name == "sgd":
        ahead = config.nesterov and config.momentum > 0
        return torch.optim.SGD(listed, lr=config.learning_rate, momentum=config.momentum, nesterov=ahead)
    return torch.optim.AdamW(listed, lr=config.learning_rate)


def set_rate(optimiser: torch.optim.Optimizer, rate: float) -> None:
    """Set the learning rate of every parameter group, times the group's factor."""
    for group in optimiser.param_groups:
        group["lr"] = rate * group["factor"]


def load_optimiser(optimiser: torch.optim.Optimizer, state: dict[str, Any]) -> None:
    """Load an optimizer's saved averages, but keep the current settings.

    Raises:
        ValueError: the state belongs to another kind of optimizer, or to other parameters.
    """
    own = [
        {name: value for name, value in group.items() if name != "params"} for group in optimiser.param_groups
    ]
    if any(("betas" in group) != ("betas" in own[0]) for group in state["param_groups"]):
        raise ValueError(f"the state belongs to another optimizer than {type(optimiser).__name__}")
    optimiser.load_state_dict(state)
    for group, settings in zip(optimiser.param_groups, own, strict=True):
        group.update(settings)


def _cosine(config: OptimiserConfig, step: int) -> float:
    """Return the factor of a plateau and a cosine descent to 0.01 over the last `descent` of the steps."""
    start = max(config.warmup_steps, round(config.steps * (1 - config.descent)))
    if step < start:
        return 1.0
    progress = (step - start) / max(1, config.steps - start)
    return 0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * min(1.0, progress)))
