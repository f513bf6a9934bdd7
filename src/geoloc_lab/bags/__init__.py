# SPDX-License-Identifier: Apache-2.0
"""Recorded flights: rosbag2 read, played and written without ROS, and the truth beside them."""
