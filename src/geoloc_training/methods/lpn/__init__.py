# SPDX-License-Identifier: Apache-2.0
"""LPN: square rings of the view, a classifier of places for each (Wang et al., TCSVT 2021)."""
