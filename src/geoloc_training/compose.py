# SPDX-License-Identifier: Apache-2.0
"""The configuration of a run, from YAML files and `key=value` words; OmegaConf merges them.

Later ones win: the data set's file, `fit.yaml`, the presets that a preset builds on, the preset itself, the
words of the command line. A file names what it builds on under `base`. A recipe of one's own, such as a run's
`config.yaml`, takes the place of all these files.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from geoloc.errors import ParameterError
from geoloc.installed import config_file
from geoloc.typed import build, read_mapping
from geoloc_training.checks import require
from geoloc_training.config import TrainConfig, build_config, plain
from geoloc_training.datasets.data_config import DataConfig

_FIRST = "fit.yaml"


@dataclass(frozen=True)
class _Words:
    """What the words of a command line say: a preset, a data set, and settings by dotted key."""

    preset: str | None
    data: str | None
    settings: tuple[tuple[str, Any], ...]


def load_config(words: Iterable[str] = (), recipe: Path | None = None) -> TrainConfig:
    """Load the shipped configuration, or a recipe of one's own, with the words of a command line.

    Args:
        words: `preset=NAME`, `data=NAME` and settings such as `optimiser.steps=500`; a leading + is allowed.
        recipe: a whole configuration as YAML, such as a run's `config.yaml`; None for the shipped one.

    Raises:
        ParameterError: no such recipe, preset, data set or setting, a word that cannot be read, or values
            that contradict each other.
    """
    said = _parsed(words)
    tree = _shipped(said) if recipe is None else _own(recipe, said)
    return build_config(_with(tree, said))


def load_data(words: Iterable[str], base: DataConfig | None = None) -> DataConfig:
    """Load the data that `data=NAME data.root=DIR …` name, starting from a run's own where there is one.

    Raises:
        ParameterError: a word that is about something else than data, or as `load_config`.
    """
    words = list(words)
    strange = [word for word in words if not word.startswith(("data=", "data."))]
    require(not strange, f"'{' '.join(strange)}' is not about data; write data=NAME and data.root=DIR here.")
    said = _parsed(words)
    require(
        base is not None or said.data is not None,
        f"name the data to measure on: data=NAME, one of {', '.join(group_names('data'))}.",
    )
    start = _file(f"data/{said.data}.yaml") if said.data or base is None else _tree({"data": plain(base)})
    return build(DataConfig, _with(start, said)["data"], ParameterError, key="data")


def group_names(group: str) -> list[str]:
    """Return what a group of the shipped configuration offers: `data` or `preset`."""
    return sorted(path.stem for path in (_folder() / group).glob("*.yaml"))


def _parsed(words: Iterable[str]) -> _Words:
    groups: dict[str, str] = {}
    settings = []
    for word in words:
        name, separator, value = word.partition("=")
        name = name.strip().lstrip("+")
        require(bool(separator and name), f"'{word}' is no key=value; write e.g. optimiser.steps=500.")
        if name in ("data", "preset"):
            known = group_names(name)
            require(value in known, f"{name} '{value}' is unknown; use one of {', '.join(known)}.")
            groups[name] = value
        else:
            settings.append((name, _value(word, name, value)))
    return _Words(groups.get("preset"), groups.get("data"), tuple(settings))


def _value(word: str, name: str, text: str) -> Any:  # noqa: ANN401 - whatever YAML holds
    """Return a word's value as YAML reads it; a folder is taken as it stands."""
    if name == "data.root":
        return str(Path(text.strip("'\"")).expanduser()) if text else ""
    with _in_a_sentence(word):
        return OmegaConf.to_container(OmegaConf.from_dotlist([f"value={text}"]))["value"] if text else ""


def _shipped(said: _Words) -> DictConfig:
    data, layers = _layers(said.preset)
    return _tree(OmegaConf.merge(_file(f"data/{said.data or data}.yaml"), *layers))


def _layers(preset: str | None) -> tuple[str, list[DictConfig]]:
    """Return the data set that a preset is for, and the files it is made of, the lowest first."""
    tree = _file(_FIRST if preset is None else f"preset/{preset}.yaml")
    base = tree.pop("base", {})
    if preset is None:
        return base["data"], [tree]
    data, below = _layers(base.get("preset"))
    return base.get("data", data), [*below, tree]


def _own(recipe: Path, said: _Words) -> DictConfig:
    """Return a recipe, another data set in the place of its own where one is named."""
    require(recipe.is_file(), f"{recipe} does not exist; give a recipe, such as the config.yaml of a run.")
    require(
        said.preset is None,
        "+preset=… belongs to the shipped configuration; leave out --config, or the preset.",
    )
    tree = _tree(read_mapping(recipe, ParameterError, "recipe", "give the config.yaml of a run"))
    if said.data is not None:
        tree.pop("data", None)
        tree.merge_with(_file(f"data/{said.data}.yaml"))
    return tree


def _with(tree: DictConfig, said: _Words) -> dict[str, Any]:
    """Return a tree with settings put over it, as plain dictionaries and lists."""
    with _in_a_sentence(" ".join(f"{key}={value}" for key, value in said.settings)):
        for key, value in said.settings:
            OmegaConf.update(tree, key, value, merge=_goes_into(tree, key, value), force_add=True)
        plain_tree: dict[str, Any] = OmegaConf.to_container(tree, resolve=True)
    return plain_tree


def _goes_into(tree: DictConfig, key: str, value: object) -> bool:
    """Return True where a value adds to what is there; a mapping of another name replaces it."""
    name = value.get("name") if isinstance(value, dict) else None
    return name is None or name == OmegaConf.select(tree, f"{key}.name")


def _file(name: str) -> DictConfig:
    return _tree(OmegaConf.load(_folder() / name))


def _tree(content: Any) -> DictConfig:  # noqa: ANN401
    with _in_a_sentence(""):
        return OmegaConf.create(content)


def _folder() -> Path:
    return config_file(f"training/{_FIRST}").parent


@contextmanager
def _in_a_sentence(words: str) -> Iterator[None]:
    try:
        yield
    except (OmegaConfBaseException, yaml.YAMLError, KeyError, TypeError, ValueError) as error:
        said = str(error).strip().splitlines()
        raise ParameterError(
            f"the settings '{words}' cannot be read ({said[0] if said else type(error).__name__}); "
            "write key=value, with quotes around a value of special characters."
        ) from error
