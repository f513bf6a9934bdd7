# SPDX-License-Identifier: Apache-2.0
"""From files and `key=value` words to a configuration: Hydra composes, its complaints become a sentence."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml
from hydra import compose as hydra_compose
from hydra import initialize_config_dir
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from geoloc.errors import ParameterError
from geoloc.installed import config_file
from geoloc_training.config import TrainConfig, build, build_config, plain
from geoloc_training.settings import DataConfig, require

_PRIMARY = "fit"
_GROUPS = ("data", "preset")


def compose(overrides: Iterable[str] = ()) -> TrainConfig:
    """The shipped configuration with words of the command line: groups (`data=u1652`) and settings.

    Raises:
        ParameterError: an unknown group or setting, an unreadable word, or values that contradict each other.
    """
    words = [_for_hydra(word) for word in overrides]
    with _in_a_sentence(" ".join(words)), initialize_config_dir(str(_folder()), version_base="1.3"):
        tree = hydra_compose(_PRIMARY, words)
    return build_config(_container(tree))


def load_config(path: Path, overrides: Iterable[str] = ()) -> TrainConfig:
    """A whole recipe from one YAML file, such as a run's own `config.yaml`, with words of the command line.

    Raises:
        ParameterError: no such file, not YAML, or as `compose`.
    """
    if not path.is_file():
        raise ParameterError(f"{path} does not exist; give a recipe, such as the config.yaml of a run.")
    try:
        tree = yaml.safe_load(path.read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        raise ParameterError(f"{path} is not valid YAML: {' '.join(str(error).split())}.") from error
    if not isinstance(tree, dict):
        raise ParameterError(f"{path} must hold a mapping of settings, found {type(tree).__name__}.")
    return build_config(_overridden(tree, overrides))


def data_config(overrides: Iterable[str], base: DataConfig | None = None) -> DataConfig:
    """The data that `data=NAME data.root=DIR …` name, starting from a run's own where there is one.

    Raises:
        ParameterError: a word that is about something else than data, or as `compose`.
    """
    words = list(overrides)
    strange = [word for word in words if not word.startswith(("data=", "data."))]
    require(not strange, f"'{' '.join(strange)}' is not about data; write data=NAME and data.root=DIR here.")
    named = any(word.startswith("data=") for word in words)
    require(
        base is not None or named,
        f"name the data to measure on: data=NAME, one of {', '.join(group_names('data'))}.",
    )
    start = {} if named or base is None else {"data": plain(base)}
    data: DataConfig = build(DataConfig, _overridden(start, words)["data"], "data.")
    return data


def group_names(group: str) -> list[str]:
    """What a group of the shipped configuration offers: `data` or `preset`."""
    return sorted(path.stem for path in (_folder() / group).glob("*.yaml"))


def _folder() -> Path:
    return config_file(f"training/{_PRIMARY}.yaml").parent


def _overridden(tree: dict[str, Any], overrides: Iterable[str]) -> dict[str, Any]:
    """A plain tree with overrides applied, `data=NAME` replacing all that it says of data."""
    words = [_for_hydra(word) for word in overrides]
    with _in_a_sentence(" ".join(words)):
        config = OmegaConf.create(tree)
        for override in OverridesParser.create().parse_overrides(words):
            key, value = override.key_or_group, override.value()
            if key == "preset":
                raise ParameterError(
                    "+preset=… belongs to the shipped configuration; leave out --config, or the preset."
                )
            if key == "data":
                _replace_data(config, value)
            else:
                OmegaConf.update(
                    config, key, value, merge=not isinstance(value, (dict, list)), force_add=True
                )
    return _container(config)


def _replace_data(config: DictConfig, name: str) -> None:
    """Put a data set of the group in the place of a recipe's own, with the augmentation that goes with it."""
    group = OmegaConf.load(_folder() / "data" / f"{name}.yaml")
    config.pop("data", None)
    config.merge_with(group if "data" in group else {"data": group})


def _for_hydra(word: str) -> str:
    """A word as Hydra wants it: groups as they are, any setting may be set whether or not a file names it."""
    name, separator, value = word.partition("=")
    bare = name.strip().lstrip("+")
    require(bool(separator and bare), f"'{word}' is no key=value; write e.g. optimiser.steps=500.")
    if bare in _GROUPS:
        known = group_names(bare)
        require(value in known, f"{bare} '{value}' is unknown; use one of {', '.join(known)}.")
        return f"+preset={value}" if bare == "preset" else f"{bare}={value}"
    if bare == "data.root":
        value = "'" + str(Path(value.strip("'\"")).expanduser()).replace("'", "\\'") + "'" if value else "''"
    return f"++{bare}={value}"


@contextmanager
def _in_a_sentence(words: str) -> Iterator[None]:
    try:
        yield
    except (HydraException, OmegaConfBaseException, KeyError, TypeError, ValueError) as error:
        said = str(error).strip().splitlines()
        raise ParameterError(
            f"the settings '{words}' cannot be read ({said[0] if said else type(error).__name__}); "
            "write key=value, with quotes around a value of special characters."
        ) from error


def _container(config: DictConfig) -> dict[str, Any]:
    with _in_a_sentence(""):
        tree: dict[str, Any] = OmegaConf.to_container(config, resolve=True)
    return tree
