# SPDX-License-Identifier: Apache-2.0
"""Plots of a run's clusters during training, for inspection only.

`pictures/descriptors.png` shows a projection over epochs, `pictures/clusters-epoch-NN.jpg` members of a few
clusters, and `pictures/labels.png` figures of the labels. All are redrawn from the files in the run's folder,
so a resumed run also shows the earlier epochs.
"""

import re
from pathlib import Path

import cv2

from geoloc_training.methods.dmnil.curves import curves
from geoloc_training.methods.dmnil.projection import keep_sample, kept_samples, panels
from geoloc_training.methods.dmnil.sheets import Members, sheet
from geoloc_training.methods.dmnil.source import ClusterBatches
from geoloc_training.runlog import logged

_OF_AN_EPOCH = re.compile(r"(?:clusters|sample)-epoch-(\d+)\.(?:jpg|npz)")


def draw(run: Path, epoch: int, source: ClusterBatches) -> None:
    """Plot the epoch that the source has planned, and the figures logged so far.

    Contact sheet and projection are plotted every `pictures_every` epochs, if descriptors are available.

    Args:
        run: folder of the run.
        epoch: number of the epoch.
        source: source with the epoch's labels and descriptors.

    Raises:
        OSError: a plot cannot be written.
        RasterError: an image of a cluster cannot be read.
    """
    folder = run / "pictures"
    folder.mkdir(exist_ok=True)
    if epoch % source.config.pictures_every == 0 and source.features is not None:
        _forget_from(epoch, folder)
        _draw_clusters(folder, epoch, source)
    figure = curves(logged(run), source.steps_per_epoch)
    if figure is not None:
        figure.savefig(folder / "labels.png")


def _draw_clusters(folder: Path, epoch: int, source: ClusterBatches) -> None:
    if source.labels is None or source.features is None:
        raise RuntimeError("an epoch can be plotted only after it has been planned")
    # Show only the first copy of an image.
    first = slice(None, None, source.config.copies)
    queries, references = source.features[0], source.features[1][first]
    labels = source.labels.query, source.labels.reference[first]
    keep_sample(folder, epoch, (queries, references), labels, source.labels.shared, source.seed)
    panels(kept_samples(folder)).savefig(folder / "descriptors.png")
    members = Members(
        (source.queries, source.references), (queries, references), labels, source.labels.shared
    )
    picture = sheet(members, epoch, source.seed)
    encoded = cv2.imencode(".jpg", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))[1]
    (folder / f"clusters-epoch-{epoch:02d}.jpg").write_bytes(encoded.tobytes())


def _forget_from(epoch: int, folder: Path) -> None:
    """Remove files of this epoch and later ones that an interrupted run has left."""
    for path in folder.iterdir():
        named = _OF_AN_EPOCH.fullmatch(path.name)
        if named is not None and int(named[1]) >= epoch:
            path.unlink()
