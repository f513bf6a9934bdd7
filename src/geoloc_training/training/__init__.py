# SPDX-License-Identifier: Apache-2.0
"""Training loop for all methods and data sets, on one or several devices."""
