# SPDX-License-Identifier: Apache-2.0
"""Training methods: a folder for each with `method.py` and `settings.py`, and a row in `registry`."""
