# SPDX-License-Identifier: Apache-2.0
"""Matcher `lightglue`: matches kornia's DISK keypoints with LightGlue, from weights in a local folder.

DISK (Tyszkiewicz et al., NeurIPS 2020), LightGlue (Lindenberger et al., ICCV 2023) and their weights are
Apache-2.0. SuperPoint is not offered, because its weights are not free. Nothing is downloaded: put
`depth-save.pth` of cvlab-epfl/disk and `disk_lightglue.pth` of cvg/LightGlue into one folder.
"""

from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import numpy as np
import torch
from kornia.feature import DISK, LightGlue
from torch import Tensor, nn

from geoloc.arrays import BoolArray
from geoloc.errors import ModelError, clause
from geoloc.raster.colours import Rgb
from geoloc.refine.keypoints import Matches

DISK_WEIGHTS, LIGHTGLUE_WEIGHTS = "depth-save.pth", "disk_lightglue.pth"
_POINTS = 1024


class LightGlueMatcher:
    """DISK and LightGlue; see `geoloc.refine.keypoints.Matcher`.

    Args:
        weights: folder with `DISK_WEIGHTS` and `LIGHTGLUE_WEIGHTS`.

    Raises:
        ModelError: if a file is missing, damaged, or of another network.
    """

    name = "lightglue"

    def __init__(self, weights: Path) -> None:
        self._disk = DISK()
        _load(self._disk, weights / DISK_WEIGHTS, "extractor")
        self._glue = LightGlue(features=None, input_dim=128)
        _load(self._glue, weights / LIGHTGLUE_WEIGHTS)

    def match(self, view: Rgb, patch: Rgb, valid: BoolArray) -> Matches:
        """Match a view (S, S, 3) with a patch (P, P, 3) where `valid` (P, P) is True."""
        with torch.inference_mode():
            mine, theirs = self._describe(view), self._describe(patch)
            seen = torch.from_numpy(valid)[
                theirs["keypoints"][0, :, 1].long(), theirs["keypoints"][0, :, 0].long()
            ]
            theirs = theirs | {name: theirs[name][:, seen] for name in ("keypoints", "descriptors")}
            pairs = self._glue({"image0": mine, "image1": theirs})["matches"][0].numpy()
        points = (side["keypoints"][0].numpy().astype(np.float64) for side in (mine, theirs))
        first, second = points
        return Matches(first[pairs[:, 0]], second[pairs[:, 1]])

    def _describe(self, picture: Rgb) -> dict[str, Tensor]:
        pixels = torch.from_numpy(picture).permute(2, 0, 1)[None].float() / 255
        found = self._disk(pixels, n=_POINTS, pad_if_not_divisible=True)[0]
        size = torch.tensor([picture.shape[1::-1]])
        return {
            "keypoints": found.keypoints[None],
            "descriptors": found.descriptors[None],
            "image_size": size,
        }


def _load(network: nn.Module, path: Path, part: str | None = None) -> None:
    if not path.is_file():
        raise ModelError(f"{path} is missing; put {DISK_WEIGHTS} and {LIGHTGLUE_WEIGHTS} into one folder.")
    try:
        stored: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
        state = _modern(stored if part is None else stored[part])
        absent = network.load_state_dict(state, strict=False).missing_keys
    except (RuntimeError, UnpicklingError, KeyError, TypeError, AttributeError, EOFError, OSError) as error:
        raise ModelError(f"{path} cannot be loaded ({clause(error)}); download it again.") from error
    lacking = set(absent) & {name for name, _ in network.named_parameters()}
    if lacking:
        raise ModelError(
            f"{path} lacks {len(lacking)} weights, first {min(lacking)}, so it belongs to another network; "
            "download it again."
        )
    network.eval()


def _modern(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Rename weights from LightGlue's `self_attn.0` to kornia's `transformers.0.self_attn`."""
    renamed = {}
    for name, value in state.items():
        head, _, rest = name.partition(".")
        if head in ("self_attn", "cross_attn"):
            number, _, tail = rest.partition(".")
            name = f"transformers.{number}.{head}.{tail}"
        renamed[name] = value
    return renamed
