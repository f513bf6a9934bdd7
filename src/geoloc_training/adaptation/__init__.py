# SPDX-License-Identifier: Apache-2.0
"""An encoder made at home in one region: by its map and by footage of it that nobody has labelled."""
