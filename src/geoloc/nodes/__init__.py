# SPDX-License-Identifier: Apache-2.0
"""Thin ROS nodes around the core; only this folder of the package imports rclpy and message packages."""
