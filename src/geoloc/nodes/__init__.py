# SPDX-License-Identifier: Apache-2.0
"""Thin ROS shells around the core; the only place of this package that imports rclpy and message packages."""
