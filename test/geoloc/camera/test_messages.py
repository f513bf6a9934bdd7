# SPDX-License-Identifier: Apache-2.0
"""Messages as of rosbags and rclpy: which are read, and which are refused."""

import array
import contextlib
import math
import struct
import zlib
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rosbags.typesys import Stores, get_typestore

from geoloc.camera import messages
from geoloc.camera.lens import project
from geoloc.camera.levels import Levels
from geoloc.errors import FrameRefused, Reason

STORE = get_typestore(Stores.ROS2_JAZZY)
COLOUR = (200, 120, 40)
WHOLE = Levels()
WHOLE.value_range = lambda values: (0.0, 65535.0)
RNG = np.random.default_rng(0)
PICTURE = cv2.GaussianBlur(RNG.integers(0, 255, (24, 32, 3)).astype(np.uint8), (0, 0), 3)


def namespace_image(encoding: str, pixels: np.ndarray, padding: int = 0, big: int = 0) -> SimpleNamespace:
    """Return an Image whose data is an array.array, as in rclpy."""
    height, width = pixels.shape[:2]
    rows = np.ascontiguousarray(pixels).view(np.uint8).reshape(height, -1)
    padded = np.pad(rows, ((0, 0), (0, padding)), constant_values=255)
    return SimpleNamespace(
        height=height,
        width=width,
        encoding=encoding,
        is_bigendian=big,
        step=padded.shape[1],
        data=array.array("B", padded.tobytes()),
    )


def compressed(picture: np.ndarray, suffix: str) -> SimpleNamespace:
    data = cv2.imencode(suffix, picture[..., ::-1])[1].tobytes()
    return SimpleNamespace(format=suffix[1:], data=array.array("B", data))


def bad_image(message: object) -> str:
    with pytest.raises(FrameRefused) as caught:
        messages.decode_image(message)
    assert caught.value.reason is Reason.BAD_IMAGE
    return caught.value.sentence


def flat(channels: tuple[int, ...], dtype: type = np.uint8) -> np.ndarray:
    scale = 257 if dtype == np.uint16 else 1
    return np.full((8, 12, len(channels)), np.array(channels) * scale, dtype)


