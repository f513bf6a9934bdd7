# SPDX-License-Identifier: Apache-2.0
"""Training methods, one folder each, with the same file names in all of them; `registry` lists them."""
