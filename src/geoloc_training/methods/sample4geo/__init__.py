# SPDX-License-Identifier: Apache-2.0
"""Sample4Geo: contrastive learning whose negatives are chosen (Deuser et al., ICCV 2023)."""
