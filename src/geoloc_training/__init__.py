# SPDX-License-Identifier: Apache-2.0
"""What learns: data, methods, evaluation and export of encoders; standalone, never imports a node."""
