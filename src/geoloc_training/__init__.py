# SPDX-License-Identifier: Apache-2.0
"""What learns: data sets, methods, training, evaluation and export of encoders; needs no ROS."""
