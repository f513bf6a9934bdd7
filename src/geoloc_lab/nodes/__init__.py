# SPDX-License-Identifier: Apache-2.0
"""The nodes that replay a bag and evaluate the answers; the only folder of this package that imports ROS."""
