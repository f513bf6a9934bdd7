# SPDX-License-Identifier: Apache-2.0
"""The commands of `geoloc` that measure and simulate, a module for each."""
