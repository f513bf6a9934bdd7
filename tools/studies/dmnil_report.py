# SPDX-License-Identifier: Apache-2.0
"""Writes the tables and curves of `dmnil_study.py` from the logs of its runs."""

import csv
import json
import statistics
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from scipy.stats import spearmanr

D2S, S2D = "drone→satellite", "satellite→drone"
RECALL = f"{D2S} R@1"
TESTED = (RECALL, f"{D2S} AP", f"{S2D} R@1", f"{S2D} AP")
LABELS = ("query_purity", "query_coverage", "reference_purity", "match_purity")
FREE = (
    "free_selection",
    "free_mutual",
    "free_mutual_cluster",
    "free_stability",
    "free_lead",
    "free_likeness",
)


@dataclass(frozen=True)
class Run:
    """The metrics of a run.

    Attributes:
        variant: name of the trained variant.
        tested: test metrics before training and after each epoch.
        labels: metrics of the cluster labels of each epoch.
    """

    variant: str
    tested: tuple[dict[str, float], ...]
    labels: tuple[dict[str, float], ...]


def read_run(run: Path) -> Run:
    """Read a finished run."""
    beginning = json.loads((run / "beginning.json").read_text(encoding="utf-8"))
    with (run / "log.csv").open(encoding="utf-8", newline="") as file:
        rows = [{k: float(v) for k, v in row.items() if v} for row in csv.DictReader(file)]
    tested = [row for row in rows if RECALL in row]
    labels = [row for row in rows if "query_clusters" in row]
    return Run(run.name.rsplit("-", 1)[0], (beginning, *tested), tuple(labels))


def write_report(folders: Sequence[Path], out: Path) -> None:
    """Write `table.md`, `curves.png` and `runs.json`, and print the table."""
    runs = [read_run(folder) for folder in folders]
    if not runs:
        print("no run has finished")
        return
    text = "\n\n".join([_table(runs), _correlations(runs)])
    (out / "table.md").write_text(text + "\n", encoding="utf-8")
    kept = [vars(run) for run in runs]
    (out / "runs.json").write_text(json.dumps(kept), encoding="utf-8")
    _curves(runs, out / "curves.png")
    print(f"{text}\n\ncurves: {out / 'curves.png'}")


def _variants(runs: Iterable[Run]) -> dict[str, list[Run]]:
    found: dict[str, list[Run]] = {}
    for run in runs:
        found.setdefault(run.variant, []).append(run)
    return found


def _table(runs: Sequence[Run]) -> str:
    """Return a table of test and label metrics in %, mean ± sample deviation over seeds."""
    names = (*TESTED, *LABELS)
    lines = ["| in % | " + " | ".join(names) + " |", "|---|" + "---|" * len(names)]
    for variant, of in _variants(runs).items():
        begun = [_spread([run.tested[0].get(name) for run in of]) for name in TESTED]
        ended = [_spread([run.tested[-1].get(name) for run in of]) for name in TESTED]
        labels = [_spread([run.labels[-1].get(name) for run in of]) for name in LABELS]
        lines.append(f"| {variant}, before training | " + " | ".join(begun) + " | – " * len(LABELS) + "|")
        lines.append(f"| {variant}, last epoch | " + " | ".join(ended + labels) + " |")
    return "\n".join(lines)


def _correlations(runs: Sequence[Run]) -> str:
    """Return a table of Spearman's correlation between label-free metrics and recall over the epochs."""
    lines = [
        "| label-free metric | within a run, mean | within a run, lowest | over all runs |",
        "|---|---|---|---|",
    ]
    for name in FREE:
        each = [_rank(run.tested[1:], name) for run in runs]
        known = [value for value in each if value is not None]
        together = _rank([row for run in runs for row in run.tested[1:]], name)
        if known and together is not None:
            lines.append(f"| {name} | {statistics.mean(known):.2f} | {min(known):.2f} | {together:.2f} |")
    return "\n".join(lines)


def _rank(rows: Sequence[dict[str, float]], name: str) -> float | None:
    pairs = [(row[name], row[RECALL]) for row in rows if name in row]
    if len(pairs) < 3 or len({pair[0] for pair in pairs}) < 2 or len({pair[1] for pair in pairs}) < 2:
        return None
    return float(spearmanr(*zip(*pairs, strict=True)).statistic)


def _spread(values: Sequence[float | None]) -> str:
    known = [100 * value for value in values if value is not None]
    if not known:
        return "–"
    return f"{statistics.mean(known):.1f} ± {statistics.stdev(known) if len(known) > 1 else 0:.1f}"


def _curves(runs: Sequence[Run], path: Path) -> None:
    figure, axes = plt.subplots(2, 3, figsize=(13, 7), layout="constrained")
    panels: list[tuple[str, Callable[[Run], Sequence[dict[str, float]]]]] = [
        (RECALL, lambda run: run.tested),
        (f"{D2S} AP", lambda run: run.tested),
        ("free_selection", lambda run: run.tested),
        ("query_purity", lambda run: run.labels),
        ("query_coverage", lambda run: run.labels),
        ("match_purity", lambda run: run.labels),
    ]
    for axis, (name, rows) in zip(axes.flat, panels, strict=True):
        for variant, of in _variants(runs).items():
            _band(axis, [[row.get(name, float("nan")) for row in rows(run)] for run in of], variant)
        axis.set_title(name)
        axis.set_xlabel("epoch")
        axis.grid(alpha=0.3)
    axes[0, 0].legend(fontsize=8)
    figure.savefig(path, dpi=110)
    plt.close(figure)


def _band(axis: Axes, curves: Sequence[Sequence[float]], name: str) -> None:
    """Plot the mean over the seeds, and the range between the lowest and the highest."""
    rows = list(zip(*curves, strict=False))
    x = range(len(rows))
    (line,) = axis.plot(x, [statistics.mean(row) for row in rows], label=name)
    low, high = [min(row) for row in rows], [max(row) for row in rows]
    axis.fill_between(x, low, high, alpha=0.15, color=line.get_color())
