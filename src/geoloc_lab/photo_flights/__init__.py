# SPDX-License-Identifier: Apache-2.0
"""Real flights as folders of photos: poses, cameras, truth, and a bag made from them."""
