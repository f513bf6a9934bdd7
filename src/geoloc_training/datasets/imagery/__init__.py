# SPDX-License-Identifier: Apache-2.0
"""The data set `map`: georeferenced imagery and procedural worlds, and random views of them."""
