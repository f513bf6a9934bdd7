# SPDX-License-Identifier: Apache-2.0
"""The configuration of a run, from YAML files and `key=value` words; OmegaConf merges them.

The data set's file comes first, then `fit.yaml`, the presets that a preset builds on, the preset itself, and
the words of the command line; each overrides those before it. A file names what it builds on under `base`. A
recipe of your own, such as a run's `config.yaml`, replaces all these files.
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
    """The words of a command line, sorted: a preset, a data set, and settings by dotted key."""

    preset: str | None
    data: str | None
    settings: tuple[tuple[str, Any], ...]


def load_config(words: Iterable[str] = (), recipe: Path | None = None) -> TrainConfig:
    """Load the shipped configuration, or a recipe of your own, with the words of a command line.

    Args:
        words: `preset=NAME`, `data=NAME` and settings such as `optimiser.steps=500`; a leading + is allowed.
        recipe: a whole configuration as YAML, such as a run's `config.yaml`; None for the shipped one.

    Raises:
        ParameterError: no such recipe, preset, data set or setting, a word that cannot be read, or values
            that contradict each other.
    """
    parsed = _parsed(words)
    tree = _shipped_tree(parsed) if recipe is None else _recipe_tree(recipe, parsed)
    return build_config(_with_settings(tree, parsed))


def load_data(words: Iterable[str], base: DataConfig | None = None) -> DataConfig:
    """Load the data that `data=NAME data.root=DIR …` name.

    Args:
        words: as of `load_config`, about data alone.
        base: data that settings without `data=NAME` are put over, such as a run's own.

    Raises:
        ParameterError: a word about something other than data, no name and no `base`, or as `load_config`.
    """
    words = list(words)
    strange = [word for word in words if not word.startswith(("data=", "data."))]
    require(not strange, f"'{' '.join(strange)}' is not about data; write data=NAME and data.root=DIR here.")
    parsed = _parsed(words)
    if parsed.data is not None:
        tree = _data_file(parsed.data)
    else:
        known = ", ".join(group_names("data"))
        require(base is not None, f"name the data to measure on: data=NAME, one of {known}.")
        tree = _tree({"data": plain(base)})
    return build(DataConfig, _with_settings(tree, parsed)["data"], ParameterError, key="data")


def group_names(group: str) -> list[str]:
    """Return the names in a group of the shipped configuration, `data` or `preset`."""
    return sorted(path.stem for path in (_folder() / group).glob("*.yaml"))


def _parsed(words: Iterable[str]) -> _Words:
    groups: dict[str, str] = {}
    settings = []
    for word in words:
        name, separator, value = word.partition("=")
        name = name.strip().lstrip("+")
        require(bool(separator and name), f"'{word}' is not key=value; write e.g. optimiser.steps=500.")
        if name in ("data", "preset"):
            known = group_names(name)
            require(value in known, f"{name} '{value}' is unknown; use one of {', '.join(known)}.")
            groups[name] = value
        else:
            settings.append((name, _value(word, name, value)))
    return _Words(groups.get("preset"), groups.get("data"), tuple(settings))


def _value(word: str, name: str, text: str) -> Any:  # noqa: ANN401 - whatever YAML holds
    """Return a word's value as YAML reads it; the folder `data.root` stays text."""
    if name == "data.root":
        return str(Path(text.strip("'\"")).expanduser()) if text else ""
    with _in_a_sentence(word):
        return OmegaConf.to_container(OmegaConf.from_dotlist([f"value={text}"]))["value"] if text else ""


def _shipped_tree(words: _Words) -> DictConfig:
    data, layers = _layers(words.preset)
    return _tree(OmegaConf.merge(_data_file(words.data or data), *layers))


def _layers(preset: str | None) -> tuple[str, list[DictConfig]]:
    """Return the data set of a preset, and the files that it consists of, `fit.yaml` first."""
    tree = _file(_FIRST if preset is None else f"preset/{preset}.yaml")
    base = tree.pop("base", {})
    if preset is None:
        return base["data"], [tree]
    data, below = _layers(base.get("preset"))
    return base.get("data", data), [*below, tree]


def _recipe_tree(recipe: Path, words: _Words) -> DictConfig:
    """Return a recipe; a data set that the words name replaces the recipe's own."""
    require(recipe.is_file(), f"{recipe} does not exist; give a recipe, such as the config.yaml of a run.")
    require(
        words.preset is None,
        "+preset=… belongs to the shipped configuration; leave out --config, or the preset.",
    )
    tree = _tree(read_mapping(recipe, ParameterError, "recipe", "give the config.yaml of a run"))
    if words.data is not None:
        tree.pop("data", None)
        tree.merge_with(_data_file(words.data))
    return tree


def _with_settings(tree: DictConfig, words: _Words) -> dict[str, Any]:
    """Return a tree with the words' settings in it, as plain dictionaries and lists."""
    with _in_a_sentence(" ".join(f"{key}={value}" for key, value in words.settings)):
        for key, value in words.settings:
            OmegaConf.update(tree, key, value, merge=_is_merged(tree, key, value), force_add=True)
        plain_tree: dict[str, Any] = OmegaConf.to_container(tree, resolve=True)
    return plain_tree


def _is_merged(tree: DictConfig, key: str, value: object) -> bool:
    """Return False for a mapping with another `name` than the present one, which it then replaces."""
    name = value.get("name") if isinstance(value, dict) else None
    return name is None or name == OmegaConf.select(tree, f"{key}.name")


def _data_file(name: str) -> DictConfig:
    return _file(f"data/{name}.yaml")


def _file(name: str) -> DictConfig:
    return _tree(OmegaConf.load(_folder() / name))


def _tree(content: Any) -> DictConfig:  # noqa: ANN401
    with _in_a_sentence(""):
        return OmegaConf.create(content)


def _folder() -> Path:
    return config_file(f"training/{_FIRST}").parent


@contextmanager
def _in_a_sentence(words: str) -> Iterator[None]:
    """Turn what OmegaConf raises inside the `with` into a sentence about the words."""
    try:
        yield
    except (OmegaConfBaseException, yaml.YAMLError, KeyError, TypeError, ValueError) as error:
        reason = str(error).strip().splitlines() or [type(error).__name__]
        raise ParameterError(
            f"the settings '{words}' cannot be read ({reason[0]}); "
            "write key=value, with quotes around a value of special characters."
        ) from error
