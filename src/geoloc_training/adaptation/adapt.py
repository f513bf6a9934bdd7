# SPDX-License-Identifier: Apache-2.0
"""Adapts an encoder to a region without labels, and builds the region's map with it.

The steps are: cut views from map and footage, train on them by DMNIL, choose the epoch with the best
label-free figures, mix its weights with the initial weights, export the mixture, and build the map. If no
epoch is better than the initial weights, those are exported. The mixture (Wortsman et al., Robust fine-tuning
of zero-shot models, CVPR 2022) keeps recall on ground that the footage does not show, where the adapted
weights alone can be worse.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from lightning_fabric import Fabric
from torch import Tensor

from geoloc.encoder import ModelCard, load_card, load_encoder
from geoloc.encoder.torch_backend import ViewEncoder
from geoloc.errors import BagError, ParameterError
from geoloc.installed import find_model
from geoloc.mapping.builder import BuildOptions, build_map
from geoloc_training.adaptation.calibration import calibration_of
from geoloc_training.adaptation.cutting import Cut, Sources, cut_region
from geoloc_training.adaptation.summary import Figures, in_words, notes
from geoloc_training.atomic_files import replace_text
from geoloc_training.card_facts import real_views, run_facts
from geoloc_training.compose import load_config
from geoloc_training.config import ModelConfig, TrainConfig
from geoloc_training.export import CardFacts, export_model
from geoloc_training.label_free.validation import SELECTION, LabelFreeValidation
from geoloc_training.methods.dmnil.settings import DmnilConfig
from geoloc_training.prepare import Prepared, prepare
from geoloc_training.training.checkpoint import best_so_far, initial_weights, load_average
from geoloc_training.training.describe import Describer
from geoloc_training.training.hardware import launch
from geoloc_training.training.loop import fit
from geoloc_training.training.origin import write_origin

_LEAST_FRAMES = 8
_NEIGHBOURHOODS = 3  # least number of frames, as a multiple of k1
_BEGINNING = "beginning.json"
_OWN_WORDS = ("model.", "data.", "data=", "+preset=", "preset=")
_LEAST_LOCATED = 0.2  # footage of other places reaches 0.1 at most, footage half on the map about 0.5

Say = Callable[[str], None]


@dataclass(frozen=True)
class Adaptation:
    """Inputs and outputs of an adaptation.

    Attributes:
        sources: map and footage.
        init: initial model, a model directory or the id of a shipped model.
        out: model directory to write.
        map_out: map directory to build.
        run: folder of the run; a rerun continues there.
        keep: share of the initial weights in the exported weights, 0 to less than 1.
        words: settings that override those of the preset `adapt`.
    """

    sources: Sources
    init: str
    out: Path
    map_out: Path
    run: Path
    keep: float = 0.4
    words: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not 0 <= self.keep < 1:
            raise ParameterError(f"--keep is {self.keep}; give a share of at least 0 and less than 1.")
        wrong = [word for word in self.words if word.startswith(_OWN_WORDS)]
        if wrong:
            raise ParameterError(
                f"'{' '.join(wrong)}' cannot be set here, because --init gives the network, --map and "
                "--footage the data; set only method.*, optimiser.*, image_augment.* and hardware.*."
            )


@dataclass(frozen=True)
class Adapted:
    """Result of an adaptation.

    Attributes:
        model: model directory that was written.
        map: map directory that was built.
        before: label-free figures of the initial encoder.
        after: label-free figures of the exported encoder; the same if no epoch was better.
        step: step of the exported weights; 0 if the initial weights were exported.
    """

    model: Path
    map: Path
    before: Figures
    after: Figures
    step: int

    @property
    def helped(self) -> bool:
        """Return True if an epoch was better than the initial weights."""
        return self.step > 0


def adapt(what: Adaptation, say: Say) -> Adapted:
    """Run an adaptation, or continue an interrupted one.

    Raises:
        GeolocError: an input cannot be read or used, or an output cannot be written.
        Interrupted: a signal stopped the run, which is saved.
    """
    begun_with = load_card(find_model(what.init))
    say(f"1/4  cutting views with {begun_with.id}")
    what.run.mkdir(parents=True, exist_ok=True)
    cut = cut_region(what.sources, load_encoder(begun_with.directory), what.run, progress=True)
    _report_cut(cut, say)
    recipe = _recipe(what, begun_with, cut, say)
    say(f"2/4  training by DMNIL without labels; figures are logged in {what.run / 'log.csv'}")
    chosen = _learn(what, recipe, begun_with, say)
    say(f"3/4  exporting {what.out}")
    _export(what, recipe, chosen, begun_with, cut)
    say(f"4/4  building the map {what.map_out} with the exported model")
    build_map(
        what.sources.map_image,
        load_encoder(what.out),
        what.map_out,
        BuildOptions(view_size_m=cut.view_size_m),
        bounds=what.sources.bounds,
        crs=what.sources.crs,
        overwrite=True,
        progress=True,
        notify=say,
    )
    return Adapted(what.out, what.map_out, chosen.before, chosen.after, chosen.step)


@dataclass(frozen=True)
class _Chosen:
    """Weights to export, and the figures that they were chosen by."""

    weights: dict[str, Tensor]
    step: int
    before: Figures
    after: Figures
    prepared: Prepared


def _recipe(what: Adaptation, card: ModelCard, cut: Cut, say: Say) -> TrainConfig:
    """Return the preset with the words of the command line applied and the initial model's network."""
    recipe = load_config(["+preset=adapt", f"data.root={cut.root}", *what.words])
    recipe = replace(recipe, model=ModelConfig(**vars(card.architecture)))
    if not isinstance(recipe.method, DmnilConfig):
        raise ParameterError(
            f"method {recipe.method.name} learns from pairs, but a region has no pairs; use dmnil."
        )
    # Neighbourhoods that contain nearly all frames would merge all frames into one cluster.
    clusters, most = recipe.method.clusters, max(2, cut.footage.views // _NEIGHBOURHOODS)
    if clusters.k1 <= most:
        return recipe
    say(f"     {cut.footage.views} views are few for method.clusters.k1={clusters.k1}; using k1={most}.")
    fewer = replace(clusters, k1=most, k2=min(clusters.k2, most))
    return replace(recipe, method=replace(recipe.method, clusters=fewer))


def _report_cut(cut: Cut, say: Say) -> None:
    bare = f" ({cut.bare_tiles} tiles without imagery left out)" if cut.bare_tiles else ""
    say(f"     map: {cut.tiles} tiles of {cut.view_size_m:g} m{bare}.")
    for sentence in cut.footage.sentences():
        say(f"     footage: {sentence}")
    if cut.footage.views < _LEAST_FRAMES:
        raise BagError(
            f"the footage gives {cut.footage.views} views, but training needs at least {_LEAST_FRAMES}; give "
            "more footage or a smaller --view-size."
        )


def _learn(what: Adaptation, recipe: TrainConfig, card: ModelCard, say: Say) -> _Chosen:
    fabric = launch(recipe.hardware)
    prepared = prepare(recipe, what.run.parent / "cache", fabric.device)
    first = initial_weights(card.directory)
    before = _beginning(what.run, recipe, prepared, first, fabric)
    say(f"     before: {in_words(before)}")
    _require_on_map(before, recipe)
    if before["free_likeness"] < card.calibration.min_score:
        say(
            "     warning: the mean cosine of frames with their best tiles is "
            f"{before['free_likeness']:.2f}, below the min_score of {card.id}, "
            f"{card.calibration.min_score:.2f}; the map may not show this ground."
        )
    write_origin(what.run, _arguments(what), "adapt")
    fit(recipe, prepared.source, what.run, prepared.validate, initial=card.directory, fabric=fabric)
    best = best_so_far(what.run)
    if best is None or best.score <= before[SELECTION]:
        return _Chosen(first, 0, before, before, prepared)
    step, learnt = load_average(what.run, "best")
    weights = mixed(first, learnt, what.keep)
    after = _measured(recipe, prepared, weights, fabric)
    say(f"     after: {in_words(after)}")
    return _Chosen(weights, step, before, after, prepared)


def mixed(first: Mapping[str, Tensor], learnt: Mapping[str, Tensor], keep: float) -> dict[str, Tensor]:
    """Return the mixture of initial and learnt weights; integer counters are taken from the learnt ones."""
    return {
        name: keep * first[name].to(new.dtype) + (1 - keep) * new if new.is_floating_point() else new
        for name, new in learnt.items()
    }


def _require_on_map(figures: Figures, recipe: TrainConfig) -> None:
    """Raise `BagError` if labels would follow the path over the map but most frames are not located on it."""
    located = figures.get("free_located", 1.0)
    follows = isinstance(recipe.method, DmnilConfig) and recipe.method.enhancement.by == "path"
    if follows and located < _LEAST_LOCATED:
        raise BagError(
            f"only {located:.0%} of the frames can be located on a path over the map, because the footage "
            "lies outside the map or --init fails in this region; check --map, --view-size and poses, or set "
            "method.enhancement.by=votes to train without a path."
        )


def _beginning(
    run: Path, recipe: TrainConfig, prepared: Prepared, weights: dict[str, Tensor], fabric: Fabric
) -> Figures:
    """Return the figures of the initial encoder, measured once and kept in the run's folder."""
    path = run / _BEGINNING
    if path.is_file():
        found: dict[str, float] = json.loads(path.read_text(encoding="utf-8"))
        return found
    found = _measured(recipe, prepared, weights, fabric)
    replace_text(path, json.dumps(found))
    return found


def _measured(
    recipe: TrainConfig, prepared: Prepared, weights: Mapping[str, Tensor], fabric: Fabric
) -> dict[str, float]:
    if not isinstance(prepared.validate, LabelFreeValidation):
        raise ParameterError(
            "method.label_free=false leaves no figure to choose an epoch by; set it to true."
        )
    return prepared.validate(_describer(recipe, weights, fabric))


def _describer(recipe: TrainConfig, weights: Mapping[str, Tensor], fabric: Fabric | None = None) -> Describer:
    encoder = ViewEncoder(recipe.model)
    encoder.load_state_dict(weights)
    encoder = encoder if fabric is None else encoder.to(fabric.device)
    return Describer(encoder, recipe.model.input_px, recipe.hardware.workers)


def _export(what: Adaptation, recipe: TrainConfig, chosen: _Chosen, card: ModelCard, cut: Cut) -> None:
    describer = _describer(recipe, chosen.weights)
    sizes = [card.input_px * gsd_m for gsd_m in card.gsd_range_m] + [cut.view_size_m]
    found = run_facts(
        what.run,
        recipe,
        chosen.step,
        describer.views,
        name=what.out.name,
        notes=notes(chosen.before, chosen.after, chosen.step, what.keep)
        | {
            "begun_with": f"{card.id}, weights {card.sha256}",
            "learnt_from": f"{cut.tiles} tiles and {cut.footage.views} views, no labels",
        },
        view_size_m=(min(sizes), max(sizes)),
    )
    calibrated = (
        card.calibration if not chosen.step else calibration_of(describer, chosen.prepared, card.calibration)
    )
    _write(what, recipe, chosen, replace(found, calibration=calibrated, tolerances=card.tolerances))


def _write(what: Adaptation, recipe: TrainConfig, chosen: _Chosen, found: CardFacts) -> None:
    views = real_views(chosen.prepared)
    what.out.parent.mkdir(parents=True, exist_ok=True)
    export_model(chosen.weights, recipe.model, found, what.out, views)


def _arguments(what: Adaptation) -> list[str]:
    footage = [word for path in what.sources.footage for word in ("--footage", path.name)]
    return ["--map", what.sources.map_image.name, *footage, "--init", Path(what.init).name, *what.words]
