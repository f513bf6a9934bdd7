# SPDX-License-Identifier: Apache-2.0
"""DMNIL, which learns from unpaired views by clusters, memories and neighbourhoods (arXiv 2502.11381).

FROM CODE marks formulas and constants of the authors' release (github.com/ISChenawei/DMNIL, `train.py`,
`DMNIL/trainers.py`, `cluster_model.py`); the equations of their paper were not available. Where the release
contradicts itself, a setting decides. Its default, `mode: clean`, is our choice and marked RECONSTRUCTED;
`mode: release` behaves like the release (see `settings.py`).

Some behaviour of the release is not reproduced in either mode: the second set of losses on the same features,
which repeats the first one (`method.py`); the choice of weights by the published test, and the return to them
at epoch 20; gradients computed with memories that are already updated; weight decay of biases and norms; and
averages of descriptors that are not normalized, over an image and its mirror image or in a memory. The last
makes hardly a difference after ConvNeXt's last norm.
"""
