# SPDX-License-Identifier: Apache-2.0
"""What is trained on: published sets, imagery of one's own, regions; and how batches are drawn from it."""
