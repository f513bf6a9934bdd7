# SPDX-License-Identifier: Apache-2.0
"""Training in a region without labels: flight paths, batches along them, and figures that choose weights."""
