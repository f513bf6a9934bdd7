# SPDX-License-Identifier: Apache-2.0
"""What the flight nodes subscribe to: images, heights, transforms."""
