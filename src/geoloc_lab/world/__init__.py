# SPDX-License-Identifier: Apache-2.0
"""A procedural landscape, drawn at two dates."""
