# SPDX-License-Identifier: Apache-2.0
"""Localizes recorded flights without ROS, with the code that the nodes run."""
