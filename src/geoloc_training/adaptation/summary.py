# SPDX-License-Identifier: Apache-2.0
"""What came of an adaptation, in words: for its user, and for the model's card."""

from collections.abc import Mapping

from geoloc_training.label_free.validation import SELECTION

Figures = Mapping[str, float]


def in_words(figures: Figures) -> str:
    """Return figures without labels as a user reads them."""
    said = [f"{figures['free_mutual']:.0%} of the frames and their best tiles find each other"]
    if "free_continuity" in figures:
        said.append(f"frames in a row are found side by side {figures['free_continuity']:.0%} of the way")
        said.append(f"{figures['free_located']:.0%} of the frames can be placed on a way over the map")
    if "free_stability" in figures:
        said.append(f"clusters keep together by {figures['free_stability']:.2f}")
    return "; ".join(said) + f"; selection {figures[SELECTION]:.3f}"


def notes(before: Figures, after: Figures, step: int, keep: float) -> dict[str, str]:
    """Return how the weights were chosen, for the card.

    Args:
        before: figures without labels of the encoder that was begun with.
        after: of the exported one.
        step: of the chosen weights; 0 for those of the beginning.
        keep: share of the beginning's weights in the mixture.
    """
    chosen = (
        f"step {step}, its weights mixed with {keep:.0%} of the beginning's"
        if step
        else "none was better than the beginning, whose weights these are"
    )
    return {
        "selection": f"the epoch with the best free_selection; {chosen}",
        "before": in_words(before),
        "after": in_words(after),
    }
