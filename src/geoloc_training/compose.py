# SPDX-License-Identifier: Apache-2.0
"""Composes a run's configuration from YAML files and `key=value` words with OmegaConf.

The layers are, in this order: the data set's file, `fit.yaml`, the presets that the chosen preset builds on,
the chosen preset, and the words of the command line. Each layer overrides those before it. A file names the
files that it builds on under `base`. Your own recipe, such as a run's `config.yaml`, replaces all files.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from geoloc.errors import ParameterError, clause
from geoloc.installed import config_file
from geoloc.typed import build, read_mapping
from geoloc_training.checks import require
from geoloc_training.config import TrainConfig, build_config, plain
from geoloc_training.datasets.data_config import DataConfig

_FIRST = "fit.yaml"


@dataclass(frozen=True)
class _Words:
    """Parsed words of a command line: preset, data set, and settings by dotted key."""

    preset: str | None
    data: str | None
    settings: tuple[tuple[str, Any], ...]


def load_config(words: Iterable[str] = (), recipe: Path | None = None) -> TrainConfig:
    """Load the shipped configuration, or your own recipe, and apply the words of a command line.

    Args:
        words: `preset=NAME`, `data=NAME` and settings such as `optimiser.steps=500`; a leading + is allowed.
        recipe: YAML file with a complete configuration, such as a run's `config.yaml`; None for the shipped
            configuration.

    Raises:
        ParameterError: the recipe, preset, data set or setting does not exist, a word cannot be parsed, or
            values contradict each other.
    """
    parsed = _parsed(words)
    tree = _shipped_tree(parsed) if recipe is None else _recipe_tree(recipe, parsed)
    return build_config(_with_settings(tree, parsed))


def load_data(words: Iterable[str], base: DataConfig | None = None) -> DataConfig:
    """Load the data configuration that words such as `data=NAME data.root=DIR` describe.

    Args:
        words: words as for `load_config`, limited to `data` and its settings.
        base: configuration that the settings override if the words have no `data=NAME`, such as a run's own.

    Raises:
        ParameterError: a word does not concern data, neither the words nor `base` name a data set, or any
            error of `load_config`.
    """
    words = list(words)
    strange = [word for word in words if not word.startswith(("data=", "data."))]
    require(
        not strange,
        f"'{' '.join(strange)}' is not a setting of data; give only data=NAME and data.* settings here.",
    )
    parsed = _parsed(words)
    if parsed.data is not None:
        tree = _data_file(parsed.data)
    else:
        known = ", ".join(group_names("data"))
        require(base is not None, f"no data set is named; add data=NAME, one of {known}.")
        tree = _tree({"data": plain(base)})
    return build(DataConfig, _with_settings(tree, parsed)["data"], ParameterError, key="data")


def group_names(group: str) -> list[str]:
    """Return the names in a group of the shipped configuration; groups are `data` and `preset`."""
    return sorted(path.stem for path in (_folder() / group).glob("*.yaml"))


def _parsed(words: Iterable[str]) -> _Words:
    groups: dict[str, str] = {}
    settings = []
    for word in words:
        name, separator, value = word.partition("=")
        name = name.strip().lstrip("+")
        require(bool(separator and name), f"'{word}' is not key=value; write it like optimiser.steps=500.")
        if name in ("data", "preset"):
            known = group_names(name)
            require(value in known, f"{name} '{value}' is unknown; use one of {', '.join(known)}.")
            groups[name] = value
        else:
            settings.append((name, _value(word, name, value)))
    return _Words(groups.get("preset"), groups.get("data"), tuple(settings))


def _value(word: str, name: str, text: str) -> Any:  # noqa: ANN401 - whatever YAML holds
    """Return a word's value parsed as YAML; `data.root` stays text."""
    if name == "data.root":
        return str(Path(text.strip("'\"")).expanduser()) if text else ""
    with _in_a_sentence(word):
        return OmegaConf.to_container(OmegaConf.from_dotlist([f"value={text}"]))["value"] if text else ""


def _shipped_tree(words: _Words) -> DictConfig:
    data, layers = _layers(words.preset)
    return _tree(OmegaConf.merge(_data_file(words.data or data), *layers))


def _layers(preset: str | None) -> tuple[str, list[DictConfig]]:
    """Return a preset's data set and its files, `fit.yaml` first."""
    tree = _file(_FIRST if preset is None else f"preset/{preset}.yaml")
    base = tree.pop("base", {})
    if preset is None:
        return base["data"], [tree]
    data, below = _layers(base.get("preset"))
    return base.get("data", data), [*below, tree]


def _recipe_tree(recipe: Path, words: _Words) -> DictConfig:
    """Return a recipe, with its data set replaced if the words name another."""
    require(recipe.is_file(), f"{recipe} does not exist; give a recipe, such as the config.yaml of a run.")
    require(
        words.preset is None,
        "+preset=… and --config exclude each other; leave out one of them.",
    )
    tree = _tree(read_mapping(recipe, ParameterError, "recipe", "give the config.yaml of a run"))
    if words.data is not None:
        tree.pop("data", None)
        tree.merge_with(_data_file(words.data))
    return tree


def _with_settings(tree: DictConfig, words: _Words) -> dict[str, Any]:
    """Return a tree with the words' settings applied, as plain dictionaries and lists."""
    with _in_a_sentence(" ".join(f"{key}={value}" for key, value in words.settings)):
        for key, value in words.settings:
            OmegaConf.update(tree, key, value, merge=_is_merged(tree, key, value), force_add=True)
        plain_tree: dict[str, Any] = OmegaConf.to_container(tree, resolve=True)
    return plain_tree


def _is_merged(tree: DictConfig, key: str, value: object) -> bool:
    """Return False for a mapping whose `name` differs from the present one's; it replaces that mapping."""
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
    """Convert errors of OmegaConf inside the `with` block to a `ParameterError` about the words."""
    try:
        yield
    except (OmegaConfBaseException, yaml.YAMLError, KeyError, TypeError, ValueError) as error:
        reason = str(error).strip().splitlines() or [type(error).__name__]
        raise ParameterError(
            f"the settings '{words}' cannot be read ({clause(reason[0])}); "
            "write key=value, and quote values with special characters."
        ) from error
