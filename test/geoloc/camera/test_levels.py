# SPDX-License-Identifier: Apache-2.0
"""Images of 10 to 16 bits and of thermal cameras become 8 bits by their own range, alike in each frame."""

import cv2
import numpy as np
import pytest

from geoloc.camera.levels import Levels
from geoloc.camera.views import has_texture

ROUGH = cv2.GaussianBlur(np.random.default_rng(1).random((120, 160)), (0, 0), 3)
GROUND = 255 * (ROUGH - ROUGH.min()) / np.ptp(ROUGH)  # as a camera of 8 bits sees it


def raw(gain: float, offset: float = 0.0) -> np.ndarray:
    return np.rint(GROUND * gain + offset).astype(np.uint16)


def rgb(grey: np.ndarray) -> np.ndarray:
    return np.repeat(grey[..., None], 3, axis=-1)


@pytest.mark.parametrize(
    ("gain", "offset"),
    [(4, 0), (16, 0), (64, 0), (257, 0), (16, 300), (4, 21_000), (1, 0)],
    ids=["10 bits", "12 bits", "14 bits", "16 bits", "12 bits with a pedestal", "thermal", "8 bits"],
)
def test_every_depth_gives_the_same_picture(gain, offset):
    picture = Levels().to_8_bits(raw(gain, offset))
    assert picture.dtype == np.uint8
    low, high = np.percentile(GROUND, [2, 98])
    assert np.abs(picture - np.clip((GROUND - low) * 255 / (high - low), 0, 255)).max() <= 4


@pytest.mark.parametrize(("part", "value"), [(np.s_[:40, :40], 65_535), (np.s_[60:], 0)])
def test_a_bright_roof_or_a_damaged_image_changes_the_next_pictures_little(part, value):
    levels, odd = Levels(), raw(16)
    before = [levels.to_8_bits(raw(16)) for _ in range(100)][-1]
    odd[part] = value
    levels.to_8_bits(odd)
    change = np.abs(levels.to_8_bits(raw(16)).astype(int) - before)
    assert (change.max(), np.median(change)) <= (20, 10)
    alone = np.abs(Levels().to_8_bits(odd).astype(int) - before)[~np.isin(odd, (0, 65_535))]
    assert alone.max() > 60


def test_another_gain_starts_anew_at_once():
    levels = Levels()
    cold = [levels.to_8_bits(raw(2, 21_000)) for _ in range(30)][-1]
    warm = levels.to_8_bits(raw(2, 23_000))
    assert np.abs(warm.astype(int) - cold).max() <= 1


def test_a_slow_drift_is_followed():
    levels = Levels()
    pictures = [levels.to_8_bits(raw(4, 20_000 + 5 * step)) for step in range(300)]
    assert pictures[-1].std() > 0.5 * pictures[0].std()
    assert (pictures[-1] == 255).mean() < 0.25


@pytest.mark.parametrize(("value", "sigma"), [(400.0, 3.0), (3000.0, 12.0), (29_315.0, 5.0)])
def test_the_noise_over_water_is_no_texture(value, sigma):
    water = np.random.default_rng(2).normal(value, sigma, (256, 256)).astype(np.uint16)
    assert not has_texture(rgb(Levels().to_8_bits(water)))
    assert has_texture(rgb(Levels().to_8_bits(raw(1, value))))