def mosaic(pattern: str, dtype: type = np.uint8) -> np.ndarray:
    scale = 257 if dtype == np.uint16 else 1
    value = dict(zip("rgb", COLOUR, strict=True))
    picture = np.zeros((8, 12), dtype)
    for at, letter in enumerate(pattern):
        picture[at // 2 :: 2, at % 2 :: 2] = value[letter] * scale
    return picture


def yuv(order: str) -> np.ndarray:
    y, cr, cb = cv2.cvtColor(np.uint8([[COLOUR]]), cv2.COLOR_RGB2YCrCb)[0, 0].astype(float)
    luma = 16 + y * 219 / 255
    u, v = 128 + (cb - 128) * 224 / 255 * 0.872 / 0.886, 128 + (cr - 128) * 224 / 255
    pair = {"uyvy": (u, luma, v, luma), "yuyv": (luma, u, luma, v)}[order]
    return np.tile(np.rint(pair).astype(np.uint8), (8, 6)).reshape(8, 12, 2)


R, G, B = COLOUR
ENCODINGS = {
    "rgb8": flat(COLOUR),
    "bgr8": flat((B, G, R)),
    "rgba8": flat((R, G, B, 7)),
    "bgra8": flat((B, G, R, 7)),
    "8UC3": flat((B, G, R)),
    "rgb16": flat(COLOUR, np.uint16),
    "bgr16": flat((B, G, R), np.uint16),
    "rgba16": flat((R, G, B, 7), np.uint16),
    "bgra16": flat((B, G, R, 7), np.uint16),
    **{f"bayer_{p}8": mosaic(p) for p in ("rggb", "bggr", "gbrg", "grbg")},
    **{f"bayer_{p}16": mosaic(p, np.uint16) for p in ("rggb", "bggr", "gbrg", "grbg")},
    "yuv422": yuv("uyvy"),
    "uyvy": yuv("uyvy"),
    "yuv422_yuy2": yuv("yuyv"),
    "yuyv": yuv("yuyv"),
}


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("padding", [0, 5])
def test_every_encoding_gives_the_colour(encoding, padding):
    picture = messages.decode_image(namespace_image(encoding, ENCODINGS[encoding], padding), WHOLE)
    assert picture.shape == (8, 12, 3)
    assert picture.dtype == np.uint8
    assert picture.flags.c_contiguous
    tolerance = 4 if "yu" in encoding else 1
    assert np.abs(picture[2:-2, 2:-2].astype(int) - COLOUR).max() <= tolerance


@pytest.mark.parametrize("encoding", ["mono8", "8UC1", "mono16", "16UC1"])
def test_grey_pictures_become_grey_colours(encoding):
    grey = np.arange(96, dtype=np.uint8).reshape(8, 12)
    pixels = grey.astype(np.uint16) * 257 if "16" in encoding else grey
    picture = messages.decode_image(namespace_image(encoding, pixels), WHOLE)
    assert np.abs(picture.astype(int) - grey[..., None]).max() <= 1


@pytest.mark.parametrize("encoding", ["mono16", "bayer_rggb16", "rgb16"])
def test_byte_order_is_honoured(encoding):
    pixels = np.full((8, 12, 3) if encoding == "rgb16" else (8, 12), 0x8001, np.uint16)
    little = messages.decode_image(namespace_image(encoding, pixels), WHOLE)
    big = messages.decode_image(namespace_image(encoding, pixels.byteswap(), big=1), WHOLE)
    assert (little == big).all()
    assert abs(int(big[0, 0, 0]) - 128) <= 1


def test_a_rosbags_image_is_read():
    image_type = STORE.types["sensor_msgs/msg/Image"]
    plain = namespace_image("rgb8", PICTURE)
    message = image_type(header(0, 0), 24, 32, "rgb8", 0, 96, np.frombuffer(plain.data, np.uint8))
    assert (messages.decode_image(message) == PICTURE).all()


@pytest.mark.parametrize("kind", [bytes, list, lambda data: np.frombuffer(data, np.uint8)])
def test_data_may_be_any_sequence_of_bytes(kind):
    plain = namespace_image("rgb8", PICTURE)
    plain.data = kind(plain.data)
    assert (messages.decode_image(plain) == PICTURE).all()


def test_compressed_pictures_are_read():
    assert (messages.decode_image(compressed(PICTURE, ".png")) == PICTURE).all()
    lossy = messages.decode_image(compressed(PICTURE, ".jpg"))
    assert np.abs(lossy.astype(int) - PICTURE).mean() < 8
    grey = messages.decode_image(SimpleNamespace(format="png", data=cv2.imencode(".png", PICTURE[..., 0])[1]))
    assert grey.shape == (24, 32, 3)


@pytest.mark.parametrize("bits", [10, 12, 14, 16])
@pytest.mark.parametrize("encoding", ["mono16", "16UC1", "bayer_rggb16", "rgb16", "png"])
def test_pictures_of_any_depth_use_the_whole_range(encoding, bits):
    ramp = np.tile(np.linspace(0, 2**bits - 1, 256).astype(np.uint16), (64, 1))
    if encoding == "png":
        message = SimpleNamespace(format="mono16; png compressed ", data=cv2.imencode(".png", ramp)[1])
    else:
        pixels = np.repeat(ramp[..., None], 3, axis=-1) if encoding == "rgb16" else ramp
        message = namespace_image(encoding, pixels)
    picture = messages.decode_image(message)
    linear = np.clip((np.arange(256) / 255 - 0.02) / 0.96, 0, 1) * 255  # 2 to 98 % become 0 to 255
    assert np.abs(picture[32, 2:-2].astype(int) - linear[2:-2, None]).max() <= 5


def test_pictures_of_a_camera_share_their_range():
    levels = Levels()
    ground = np.tile(np.linspace(0, 1000, 256).astype(np.uint16), (64, 1))
    before = messages.decode_image(namespace_image("mono16", ground), levels)
    half = messages.decode_image(namespace_image("mono16", ground // 2), levels)
    assert before.max() == 255
    assert 125 <= half.max() <= 140


@pytest.mark.parametrize(("format_", "swapped"), [("bgr8", False), ("rgb8", True)])
@pytest.mark.parametrize("suffix", ["jpeg", "png"])
def test_the_order_of_colours_is_that_of_the_format_as_for_image_transport(suffix, format_, swapped):
    picture = np.full((16, 16, 3), COLOUR, np.uint8)
    message = compressed(picture[..., ::-1] if swapped else picture, f".{suffix}")
    message.format = f"rgb8; {suffix} compressed {format_}"
    assert np.abs(messages.decode_image(message).astype(int) - COLOUR).max() <= 3


def test_exif_orientation_is_ignored():
    exif = b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0"
    plain = bytes(compressed(PICTURE, ".jpg").data)
    turned = plain[:2] + b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif + plain[2:]
    assert cv2.imdecode(np.frombuffer(turned, np.uint8), cv2.IMREAD_COLOR).shape == (32, 24, 3)
    assert messages.decode_image(SimpleNamespace(format="jpeg", data=turned)).shape == (24, 32, 3)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"width": 0}, "0 x 24"),
        ({"height": 0}, "32 x 0"),
        ({"step": 95}, "step is 95"),
        ({"step": 97}, "bytes of data"),
        ({"height": 25}, "bytes of data"),
        ({"encoding": "jpeg2000"}, "'jpeg2000' is unknown"),
        ({"encoding": "32FC1"}, "'32FC1' is unknown; publish one of mono8, bayer_rggb8"),
        ({"encoding": ""}, "unknown"),
        ({"encoding": "rgba8"}, "step"),
        ({"data": b""}, "0 bytes of data"),
        ({"width": 2**31, "step": 2**33}, "at most"),
    ],
)
def test_a_broken_image_is_refused(change, words):
    message = namespace_image("rgb8", PICTURE)
    vars(message).update(change)
    assert words in bad_image(message)


