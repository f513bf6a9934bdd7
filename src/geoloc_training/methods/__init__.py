# SPDX-License-Identifier: Apache-2.0
"""Training methods, one file or folder each."""
