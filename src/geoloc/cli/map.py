# SPDX-License-Identifier: Apache-2.0
"""Commands are registered here by their owner."""

import typer


def register(app: typer.Typer) -> None:
    """Add this module's commands to `geoloc`."""
