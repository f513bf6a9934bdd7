# SPDX-License-Identifier: Apache-2.0
"""A parameter in the section of another node, or with two values where nodes must agree, is refused."""

import pytest

from geoloc.errors import ParameterError
from geoloc.installed import config_file
from geoloc.nodes.parameter_owners import check_owners
from geoloc.nodes.settings import NODES


def checked(folder, *texts):
    files = [config_file("bringup.yaml")]
    for number, text in enumerate(texts):
        files.append(folder / f"{number}.yaml")
        files[-1].write_text(text)
    for node in (*NODES, "evaluation_node"):
        check_owners(files, f"/geoloc/{node}")


def section(node, values):
    return f"{node}:\n  ros__parameters: {{{values}}}\n"


@pytest.mark.parametrize("node", ["retrieval_node", "/**/retrieval_node", "/geoloc/retrieval_node"])
def test_a_parameter_of_another_node_is_refused_and_its_owner_named(tmp_path, node):
    with pytest.raises(
        ParameterError, match=r"mount_rpy_deg in .*0.yaml is set for retrieval_node.*camera_node:"
    ):
        checked(tmp_path, section(node, "mount_rpy_deg: [0.0, 90.0, 0.0]"))


def test_values_on_which_two_nodes_disagree_are_refused(tmp_path):
    with pytest.raises(
        ParameterError, match=r"heading_error_deg is 15.0 for camera_node, 0.0 for retrieval_node"
    ):
        checked(tmp_path, section("camera_node", "heading_error_deg: 15.0"))
    with pytest.raises(ParameterError, match=r"height_error is 0.1 for camera_node, 0.2 for"):
        checked(tmp_path, section("/**", "height_error: 0.2"), section("camera_node", "height_error: 0.1"))


@pytest.mark.parametrize(
    "text",
    [
        section("/**", "heading_error_deg: 15.0, mount_rpy_deg: [0.0, 90.0, 0.0]"),
        section("camera_node", "max_tilt_deg: 30.0, my_own: 3"),
        section("camera_node", "height_error: 0.1") + section("retrieval_node", "height_error: 0.1"),
        section("someone_elses_node", "mount_rpy_deg: 3"),
        section("evaluation_node", "map: my_map, model: m"),
    ],
    ids=["for any node", "its own, and an unknown one", "agreed", "another program", "evaluation_node"],
)
def test_other_files_are_accepted(tmp_path, text):
    checked(tmp_path, text)
