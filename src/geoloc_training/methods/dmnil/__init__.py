# SPDX-License-Identifier: Apache-2.0
"""DMNIL: views learnt without pairs, by clusters, memories and neighbourhoods (arXiv 2502.11381).

FROM CODE are the formulas and constants of the authors' release (github.com/ISChenawei/DMNIL, `train.py`,
`DMNIL/trainers.py`, `cluster_model.py`): their paper's equations were not at hand. Where the release
contradicts itself, a setting decides; its default, `mode: clean`, is RECONSTRUCTED, that is ours, and `mode:
release` does what the release does (see `settings.py`).

Not kept even there: the second set of losses on the same features, which is the first one again
(`method.py`); the choice of weights by the published test, and the return to them at epoch 20; gradients
that see memories already updated; weight decay of biases and norms; descriptors not normalised before a
picture's and its mirror image's are averaged, and a memory's mean is taken (their lengths hardly differ
after ConvNeXt's last norm).
"""
