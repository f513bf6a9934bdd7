# SPDX-License-Identifier: Apache-2.0
"""The training loop: one for all methods and data sets, on one device or many."""
