# SPDX-License-Identifier: Apache-2.0
"""Calibration of an adapted encoder from footage without truth."""

from dataclasses import replace

import numpy as np

from geoloc.encoder.calibration import Calibration
from geoloc_training.label_free.stopping import match, returning
from geoloc_training.methods.dmnil.source import ClusterBatches
from geoloc_training.prepare import Prepared
from geoloc_training.training.describe import Describer

_TRUSTED_SHARE = 0.01


def calibration_of(describer: Describer, prepared: Prepared, begun_with: Calibration) -> Calibration:
    """Return a calibration whose `min_score` is exceeded by 99 % of the footage's mutual matches.

    Values that only truth can measure are those of the initial model, and they are not recorded as measured.

    Args:
        describer: the adapted encoder.
        prepared: data of the run.
        begun_with: calibration of the initial model.
    """
    if not isinstance(prepared.source, ClusterBatches):
        raise TypeError(f"adaptation learns from ClusterBatches, not from {type(prepared.source).__name__}")
    queries, references = map(describer.items, (prepared.source.queries, prepared.source.references))
    matches = match(queries, references)
    trusted = matches.cosine[returning(queries, matches, 5)]
    return replace(
        begun_with,
        min_score=round(float(np.quantile(trusted, _TRUSTED_SHARE)), 3) if len(trusted) else -1.0,
        min_margin=0.0,
        max_sigma_m=0.0,
        derivation="min_score from the region's footage, without truth: exceeded by 99 % of the "
        f"{len(trusted)} frames (of {len(queries)}) that match their best tile mutually; covariance and "
        "off_map_score from the initial model",
        measured={},
    )
