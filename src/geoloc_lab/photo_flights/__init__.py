# SPDX-License-Identifier: Apache-2.0
"""Real flights as folders of photos: reads poses, cameras and truth, writes a bag, evaluates it."""
