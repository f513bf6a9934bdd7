# SPDX-License-Identifier: Apache-2.0
"""The nodes that replay a bag and score the answers; the only folder of this package that imports ROS."""
