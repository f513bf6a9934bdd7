# SPDX-License-Identifier: Apache-2.0
"""Devices, processes, precision and seeds of a run."""

import atexit
import inspect
import os
from typing import Any

import cv2
import numpy as np
import torch
from lightning_fabric import Fabric
from lightning_fabric.strategies.ddp import DDPStrategy
from lightning_fabric.utilities.exceptions import MisconfigurationException
from torch.nn.parallel import DistributedDataParallel

from geoloc.errors import ParameterError, clause
from geoloc_training.config import HardwareConfig

_PRECISIONS = {"fp32": "32-true", "bf16": "bf16-mixed", "fp16": "16-mixed"}


def launch(config: HardwareConfig) -> Fabric:
    """Start this run's processes, or join the processes that torchrun has started.

    With several devices, each further process runs the whole command again from its beginning.

    Raises:
        ParameterError: the machine lacks the requested devices or precision.
    """
    _check_torchrun(config)
    several = config.devices * config.nodes > 1
    try:
        fabric = Fabric(
            accelerator=config.accelerator,
            devices=config.devices,
            num_nodes=config.nodes,
            precision=_PRECISIONS[config.precision],
            strategy=_side_by_side() if several else "auto",
        )
        fabric.launch()
    except (MisconfigurationException, ValueError, RuntimeError) as error:
        raise ParameterError(
            f"hardware.accelerator={config.accelerator} with devices={config.devices}, nodes={config.nodes}, "
            f"precision={config.precision} is not available here ({' '.join(clause(error).split())}); "
            "set hardware.* to what this machine has."
        ) from error
    if several:
        atexit.register(_leave)
    config.check_accelerator("cpu" if fabric.device.type == "cpu" else "gpu")
    return fabric


def _leave() -> None:
    """Leave the process group, because its open threads would abort the process at exit."""
    if torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()


def seed_everything(seed: int, threads: int) -> None:
    """Seed the initial weights and set the number of threads; (seed, step) seeds batches and steps."""
    torch.manual_seed(seed)
    torch.set_num_threads(threads)
    torch.set_float32_matmul_precision("high")
    # Views are warped in parallel to the training step; more OpenCV threads would take its cores.
    cv2.setNumThreads(1)


def seed_step(seed: int, step: int, rank: int) -> None:
    """Seed a step's dropout and warps by its number, so that a resumed run needs no random state."""
    torch.manual_seed(int(np.random.SeedSequence([seed, step, rank]).generate_state(1)[0]))


def _side_by_side() -> DDPStrategy:
    """Return a strategy that averages gradients over processes and does not broadcast buffers.

    By default DDP broadcasts buffers before every forward pass, and memories would dominate that traffic.
    Memories are computed from the rows of all processes and equal anyway. Batch norm statistics differ
    between processes until `share_buffers` copies the first process's, before they are used or saved.
    """
    known = inspect.signature(DistributedDataParallel).parameters  # torch 2.13 renamed the parameter
    name = "forward_sync_buffers" if "forward_sync_buffers" in known else "broadcast_buffers"
    stay: dict[str, Any] = {name: False}
    return DDPStrategy(**stay)


def _check_torchrun(config: HardwareConfig) -> None:
    started = os.environ.get("WORLD_SIZE") if "TORCHELASTIC_RUN_ID" in os.environ else None
    wanted = config.devices * config.nodes
    if started is not None and int(started) != wanted:
        raise ParameterError(
            f"torchrun started {started} processes, but hardware.devices={config.devices} x "
            f"nodes={config.nodes} makes {wanted}; set both to the same number."
        )
