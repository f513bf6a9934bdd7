# SPDX-License-Identifier: Apache-2.0
"""Thin ROS shells around the core; the only place that imports rclpy and message packages."""
