# SPDX-License-Identifier: Apache-2.0
"""Data sets for training: published sets, the user's own imagery, and the map and footage of a region."""
