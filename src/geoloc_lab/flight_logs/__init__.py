# SPDX-License-Identifier: Apache-2.0
"""Reads attitude, position and height from the logs of autopilots."""
