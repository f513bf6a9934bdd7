# SPDX-License-Identifier: Apache-2.0
"""LPN, a method with a classifier of places for each square ring of the view (Wang et al., TCSVT 2021)."""
