# SPDX-License-Identifier: Apache-2.0
"""Flights that are hard in one way each, over places made for them, held against targets."""
