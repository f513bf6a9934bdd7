# SPDX-License-Identifier: Apache-2.0
"""What learns: data, methods, evaluation and export of encoders; needs no ROS."""
