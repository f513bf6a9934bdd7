# SPDX-License-Identifier: Apache-2.0
"""Sample4Geo, contrastive learning with hard negative sampling (Deuser et al., ICCV 2023)."""
