# SPDX-License-Identifier: Apache-2.0
"""Training, evaluation, adaptation and export of encoders, with the data sets for it; needs no ROS."""
