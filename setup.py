# SPDX-License-Identifier: Apache-2.0
"""Set up geoloc as an `ament_python` package for pip and colcon, with files where `ros2` finds them."""

from pathlib import Path

import setuptools
from setuptools import find_packages, setup

SHARE = Path("share/geoloc")
READS_PYPROJECT = int(setuptools.__version__.partition(".")[0]) >= 61  # that of Ubuntu 22.04 does not


def shared_files() -> list[tuple[str, list[str]]]:
    """List the files under `share/` by folder, in the form of `data_files`."""
    files = [
        ("share/ament_index/resource_index/packages", ["resource/geoloc"]),
        (str(SHARE), ["package.xml"]),
        (str(SHARE / "hook"), ["resource/hook/programs.dsv"]),
    ]
    for top in ("launch", "config", "models"):
        folders = [Path(top), *(path for path in sorted(Path(top).rglob("*")) if path.is_dir())]
        for folder in folders:
            members = [
                str(path) for path in sorted(folder.glob("*")) if path.is_file() and path.suffix != ".pyc"
            ]
            if members:
                files.append((str(SHARE / folder), members))
    return files


setup(
    name="geoloc",
    version="0.1.0",
    python_requires=">=3.10",
    packages=find_packages("src"),
    package_dir={"": "src"},
    package_data={"": ["py.typed", "*.j2"]},
    data_files=shared_files(),
    entry_points={
        "console_scripts": [
            "geoloc = geoloc.cli:main",
            "geoloc-train = geoloc_training.cli:main",
            "camera_node = geoloc.nodes.startup.entry:camera_node",
            "inference_node = geoloc.nodes.startup.entry:inference_node",
            "retrieval_node = geoloc.nodes.startup.entry:retrieval_node",
            "evaluation_node = geoloc_lab.nodes.entry:evaluation_node",
            "replay_node = geoloc_lab.nodes.entry:replay_node",
        ],
    },
    **({} if READS_PYPROJECT else {"extras_require": {"test": ["pytest"]}}),
    zip_safe=False,
)
