# SPDX-License-Identifier: Apache-2.0
"""Summary of an adaptation in words, for the user and for the model card."""

from collections.abc import Mapping

from geoloc_training.label_free.validation import SELECTION

Figures = Mapping[str, float]


def in_words(figures: Figures) -> str:
    """Return label-free figures as a sentence for the user."""
    said = [f"{figures['free_mutual']:.0%} of the frames match their best tile mutually"]
    if "free_continuity" in figures:
        said.append(f"continuity of successive frames {figures['free_continuity']:.0%}")
        said.append(f"{figures['free_located']:.0%} of the frames are located on a path over the map")
    if "free_stability" in figures:
        said.append(f"stability of the clusters {figures['free_stability']:.2f}")
    return "; ".join(said) + f"; selection score {figures[SELECTION]:.3f}"


def notes(before: Figures, after: Figures, step: int, keep: float) -> dict[str, str]:
    """Return notes for the card on how the weights were chosen.

    Args:
        before: label-free figures of the initial encoder.
        after: label-free figures of the exported encoder.
        step: step of the chosen weights; 0 for the initial weights.
        keep: share of the initial weights in the mixture.
    """
    chosen = (
        f"step {step}, mixed with {keep:.0%} of the initial weights"
        if step
        else "no epoch was better than the initial weights, which these are"
    )
    return {
        "selection": f"the epoch with the best free_selection; {chosen}",
        "before": in_words(before),
        "after": in_words(after),
    }
