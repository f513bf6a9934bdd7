# SPDX-License-Identifier: Apache-2.0
"""How the nodes are started: by `ros2 launch`, or as processes of `geoloc up`."""
