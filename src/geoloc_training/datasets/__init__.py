# SPDX-License-Identifier: Apache-2.0
"""Imagery to train on."""
