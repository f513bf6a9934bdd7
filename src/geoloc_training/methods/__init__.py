# SPDX-License-Identifier: Apache-2.0
"""Training methods, one folder each: `method.py`, `settings.py`, `loss.py`; `registry` has a row for each."""