def test_half_a_pixel_pair_is_refused():
    assert "yuv422" in bad_image(namespace_image("yuv422", np.zeros((1, 1, 2), np.uint8)))


@pytest.mark.parametrize("suffix", [".jpg", ".png"])
@pytest.mark.parametrize("share", [0.0, 0.05, 0.3, 0.9, 0.999])
def test_a_truncated_picture_is_refused(suffix, share):
    data = bytes(compressed(PICTURE, suffix).data)
    bad_image(SimpleNamespace(format="", data=data[: int(len(data) * share)]))


def test_a_truncated_jpeg_with_a_whole_thumbnail_is_refused():
    data = bytes(compressed(PICTURE, ".jpg").data)
    thumbnail = b"\xff\xe2" + struct.pack(">H", len(data) + 2) + data
    whole = data[:2] + thumbnail + data[2:]
    assert messages.decode_image(SimpleNamespace(format="", data=whole)).shape == (24, 32, 3)
    assert "truncated" in bad_image(SimpleNamespace(format="", data=whole[:-40]))


def test_a_decompression_bomb_is_refused_unopened():
    chunk = b"IHDR" + struct.pack(">IIBBBBB", 2**20, 2**20, 8, 2, 0, 0, 0)
    png = b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + chunk + struct.pack(">I", zlib.crc32(chunk))
    png += b"\0\0\0\0IEND\xaeB`\x82"
    assert "1048576 x 1048576" in bad_image(SimpleNamespace(format="png", data=png))
    jpeg = bytearray(bytes(compressed(PICTURE, ".jpg").data))
    at = jpeg.index(b"\xff\xc0")
    jpeg[at + 5 : at + 9] = struct.pack(">HH", 65000, 65000)
    assert "65000 x 65000" in bad_image(SimpleNamespace(format="jpeg", data=bytes(jpeg)))


@pytest.mark.parametrize("suffix", [".bmp", ".webp", ".tiff"])
def test_other_formats_are_refused(suffix):
    assert "neither JPEG nor PNG" in bad_image(compressed(PICTURE, suffix))


