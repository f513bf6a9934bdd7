# SPDX-License-Identifier: Apache-2.0
"""Evaluation of encoders, by the tests of published data sets and by retrieval between imagery dates."""
