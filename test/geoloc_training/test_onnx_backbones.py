# SPDX-License-Identifier: Apache-2.0
"""ONNX graphs of convolutional and token backbones agree with torch, for any number of views."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("timm")
pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")

from geoloc.encoder.card import Architecture  # noqa: E402
from geoloc.encoder.torch_backend import ViewEncoder  # noqa: E402
from geoloc_training.export import write_onnx  # noqa: E402

NETWORKS = {
    "resnet": ("resnet18", {"layers": [1, 1, 1, 1], "channels": [8, 8, 16, 16]}, "both", 16),
    "convnext": ("convnext_atto", {"depths": [1, 1, 1, 1], "dims": [8, 8, 16, 24]}, "gap", 24),
    "vit": ("vit_tiny_patch16_224", {"depth": 1, "embed_dim": 24, "num_heads": 2}, "grid", 16),
    "swin": (
        "swin_tiny_patch4_window7_224",
        {"depths": [1, 2, 1, 1], "embed_dim": 8, "num_heads": [1, 1, 2, 2], "window_size": 4},
        "rings",
        16,
    ),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_the_graph_of_a_backbone_agrees_with_torch(name, tmp_path):
    torch.manual_seed(0)
    backbone, args, head, size = NETWORKS[name]
    encoder = ViewEncoder(
        Architecture(backbone, args, head=head, head_channels=4, descriptor_size=size, input_px=64)
    ).eval()
    path = tmp_path / "encoder.onnx"
    write_onnx(encoder, path)
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    views = torch.randint(0, 256, (5, 64, 64, 3), dtype=torch.uint8)
    (described,) = session.run(["descriptors"], {"views": views.numpy()})
    with torch.no_grad():
        cosines = (encoder(views).numpy() * described).sum(axis=1)
    assert described.shape == (5, size)
    assert cosines.min() >= 0.9999
    assert np.linalg.norm(described[0] - described[1]) > 1e-4
