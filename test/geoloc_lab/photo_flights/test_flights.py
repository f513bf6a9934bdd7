# SPDX-License-Identifier: Apache-2.0
"""Tests photo flights: headers, attitudes, tables, bags, distractors, and a flight from end to end."""

import csv
import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

import photo_folder
import toy_flight
import toy_map
from geoloc.camera.rig import CameraRig, RigSettings
from geoloc.errors import BagError, MapError, ParameterError
from geoloc.mapping.directory import verify_map
from geoloc_lab.bags.reading import read_flight
from geoloc_lab.evaluation.distractors import Draw, add_distractors, indexed_pictures
from geoloc_lab.evaluation.evaluate import BagEvaluation, evaluate_bag
from geoloc_lab.photo_flights.attitude import aimed_rotation, gimbal_rotation
from geoloc_lab.photo_flights.evaluation import (
    FlightSettings,
    described,
    distractor_pictures,
    fitting_view_m,
    prepare_flight,
    write_flight_bag,
)
from geoloc_lab.photo_flights.folder import find_flights
from geoloc_lab.photo_flights.photo_flight import read_photo_flight
from geoloc_lab.photo_flights.photos import Gimbal, read_photo, stamps_ns
from geoloc_lab.photo_flights.truth_csv import read_truth_csv
from geoloc_lab.reports.report import summaries_of

LEVEL = (0.0, -90.0, 0.0, 50.0)


class CardedEncoder(toy_flight.PixelEncoder):
    """A pixel encoder with the parts of the card that a map builder reads."""

    def __init__(self):
        super().__init__()
        self.card.id, self.card.gsd_range_m = "pixels", (0.1, 5.0)


def only(folder):
    return read_photo_flight(find_flights(folder)[0])


def test_a_photo_yields_time_camera_and_gimbal(tmp_path):
    photo = read_photo(photo_folder.write_photo(tmp_path / "a.jpg", gimbal=(-132.0, -89.9, 0.5, 40.1)))
    assert photo.taken.isoformat() == "2020-01-02T03:04:05+00:00"
    assert (photo.model, photo.width, photo.height) == ("TOY9", 64, 64)
    assert photo.gimbal == Gimbal(-132.0, -89.9, 0.5)
    assert photo.height_above_takeoff_m == 40.1


def test_a_photo_without_xmp_has_no_gimbal(tmp_path):
    photo = read_photo(photo_folder.write_photo(tmp_path / "a.jpg"))
    assert photo.gimbal is None
    assert photo.height_above_takeoff_m is None


@pytest.mark.parametrize("taken", ["", "yesterday", "0000:00:00 00:00:00"])
def test_a_photo_without_a_time_is_refused(tmp_path, taken):
    path = photo_folder.write_photo(tmp_path / "a.jpg", taken=taken)
    with pytest.raises(BagError, match="does not say when it was taken"):
        read_photo(path)


def test_files_that_are_no_photos_are_refused(tmp_path):
    (tmp_path / "a.jpg").write_bytes(b"not a picture")
    for name in ("a.jpg", "gone.jpg"):
        with pytest.raises(BagError, match="cannot be read as a photo"):
            read_photo(tmp_path / name)


def test_photos_of_the_same_second_get_stamps_of_their_own(tmp_path):
    paths = [photo_folder.write_photo(tmp_path / f"{name}.jpg") for name in ("b", "a", "c")]
    b, a, c = stamps_ns([read_photo(path) for path in paths])
    assert a < b < c
    assert c - a == 2_000_000


@given(st.floats(-180, 180), st.floats(-90, -30))
def test_gimbal_angles_and_bearings_describe_the_same_camera(yaw, pitch):
    # At roll 0 the optical axis and the top of the image both lean to where the gimbal points.
    np.testing.assert_allclose(
        gimbal_rotation(Gimbal(yaw, pitch, 0.0)), aimed_rotation(pitch, yaw, yaw), atol=1e-9
    )


def test_a_camera_looking_down_with_its_top_to_the_north_is_the_map_itself():
    expected = np.array(
        [[1.0, 0, 0], [0, -1, 0], [0, 0, -1]]
    )  # right is east, down is south, forward is down
    np.testing.assert_allclose(gimbal_rotation(Gimbal(0, -90, 0)), expected, atol=1e-12)
    np.testing.assert_allclose(aimed_rotation(-90, 123.0, 0.0), expected, atol=1e-12)


@given(st.floats(-90, -40), st.floats(0, 360), st.floats(0, 360))
def test_rotations_are_orthonormal_and_lean_in_the_stated_direction(pitch, aim, up):
    rotation = aimed_rotation(pitch, aim, up)
    np.testing.assert_allclose(rotation @ rotation.T, np.eye(3), atol=1e-9)
    assert np.linalg.det(rotation) == pytest.approx(1.0)
    east, north, height = rotation[:, 2]
    assert height == pytest.approx(np.sin(np.radians(pitch)))
    if pitch > -89:
        assert np.degrees(np.arctan2(east, north)) % 360 == pytest.approx(aim % 360, abs=1e-6) or aim in (
            0,
            360,
        )


