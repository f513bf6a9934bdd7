# SPDX-License-Identifier: Apache-2.0
"""What is believed of heading and height: a share for each row of a look (see `geoloc.hypotheses`).

Place and row are believed in apart from each other. A look-up of scores s(x, h) gives

    place x:  p(x) sum over h of p(h) exp(s(x, h) / T)        row h:  p(h) sum over x of p(x) exp(s(x, h) / T)

both from what was believed before it. The first is `LookUp.under`, the second is here; like the place's
likelihood it has a floor, and is raised to the share of the look that is new.
"""

import math

import numpy as np

from geoloc.arrays import Float32Array, Float64Array, FloatArray
from geoloc.filter import global_belief, local_belief, motion
from geoloc.filter.global_belief import Search
from geoloc.filter.likelihood_model import Evidence
from geoloc.filter.local_belief import Track
from geoloc.hypotheses import Hypotheses
from geoloc.search.lookup import LookUp
from geoloc.search.tiles import Tiles

_WANDERS_PER_S = 2e-3
_WANDERS_AT_MOST = 0.2
_ANY_ROW = 0.02  # of the belief is spread over all rows after each look


def alike(hypotheses: Hypotheses) -> Float64Array:
    """Return the shares (n,) of one who knows nothing."""
    return np.full(hypotheses.count, 1.0 / hypotheses.count)


def moved(shares: Float64Array, hypotheses: Hypotheses, duration_s: float) -> Float64Array:
    """Return what is believed so much later: heading and height may have come to be wrong in another way."""
    goes = min(_WANDERS_PER_S * duration_s, _WANDERS_AT_MOST)
    ways = hypotheses.neighbours
    return np.asarray(shares * (1.0 - goes * ways.sum(axis=0)) + goes * (ways @ shares))


def turn_of_odometry(shares: Float64Array, hypotheses: Hypotheses) -> motion.Error:
    """Return how wrong odometry's axes are that are as far off as the heading of the attitude is.

    Their north is from the same compass, or where there is none from the same start. While all headings are
    alike this is the error of a heading that is not known at all; it comes to be known as the heading does.
    """
    turns = np.radians(hypotheses.turns_deg)
    errors = np.column_stack([np.cos(turns) - 1.0, -np.sin(turns)])  # of one that must be turned clockwise
    mean = shares @ errors
    centred = errors - mean
    return mean, (centred * shares[:, None]).T @ centred


def learnt(
    shares: Float64Array,
    look: LookUp,
    place: Search | Track,
    tiles: Tiles,
    evidence: Evidence,
    share_new: float,
) -> Float64Array:
    """Take a look-up in.

    Args:
        shares: (n,) before.
        look: the view's rows.
        place: what is believed of the place before this look.
        tiles: the map.
        evidence: what scores are worth.
        share_new: share of the look that is new.
    """
    if len(shares) == 1:
        return shares
    offset_m = look.under(shares, evidence.temperature).offset_m
    if isinstance(place, Track):
        ids, on_tiles = local_belief.on_tiles(place, tiles, offset_m)
        fit = _fit(on_tiles, look.rows_of(ids), evidence)
    else:
        fit = _fit(*look.rows_under(global_belief.on_tiles(place, tiles, offset_m)), evidence)
    likelihood = fit / max(float(shares @ fit), 1e-30)
    floor = evidence.outlier_share
    after = shares * ((1.0 - floor) * likelihood + floor) ** share_new
    return np.asarray(after / after.sum() * (1.0 - _ANY_ROW) + _ANY_ROW / len(shares))


def _fit(on_tiles: FloatArray, cosines: Float32Array, evidence: Evidence) -> Float64Array:
    """Return how well each row (n,) fits tiles of these weights (m,), to a factor; cosines are (m, n)."""
    if not on_tiles.size:  # beside the map nothing is told
        return np.ones(cosines.shape[1])
    likelihood = np.exp((cosines - cosines.max()) / np.float32(evidence.temperature))
    return np.asarray(on_tiles @ likelihood, dtype=np.float64)


def heading_offset_deg(shares: Float64Array, hypotheses: Hypotheses) -> float:
    """Return how far clockwise of the assumed heading the true one is believed to be; NaN where unknown."""
    mean = complex(shares @ np.exp(1j * np.radians(hypotheses.turns_deg)))
    return math.degrees(math.atan2(mean.imag, mean.real)) if abs(mean) > 0.5 else math.nan


def height_scale(shares: Float64Array, hypotheses: Hypotheses) -> float:
    """Return how many times the assumed height the true one is believed to be."""
    return math.exp(float(shares @ np.log(hypotheses.scales)))
