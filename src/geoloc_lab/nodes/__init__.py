# SPDX-License-Identifier: Apache-2.0
"""The nodes that replay a bag and keep the score; the only place of this package that imports ROS."""
