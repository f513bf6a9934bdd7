# SPDX-License-Identifier: Apache-2.0
"""Reports of runs: tables, plots and comparisons, written to a folder and read back."""
