# SPDX-License-Identifier: Apache-2.0
"""Map directories: cut imagery into tiles, describe them, keep, verify and open them."""
