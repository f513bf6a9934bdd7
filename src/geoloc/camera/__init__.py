# SPDX-License-Identifier: Apache-2.0
"""From a camera frame to a view: lenses, attitude, messages, and the rig that puts them together."""