def test_the_rig_sees_the_ground_as_the_gimbal_says(tmp_path):
    # A camera with its top to the north: the view must be the ground itself.
    folder = photo_folder.write_folder(tmp_path, gimbal=LEVEL)
    frame = only(tmp_path).frames[1]
    rig = CameraRig(RigSettings(40.0, 32))
    rig.set_intrinsics(frame.intrinsics)
    rig.add_attitude(frame.stamp_ns, frame.quaternion)
    rig.add_height(frame.stamp_ns, frame.height_m)
    pixels = toy_map.ToyRaster().view(*photo_folder.PLACES[1], photo_folder.FOOTPRINT_M, 64)[0]
    view = rig.view(frame.stamp_ns, pixels)
    ground = toy_map.ToyRaster().view(*photo_folder.PLACES[1], 40.0, 32)[0]
    assert np.abs(view.image.astype(float) - ground).mean() < 3.0
    assert folder.name == "toy_flight"


def test_onboard_angles_come_first_and_the_table_fills_gaps(tmp_path):
    photo_folder.write_folder(tmp_path / "dji", gimbal=(0.0, -90.0, 0.0, 45.0))
    photo_folder.write_folder(tmp_path / "canon")
    onboard, table = only(tmp_path / "dji"), only(tmp_path / "canon")
    assert {frame.height_m for frame in onboard.frames} == {45.0}
    assert {frame.height_m for frame in table.frames} == {50.0}
    assert "measured on board" in onboard.notes["attitude and height"]
    assert "reconstruction" in table.notes["attitude and height"]
    np.testing.assert_allclose(onboard.frames[0].quaternion, table.frames[0].quaternion, atol=1e-9)


def test_calibration_moves_from_corners_to_centres_of_pixels(tmp_path):
    photo_folder.write_folder(tmp_path)
    lens = only(tmp_path).frames[0].intrinsics
    assert lens.matrix[0, 2] == 31.5
    assert (lens.width, lens.model) == (64, "plumb_bob")


def test_a_bag_holds_the_photos_byte_for_byte_and_the_truth(tmp_path):
    photo_folder.write_folder(tmp_path)
    flight = only(tmp_path)
    bag = read_flight(write_flight_bag(flight.frames, tmp_path / "bag", progress=False))
    assert bag.image_count == 3
    images = [sample.message for sample in bag.samples() if hasattr(sample, "message")]
    assert bytes(images[0].data) == flight.frames[0].photo.path.read_bytes()
    first = flight.frames[0]
    assert bag.truth().at(first.stamp_ns) == (first.truth_latitude_deg, first.truth_longitude_deg)


def test_the_table_itself_serves_as_truth_for_a_bag_of_the_same_photos(tmp_path):
    folder = photo_folder.write_folder(tmp_path)
    flight = only(tmp_path)
    track = read_truth_csv(folder / "queries.csv")
    assert track.stamps_ns.tolist() == [frame.stamp_ns for frame in flight.frames]


def test_a_flight_is_evaluated_from_folder_to_errors(tmp_path):
    photo_folder.write_folder(tmp_path, gimbal=LEVEL)
    photo_folder.write_folder(tmp_path, "other")
    encoder = CardedEncoder()
    folders = find_flights(tmp_path)
    assert [folder.name for folder in folders] == ["other", "toy_flight"]
    others = distractor_pictures(tmp_path, folders, folders[1])
    settings = FlightSettings(view_size_m=40.0, overlap=0.5, distractors=5)
    prepared = prepare_flight(folders[1], others, encoder, tmp_path / "out", settings, progress=False)
    again = prepare_flight(folders[1], others, encoder, tmp_path / "out", settings, progress=False)
    assert again.map_directory.manifest == prepared.map_directory.manifest
    verify_map(prepared.map_directory.path)
    assert "5 distractor tiles" in prepared.map_directory.manifest.imagery.source
    run = described(
        evaluate_bag(
            BagEvaluation(prepared.bag, alone=True, progress=False), prepared.map_directory, encoder
        ),
        prepared,
        "here",
    )
    summary = summaries_of(run)["all"]
    assert (summary.frames, summary.availability) == (3, 1.0)
    assert summary.max_m < 15.0
    assert [record.name for record in run.records] == ["P0.JPG", "P1.JPG", "P2.JPG"]
    assert run.notes["how"] == "here"


def test_photos_that_the_map_was_not_made_from_are_scored_apart(tmp_path):
    folder = photo_folder.write_folder(tmp_path)
    assert only(tmp_path).independent_ns == frozenset()
    (folder / "independent.txt").write_text("P1.JPG\n\n P2.JPG \n", encoding="utf-8")
    flight = only(tmp_path)
    assert flight.independent_ns == {frame.stamp_ns for frame in flight.frames[1:]}


def test_an_independent_photo_that_the_table_does_not_list_is_named(tmp_path):
    folder = photo_folder.write_folder(tmp_path)
    (folder / "independent.txt").write_text("P1.JPG\nP9.JPG\n", encoding="utf-8")
    with pytest.raises(BagError, match=r"independent\.txt names P9\.JPG, which queries\.csv does not list"):
        only(tmp_path)


