# SPDX-License-Identifier: Apache-2.0
"""Learning in a region without labels: paths of flights, batches along them, figures that choose weights."""
