# SPDX-License-Identifier: Apache-2.0
"""Recorded flights: reads, plays and writes rosbag2 without ROS, and interpolates the truth."""