def test_distractors_keep_their_positions_and_featureless_ground_is_left_out(tmp_path):
    folder = photo_folder.write_folder(tmp_path)
    encoder = CardedEncoder()
    settings = FlightSettings(view_size_m=40.0, overlap=0.5, distractors=0)
    base = prepare_flight(find_flights(tmp_path)[0], [], encoder, tmp_path / "out", settings, progress=False)
    index = tmp_path / "index.csv"
    with index.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["file", "epsg", "left", "bottom", "right", "top"])
        writer.writerow(["far.png", 32611, 400_000, 4_000_000, 400_120, 4_000_120])
        writer.writerow(["white.png", 32611, 500_000, 4_000_000, 500_120, 4_000_120])
    Image.fromarray(toy_map.ToyRaster().view(0, 0, 120, 240)[0]).save(tmp_path / "far.png")
    Image.fromarray(np.full((240, 240, 3), 255, np.uint8)).save(tmp_path / "white.png")
    pictures = indexed_pictures(index)
    full = add_distractors(base.map_directory, encoder, pictures, tmp_path / "full", draw=Draw(count=50))
    added = full.tiles[len(base.map_directory.tiles) :]
    assert len(added) == 9
    assert np.all(np.abs(added["latitude"] - 36.14) < 0.1)
    assert np.all(np.abs(added["longitude"] + 118.1) < 0.1)
    with pytest.raises(MapError, match="holds no whole tile"):
        add_distractors(base.map_directory, encoder, pictures[1:], tmp_path / "none")
    with pytest.raises(MapError, match="holds another map"):
        add_distractors(base.map_directory, encoder, pictures, tmp_path / "full", draw=Draw(count=4))
    assert folder.is_dir()


@pytest.mark.parametrize(
    "content", ["file,left\na.png,1\n", "file,epsg,left,bottom,right,top\na.png,x,1,1,2,2\n"]
)
def test_a_table_of_pictures_without_places_is_refused(tmp_path, content):
    (tmp_path / "index.csv").write_text(content, encoding="utf-8")
    with pytest.raises(BagError, match="not a table of georeferenced images"):
        indexed_pictures(tmp_path / "index.csv")
    with pytest.raises(BagError, match="cannot be read as a table of georeferenced images"):
        indexed_pictures(tmp_path / "gone.csv")


def test_a_view_fits_into_what_the_camera_sees(tmp_path):
    photo_folder.write_folder(tmp_path)
    view_m = fitting_view_m(only(tmp_path).frames)
    assert 0.5 * photo_folder.FOOTPRINT_M < view_m <= photo_folder.FOOTPRINT_M
    assert view_m == round(view_m)


def test_a_folder_without_a_flight_is_refused(tmp_path):
    with pytest.raises(BagError, match=r"holds no flight; give a folder.*real-flights.*make demo"):
        find_flights(tmp_path)
    with pytest.raises(BagError, match="does not exist; give a folder of flights"):
        find_flights(tmp_path / "gone")


def test_a_flight_needs_one_map(tmp_path):
    folder = photo_folder.write_folder(tmp_path)
    (folder / "map.tif").unlink()
    with pytest.raises(BagError, match="0 GeoTIFFs"):
        find_flights(tmp_path)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"cam_lat": "north"}, "cam_lat is 'north'"),
        ({"agl_m": "nan"}, "agl_m is nan"),
        ({"file": "gone.JPG"}, r"gone\.JPG cannot be read"),
    ],
)
def test_a_bad_row_is_named(tmp_path, change, sentence):
    folder = photo_folder.write_folder(tmp_path)
    photo_folder.write_table(folder / "queries.csv", [photo_folder.row_of("P0.JPG", (0, 0)) | change])
    with pytest.raises(BagError, match=sentence):
        only(tmp_path)


def test_a_table_without_a_column_names_it(tmp_path):
    folder = photo_folder.write_folder(tmp_path)
    row = photo_folder.row_of("P0.JPG", (0, 0))
    del row["agl_m"]
    photo_folder.write_table(folder / "queries.csv", [row])
    with pytest.raises(BagError, match="lacks agl_m"):
        only(tmp_path)
    (folder / "queries.csv").write_text("", encoding="utf-8")
    with pytest.raises(BagError, match="lacks file"):
        only(tmp_path)


def test_a_camera_without_calibration_is_named(tmp_path):
    photo_folder.write_folder(tmp_path)
    cameras = tmp_path / "calibration" / "cameras.json"
    cameras.write_text(json.dumps({"other": {}}), encoding="utf-8")
    with pytest.raises(BagError, match=r"colmap_RADIAL_64x64 .*TOY9"):
        only(tmp_path)
    cameras.write_text("{", encoding="utf-8")
    with pytest.raises(BagError, match="table of cameras"):
        only(tmp_path)


def test_settings_of_a_flight_are_checked():
    with pytest.raises(ParameterError, match="distractors"):
        FlightSettings(distractors=-1)
