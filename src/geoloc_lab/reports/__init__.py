# SPDX-License-Identifier: Apache-2.0
"""A run on disk and on one page: tables, plots, comparisons, and back again."""
