# SPDX-License-Identifier: Apache-2.0
"""From a camera frame to a view: lens models, attitude, ROS messages, and the rig that combines them."""
