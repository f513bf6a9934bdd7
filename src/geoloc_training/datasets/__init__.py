# SPDX-License-Identifier: Apache-2.0
"""Data sets to train on: published ones, imagery of your own, and a region's map and footage."""
