# SPDX-License-Identifier: Apache-2.0
"""The published data sets, read and checked as their authors lay them out."""
