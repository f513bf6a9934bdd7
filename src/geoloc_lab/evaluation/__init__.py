# SPDX-License-Identifier: Apache-2.0
"""Flights localized without ROS, with the code the nodes run."""
