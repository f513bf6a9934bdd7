# SPDX-License-Identifier: Apache-2.0
"""Map directories: build them from imagery, open, verify and report them."""
