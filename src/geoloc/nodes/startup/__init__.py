# SPDX-License-Identifier: Apache-2.0
"""Start of the nodes, by `ros2 launch` or as processes of `geoloc up`."""
