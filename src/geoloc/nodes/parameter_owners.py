# SPDX-License-Identifier: Apache-2.0
"""Check that parameter files give each parameter to the nodes that have it, before it flies.

ROS ignores a parameter in the section of a node that does not have it, and cannot know which parameters must
be the same in two nodes.
"""

from collections.abc import Sequence
from pathlib import Path

from geoloc.errors import ParameterError
from geoloc.hypotheses import Hypotheses
from geoloc.nodes.settings import NODES
from geoloc.parameter_files import full_name, merge_sections, node_of, reaches, read_sections, values_for
from geoloc.settings import settings_of

_OWN = {node: frozenset(settings_of(kind)) for node, kind in NODES.items()}


def check_owners(files: Sequence[Path], node: str) -> None:
    """Refuse a parameter in the section of a node that does not have it, and one on which two nodes disagree.

    A disagreement is that of the last node that shares the parameter, so that it is said once.

    Args:
        files: parameter files, from general to specific.
        node: full name of the node that is checked, such as `/geoloc/camera_node`.

    Raises:
        ParameterError: for the first such parameter, and as in `read_sections`.
    """
    namespace, _, own = node.rpartition("/")
    if own not in _OWN:  # a node of another package, such as evaluation_node, declares what it likes
        return
    for path in files:
        _check_section(path, node)
    merged = merge_sections(files)
    for name, setting in settings_of(Hypotheses).items():
        sharing = [each for each, names in _OWN.items() if name in names]
        if own != sharing[-1]:
            continue
        values = {
            each: values_for(full_name(namespace, each), merged).get(name, setting.default)
            for each in sharing
        }
        if len(set(values.values())) > 1:
            found = ", ".join(f"{value} for {each}" for each, value in values.items())
            raise ParameterError(
                f"{name} is {found}, but these nodes must agree; set it once, under `/**:`, in {files[-1]}."
            )


def _check_section(path: Path, node: str) -> None:
    own = node_of(node)
    for section, values in read_sections(path).items():
        if node_of(section) != own or not reaches(section, node):
            continue
        for name in values:
            owners = [each for each, names in _OWN.items() if name in names]
            if owners and own not in owners:
                raise ParameterError(
                    f"{name} in {path} is set for {own}, but it is a parameter of {' and '.join(owners)}; "
                    f"move it to a section `{owners[0]}:` or `/**:`."
                )