@given(st.binary(max_size=200), st.sampled_from([b"", b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n"]))
def test_any_bytes_are_refused(data, start):
    bad_image(SimpleNamespace(format="jpeg", data=start + data))


@given(st.integers(0, 10_000), st.integers(0, 255))
def test_a_damaged_picture_is_read_or_refused(at, value):
    data = bytearray(bytes(compressed(PICTURE, ".jpg").data))
    data[at % len(data)] = value
    with contextlib.suppress(FrameRefused):
        assert messages.decode_image(SimpleNamespace(format="jpeg", data=bytes(data))).shape[2] == 3


def header(sec: int, nanosec: int):
    time = STORE.types["builtin_interfaces/msg/Time"](sec, nanosec)
    return STORE.types["std_msgs/msg/Header"](time, "camera")


def test_stamps_are_exact():
    message = SimpleNamespace(header=header(1_700_000_001, 999_999_999))
    assert messages.stamp_ns(message) == 1_700_000_001_999_999_999


def test_an_image_without_a_stamp_is_refused():
    messages.check_stamp(1)
    with pytest.raises(
        FrameRefused, match=r"stamp 0; let the camera's driver fill in header\.stamp"
    ) as refused:
        messages.check_stamp(0)
    assert refused.value.reason is Reason.BAD_IMAGE


def camera_info(**change) -> SimpleNamespace:
    roi = SimpleNamespace(x_offset=0, y_offset=0, width=0, height=0, do_rectify=False)
    values = {
        "width": 640,
        "height": 480,
        "distortion_model": "plumb_bob",
        "d": array.array("d", [0.1, 0.0, 0.0, 0.0, 0.0]),
        "k": np.array([500.0, 0, 320, 0, 510, 240, 0, 0, 1]),
        "r": np.eye(3).ravel(),
        "p": np.array([480.0, 0, 310, 0, 0, 480, 230, 0, 0, 0, 1, 0]),
        "binning_x": 0,
        "binning_y": 0,
        "roi": roi,
    }
    return SimpleNamespace(**{**values, **change})


def test_intrinsics_are_read():
    found = messages.intrinsics(camera_info())
    assert (found.width, found.height, found.model) == (640, 480, "plumb_bob")
    assert found.matrix.tolist() == [[500, 0, 320], [0, 510, 240], [0, 0, 1]]
    assert found.coefficients[0] == 0.1
    assert not found.coefficients[1:].any()


@pytest.mark.parametrize(
    ("name", "count", "model"),
    [
        ("plumb_bob", 4, "plumb_bob"),
        ("plumb_bob", 0, "none"),
        ("", 0, "none"),
        ("rational_polynomial", 8, "rational_polynomial"),
        ("equidistant", 4, "equidistant"),
        ("fisheye", 4, "equidistant"),
    ],
)
def test_distortion_models_go_by_their_ros_names(name, count, model):
    assert messages.intrinsics(camera_info(distortion_model=name, d=[0.01] * count)).model == model


def test_a_rectified_picture_has_the_new_matrix_and_no_distortion():
    found = messages.intrinsics(camera_info(), rectified=True)
    assert (found.model, found.matrix[0].tolist()) == ("none", [480, 0, 310])
    assert found.rectification is None


TURN = cv2.Rodrigues(np.radians([2.0, -4.0, 1.0]))[0]


def test_a_rectified_picture_is_turned_by_r_and_a_raw_one_is_not():
    message = camera_info(r=TURN.ravel())
    (x, y, z), point = TURN @ (0.1, -0.2, 1.0), np.array([0.1, -0.2, 1.0])
    rectified = messages.intrinsics(message, rectified=True)
    assert project(point, rectified)[0] == pytest.approx([480 * x / z + 310, 480 * y / z + 230], abs=1e-9)
    raw = messages.intrinsics(message)
    assert raw.rectification is None
    assert project(point, raw)[0] == pytest.approx(project(point, messages.intrinsics(camera_info()))[0])


def test_an_r_of_zeros_is_not_set():
    assert messages.intrinsics(camera_info(r=np.zeros(9)), rectified=True).rectification is None


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"p": np.zeros(12)}, "P is zero, so rectified images have no calibration"),
        ({"r": np.full(9, 0.5)}, "not a rotation; check R"),
        ({"r": -np.eye(3).ravel()}, "not a rotation"),
        ({"r": np.full(9, np.nan)}, "not a rotation"),
    ],
)
def test_a_rectification_that_cannot_be_used_is_refused_only_if_it_is_needed(change, words):
    with pytest.raises(FrameRefused, match=words):
        messages.intrinsics(camera_info(**change), rectified=True)
    assert messages.intrinsics(camera_info(**change)).matrix[0, 0] == 500


def test_roi_and_binning_are_honoured():
    roi = SimpleNamespace(x_offset=100, y_offset=60, width=400, height=300, do_rectify=False)
    found = messages.intrinsics(camera_info(roi=roi, binning_x=2, binning_y=2))
    assert (found.width, found.height) == (200, 150)
    assert found.matrix.tolist() == [[250, 0, 109.75], [0, 255, 89.75], [0, 0, 1]]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"k": np.zeros(9)}, "not calibrated"),
        ({"k": np.full(9, np.nan)}, "finite"),
        ({"k": np.ones(4)}, "CameraInfo"),
        ({"width": 0}, "positive"),
        ({"distortion_model": "made_up"}, "unknown"),
        ({"d": [0.1, 0.2]}, "'plumb_bob' has 2 coefficients that are not 0; give one of 4, 5, 8, 12, 14"),
        ({"roi": SimpleNamespace(x_offset=600, y_offset=0, width=100, height=100)}, "ROI"),
        ({"roi": SimpleNamespace(x_offset=0, y_offset=0, width=100, height=0)}, "positive"),
    ],
)
def test_an_uncalibrated_or_broken_camera_info_is_refused(change, words):
    with pytest.raises(FrameRefused, match=words) as caught:
        messages.intrinsics(camera_info(**change))
    assert caught.value.reason is Reason.BAD_CAMERA_INFO


def imu(x=0.0, y=0.0, z=0.0, w=1.0, first=0.0) -> SimpleNamespace:
    turn = SimpleNamespace(x=x, y=y, z=z, w=w)
    return SimpleNamespace(orientation=turn, orientation_covariance=np.array([first, *[0.0] * 8]))


def test_a_quaternion_is_made_unit():
    assert messages.quaternion(imu(z=0.6, w=0.8)) == (0.0, 0.0, 0.6, 0.8)
    assert math.hypot(*messages.quaternion(imu(z=0.602, w=0.803))) == pytest.approx(1.0, abs=1e-12)


@pytest.mark.parametrize(
    "message", [imu(w=0.0), imu(w=2.0), imu(x=math.nan), imu(y=math.inf), imu(first=-1.0)]
)
def test_an_imu_without_attitude_is_refused(message):
    with pytest.raises(FrameRefused) as caught:
        messages.quaternion(message)
    assert caught.value.reason is Reason.BAD_ATTITUDE
