# SPDX-License-Identifier: Apache-2.0
"""`geoloc calibrate`: measures a model's covariance and refusal thresholds on evaluated flights."""

from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from geoloc.cli.options import ModelArgument

if TYPE_CHECKING:
    from geoloc.encoder.calibration import Calibration
    from geoloc_lab.calibration.calibrate import Measured
    from geoloc_lab.calibration.covariance_fit import CovarianceFit

_HELP = """Calibrate a model's covariance and thresholds on flights over a validation region.

Fits a scale and a floor of the covariance to the errors. Chooses max_sigma_m so that the rate of false fixes
stays below a target; for flights evaluated with --alone, chooses min_score and min_margin too. Measures the
score below which a view counts as off the map. Stores the results in the model's model.yaml and params.yaml.

First evaluate the flights with open thresholds, over ground that neither training nor your tests use:

  geoloc evaluate flight --map my_map --model my_model --params-file config/open.yaml --out runs/open

Unrefined and refined fixes are calibrated separately.

Examples:

  geoloc calibrate my_model runs/open --target-false-fix 0.01

  geoloc calibrate my_model runs/open runs/open2 --dry-run
"""


def register(app: typer.Typer) -> None:
    """Add `geoloc calibrate`."""
    app.command("calibrate", help=_HELP)(calibrate)


def calibrate(
    model: ModelArgument,
    reports: Annotated[list[Path], typer.Argument(help="Report folders that `geoloc evaluate` wrote.")],
    target_false_fix: Annotated[
        float,
        typer.Option(help="Largest share of false fixes, as an upper bound with 95 % confidence."),
    ] = 0.001,
    false_beyond: Annotated[
        float, typer.Option(min=0.1, help="Error above which a fix is false, metres.")
    ] = 50.0,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace even a calibration that was measured on more frames.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the result without storing it.")] = False,
) -> None:
    """Calibrate a model and store the result in it."""
    from geoloc.encoder.card import load_card
    from geoloc.encoder.card_writing import store_calibration
    from geoloc.errors import ParameterError
    from geoloc.installed import find_model
    from geoloc_lab.calibration.calibrate import calibrate as measure
    from geoloc_lab.calibration.operating_point import Target
    from geoloc_lab.reports.written_report import read_report

    card = load_card(find_model(model))
    calibration, measured = measure(
        [read_report(path) for path in reports],
        card.id,
        datetime.now(timezone.utc).date().isoformat(),
        Target(target_false_fix, false_beyond),
    )
    typer.echo(_table(calibration, measured))
    if not measured.point.proven:
        typer.echo(
            f"note: {measured.frames} frames do not prove a rate of {target_false_fix:.2%}, which takes "
            f"{measured.point.fixes_needed} independent fixes without a false one",
            err=True,
        )
    stored = card.calibration.measured.get("frames", 0)
    if dry_run:
        typer.echo("\nnothing stored: --dry-run")
    elif measured.frames < stored and not overwrite:
        raise ParameterError(
            f"{card.id} holds a calibration on {stored} frames, more than the {measured.frames} of this one; "
            "give more flights, or replace it with --overwrite."
        )
    else:
        typer.echo(f"\nstored in {store_calibration(card.directory, calibration).directory}")


def _covariances(found: "Calibration", measured: "Measured") -> str:
    scale, floor_m, more_m = found.covariance_scale, found.sigma_floor_m, found.registration_m
    return (
        f"covariance of the filter: {scale:g} Σ + ({floor_m:g} m)²{_source(measured.fit)}\n"
        f"added for refined positions: ({more_m:g} m)²{_source(measured.registration)}\n"
    )


def _source(fit: "CovarianceFit | None") -> str:
    if fit is None:
        return " (unchanged: too few fixes)"
    return f" (from {fit.fixes} fixes, {fit.false_share:.1%} of them modelled as false)"


def _table(found: "Calibration", measured: "Measured") -> str:
    from geoloc_lab.reports.text import aligned, number, percent

    before, after = measured.before, measured.after
    seen, crossed = measured.point.seen, measured.point.crossed
    covariance = [
        ("", ("before", "after, accepted fixes")),
        ("NEES (2 if consistent)", (number(before.nees), number(after.nees))),
        *(
            (
                f"truth inside the {sigma}σ ellipse",
                (percent(before.inside[sigma]), percent(after.inside[sigma])),
            )
            for sigma in after.inside
        ),
    ]
    point = [
        ("", ("on all frames", "cross-validated")),
        ("availability", (percent(seen.available), percent(crossed.available))),
        ("false fixes", (f"{seen.false} of {seen.accepted}", f"{crossed.false} of {crossed.accepted}")),
        ("  effective number of fixes", (f"{seen.independent:.0f}", f"{crossed.independent:.0f}")),
        ("  95 % upper bound of the rate", (percent(seen.upper), percent(crossed.upper))),
    ]
    return "\n".join(
        (
            _covariances(found, measured),
            aligned(covariance),
            f"\nthresholds: min_score {found.min_score:g}, min_margin {found.min_margin:g}, "
            f"max_sigma_m {found.max_sigma_m:g}\n",
            aligned(point),
        )
    )
