# SPDX-License-Identifier: Apache-2.0
"""Loaders and checks of the published data sets, in the folder layouts of their authors."""
