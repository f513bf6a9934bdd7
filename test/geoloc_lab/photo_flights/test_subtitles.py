# SPDX-License-Identifier: Apache-2.0
"""Tests that each dialect of DJI's subtitles gives position, height and angles."""

from datetime import datetime, timezone

import pytest

from geoloc.errors import BagError
from geoloc_lab.photo_flights.photos import Gimbal
from geoloc_lab.photo_flights.subtitles import read_subtitles

TIMES = "00:01:02,500 --> 00:01:02,533\n"
DATED = datetime(2017, 8, 5, 14, 11, 51, tzinfo=timezone.utc)
DIALECTS = {
    "Air 2S": (
        '<font size="36">SrtCnt : 1, DiffTime : 33ms\n2022-08-07 13:40:40,774,808\n[focal_len : 240] '
        "[latitude: 41.424724] [longitude: 2.234156] [altitude: 117.000000] </font>",
        ((41.424724, 2.234156), 117.0),
    ),
    "Mini 3 Pro": (
        "[latitude: -33.302335] [longitude: -18.203059] [rel_alt: 1.300 abs_alt: 132.860] [ct : 5500]",
        ((-33.302335, -18.203059), 1.3),
    ),
    "Mavic 2, misspelt": (
        "[latitude : -20.2533] [longtitude : 149.0251] [rel_alt : 7.5] [shutter : 1/60.0]",
        ((-20.2533, 149.0251), 7.5),
    ),
    "Mavic Pro": (
        "HOME(149.0251,-20.2532) 2017.08.05 14:11:51\nGPS(149.0251,-20.2533,16) BAROMETER:1.9\nISO:100 EV:",
        ((-20.2533, 149.0251), 1.9),
    ),
    "Phantom, old": (
        "HOME(149.0251,-20.2532) 2017.8.5 14:11:51\nGPS(149.0251,-20.2533,16) Hb:-1.9 Hs:1.9",
        ((-20.2533, 149.0251), -1.9),
    ),
    "Mavic Mini": (
        "F/2.8, SS 30.15, ISO 260, GPS (-121.7458, 48.0771, 17), D 221.21m, H 200.70m, H.S n/a, V.S n/a",
        ((48.0771, -121.7458), 200.7),
    ),
    "Matrice 300, latitude first": (
        "2022.06.21 16:06:17\r\nGPS(36.6146,-6.1120,0.0M) BAROMETER:0.3M",
        ((36.6146, -6.112), 0.3),
    ),
}


def write(path, *texts, times=True):
    blocks = [f"{i}\n{TIMES if times else ''}{text}\n" for i, text in enumerate(texts, start=1)]
    path.write_text("\n".join(blocks), encoding="utf-8")
    return path


@pytest.mark.parametrize("dialect", DIALECTS)
def test_every_dialect_gives_position_and_height(tmp_path, dialect):
    text, expected = DIALECTS[dialect]
    moment = read_subtitles(write(tmp_path / "a.SRT", text)).moments[0]
    assert (moment.position_deg, moment.height_above_takeoff_m) == expected
    assert moment.time_s == 62.5
    assert moment.gimbal is None


@pytest.mark.parametrize(
    "text",
    [
        "GPS (-58.851745, -34.237922, 15), H 85.80m, F.PRY (2.7°, -7.0°, 110.1°), "
        "G.PRY (-24.4°, 0.0°, 110.4°)",
        "[latitude: 1.5] [longitude: 2.5] [rel_alt: 85.8 abs_alt: 9] [drone_yaw: 110.1] "
        "[gb_yaw: 110.4 gb_pitch: -24.4 gb_roll: 0.0]",
    ],
)
def test_angles_of_gimbal_and_aircraft_are_read(tmp_path, text):
    moment = read_subtitles(write(tmp_path / "a.srt", text)).moments[0]
    assert moment.gimbal == Gimbal(yaw_deg=110.4, pitch_deg=-24.4, roll_deg=0.0)
    assert (moment.flight_yaw_deg, moment.height_above_takeoff_m) == (110.1, 85.8)


def test_dates_and_focal_length_are_read(tmp_path):
    old = read_subtitles(write(tmp_path / "a.srt", DIALECTS["Phantom, old"][0]))
    assert (old.started, old.focal_35mm, old.coarse, old.height_unsure) == (DATED, None, True, False)
    new = read_subtitles(write(tmp_path / "b.srt", DIALECTS["Air 2S"][0]))
    assert (new.focal_35mm, new.coarse, new.height_unsure) == (24.0, False, True)


def test_subtitles_without_times_are_placed_by_their_dates(tmp_path):
    texts = [f"2017.08.05 14:11:{s},250,5\n[latitude : 1.0] [longtitude : 2.0]" for s in (51, 53)]
    moments = read_subtitles(write(tmp_path / "a.srt", *texts, times=False)).moments
    assert [moment.time_s for moment in moments] == [0.0, 2.0]


def test_a_subtitle_without_a_fix_or_cut_short_is_skipped(tmp_path):
    texts = (
        "[latitude: 0.000000] [longitude: 0.000000]",
        "GPS(8.2,47.4,9) BAROMETER:2",
        "HOME(8.2,47.4) 2017",
    )
    assert len(read_subtitles(write(tmp_path / "a.srt", *texts)).moments) == 1


@pytest.mark.parametrize(
    "text", ["", "Hello, dear viewers", "[latitude: 0.0] [longitude: 0.0]", "GPS(n/a, n/a)"]
)
def test_subtitles_without_any_position_name_the_remedy(tmp_path, text):
    with pytest.raises(BagError, match=r"a\.srt has no position with a fix .*; switch on video subtitles"):
        read_subtitles(write(tmp_path / "a.srt", text))


def test_other_encodings_of_text_are_read(tmp_path):
    text = write(tmp_path / "a.srt", DIALECTS["Mavic Pro"][0]).read_text(encoding="utf-8")
    for encoding in ("utf-8-sig", "utf-16"):
        (tmp_path / "b.srt").write_bytes(text.replace("\n", "\r\n").encode(encoding))
        assert read_subtitles(tmp_path / "b.srt").moments[0].position_deg == (-20.2533, 149.0251)
    (tmp_path / "c.srt").write_bytes(text.encode() + b"\xff\xb0\x00")
    assert read_subtitles(tmp_path / "c.srt").moments[0].height_above_takeoff_m == 1.9
