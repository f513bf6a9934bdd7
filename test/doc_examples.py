# SPDX-License-Identifier: Apache-2.0
"""Commands in the documentation, held against the programs that they call: parsed, not run."""

import ast
import re
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import typer

from doc_pages import ROOT, Block
from geoloc.cli import app
from geoloc.errors import GeolocError
from geoloc.nodes.startup.input_topics import InputTopics
from geoloc.settings import settings_of

OMITTED = "…"
"""Stands in an example for words that the reader knows."""

_SEPARATORS = {"&&", "||", ";", "|", "&"}
_BEFORE = ("torchrun", "time", "nice")  # programs that start another one
_OURS = ("geoloc", "geoloc-train")


@dataclass(frozen=True)
class Call:
    """A command of an example: where it stands, and its words."""

    where: str
    words: tuple[str, ...]

    @property
    def program(self) -> str:
        """The program without its folder."""
        return Path(self.words[0]).name


def calls(block: Block) -> Iterator[Call]:
    """Yield the commands of a block: lines continued, comments dropped, `a && b` taken apart.

    Raises:
        ValueError: for a quote that is not closed.
    """
    line = block.line
    for joined in re.split(r"(?<!\\)\n", block.text):
        lexer = shlex.shlex(joined.replace("\\\n", " "), posix=True, punctuation_chars="&|;")
        lexer.whitespace_split = True
        words: list[str] = []
        for word in [*lexer, ";"]:
            if word not in _SEPARATORS:
                words.append(word)
            elif words:
                yield Call(f"{block.page}, line {line}", tuple(words))
                words = []
        line += joined.count("\n") + 1


def wrong(call: Call) -> str:
    """Return what is wrong with a command; empty where nothing is, or where it is none that is known here."""
    words = list(call.words)
    if call.program in _BEFORE:
        ours = [number for number, word in enumerate(words) if Path(word).name in _OURS]
        words = words[ours[0] :] if ours else words
    program, rest = Path(words[0]).name, words[1:]
    if program == "geoloc-train" or (program == "geoloc" and rest[:1] == ["train"]):
        return _wrong_training(rest if program == "geoloc-train" else rest[1:])
    if program == "geoloc":
        return parsed(typer.main.get_command(app), rest)[0]
    if program == "make":
        return _wrong_targets(rest)
    if program == "ros2":
        return _wrong_ros2(rest)
    if program.startswith("python"):
        return _wrong_script(rest)
    return ""


def parsed(command: Any, words: Sequence[str], parent: Any = None) -> tuple[str, dict[str, Any]]:
    """Parse words as a command of Typer does, without running it; what is wrong, and the parameters."""
    given = [word for word in words if word != OMITTED]
    try:
        context = command.make_context(command.name or "geoloc", given, parent=parent)
        if not hasattr(command, "commands"):
            return "", context.params
        name, chosen, rest = command.resolve_command(context, [*context._protected_args, *context.args])
        chosen.name = name
    except GeolocError as error:
        return str(error), {}
    except Exception as error:  # click's own, or those of the copy of click that newer typers bring
        kind = type(error).__name__
        if kind in ("Exit", "NoArgsIsHelpError") or (kind == "MissingParameter" and OMITTED in words):
            return "", {}
        if hasattr(error, "format_message"):
            return error.format_message(), {}
        raise
    return parsed(chosen, [*rest, *(OMITTED for _ in words[:1] if OMITTED in words)], context)


def _wrong_training(words: Sequence[str]) -> str:
    from geoloc_training.cli.app import app as training_app

    said, params = parsed(typer.main.get_command(training_app), words)
    settings = list(params.get("words") or [])
    if said or words[0] not in ("fit", "adapt") or params.get("config"):
        return said
    from geoloc_training.compose import load_config

    try:
        load_config(["+preset=adapt", "data.root=DIR", *settings] if words[0] == "adapt" else settings)
    except GeolocError as error:
        return str(error)
    return ""


def _wrong_targets(words: Sequence[str]) -> str:
    known = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    named = [word for word in words if "=" not in word and not word.startswith("-")]
    return "".join(f"the Makefile has no target {word}" for word in named if word not in known)


def _wrong_ros2(words: Sequence[str]) -> str:
    verb, package, *rest = [*words, "", ""]
    if package != "geoloc" or verb not in ("launch", "run"):
        return ""
    if verb == "run":
        return (
            ""
            if f'"{rest[0]} = ' in (ROOT / "setup.py").read_text(encoding="utf-8")
            else f"no program {rest[0]}"
        )
    file = ROOT / "launch" / rest[0]
    if not file.is_file():
        return f"no launch file {rest[0]}"
    given = [word.partition(":=")[0] for word in rest[1:] if ":=" in word]
    return "".join(
        f"{file.name} has no argument {name}" for name in given if name not in launch_arguments(file)
    )


def _wrong_script(words: Sequence[str]) -> str:
    scripts = [word for word in words[:1] if word.endswith(".py")]
    return "".join(f"{script} is not there" for script in scripts if not (ROOT / script).is_file())


@cache
def launch_arguments(file: Path) -> frozenset[str]:
    """Return the arguments that a launch file declares, read from its text: ROS need not be there."""
    source = file.read_text(encoding="utf-8")
    topics = settings_of(InputTopics) if "bringup_arguments(" in source else ()
    return frozenset(topics) | frozenset(
        name
        for module in re.findall(r"^from ([\w.]+\.launch_actions) import", source, re.MULTILINE)
        for function, names in _declared(module).items()
        if f"{function}(" in source
        for name in names
    )


def _declared(module: str) -> dict[str, list[str]]:
    """Return the names of the launch arguments in each function of a module."""
    tree = ast.parse((ROOT / "src" / f"{module.replace('.', '/')}.py").read_text(encoding="utf-8"))
    return {
        function.name: [
            str(node.args[0].value)
            for node in ast.walk(function)
            if isinstance(node, ast.Call)
            and getattr(node.func, "id", "") == "DeclareLaunchArgument"
            and isinstance(node.args[0], ast.Constant)
        ]
        for function in tree.body
        if isinstance(function, ast.FunctionDef)
    }
