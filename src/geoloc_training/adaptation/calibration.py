# SPDX-License-Identifier: Apache-2.0
"""What an adapted encoder's answers are worth, as far as footage without truth can tell."""

from dataclasses import replace

import numpy as np

from geoloc.encoder.calibration import Calibration
from geoloc_training.label_free.stopping import match, returning
from geoloc_training.methods.dmnil.source import ClusterBatches
from geoloc_training.prepare import Prepared
from geoloc_training.training.describe import Describer

_TRUSTED_SHARE = 0.01


def calibration_of(describer: Describer, prepared: Prepared, begun_with: Calibration) -> Calibration:
    """Return a threshold from the footage itself, which 99 of 100 frames that find back exceed.

    What takes a truth to measure is that of the model it began with, and not called measured.
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
        derivation=f"min_score of the region's own footage, without truth: exceeded by 99 % of the "
        f"{len(trusted)} of {len(queries)} frames that their best tile finds back to; covariance and "
        "off_map_score of the model it began with",
        measured={},
    )
