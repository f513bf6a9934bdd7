# SPDX-License-Identifier: Apache-2.0
"""Tests how DJI's XMP is read: as attributes or elements, any quotes, any prefix, any encoding."""

import pytest
from PIL import Image

import photo_folder
from geoloc_lab.photo_flights.photos import read_photo
from geoloc_lab.photo_flights.xmp import find_packet, read_xmp

_OPEN = '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description'
_DJI = "http://www.dji.com/drone-dji/1.0/"
EXPECTED = {"GimbalYawDegree": -132.5, "RelativeAltitude": 40.1}


def packet(description):
    return f'<x:xmpmeta xmlns:x="adobe:ns:meta/">{_OPEN}{description}</rdf:RDF></x:xmpmeta>'


FORMS = {
    "double quotes": f' xmlns:drone-dji="{_DJI}" drone-dji:GimbalYawDegree="-132.50" '
    'drone-dji:RelativeAltitude="+40.10"/>',
    "single quotes": f" xmlns:drone-dji='{_DJI}' drone-dji:GimbalYawDegree='-132.50' "
    "drone-dji:RelativeAltitude='+40.10'/>",
    "elements": f' xmlns:drone-dji="{_DJI}">\n<drone-dji:GimbalYawDegree> -132.50\n'
    "</drone-dji:GimbalYawDegree>"
    "<drone-dji:RelativeAltitude>+40.10</drone-dji:RelativeAltitude></rdf:Description>",
    "both, with another prefix": f' xmlns:ns1="{_DJI}" ns1:GimbalYawDegree = "-132.50">'
    "<ns1:RelativeAltitude>4.01e1</ns1:RelativeAltitude></rdf:Description>",
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-be"])
def test_every_form_and_encoding_gives_the_same_numbers(form, encoding):
    xmp = read_xmp(packet(FORMS[form]).encode(encoding))
    assert (xmp.numbers, xmp.faults) == (EXPECTED, ())


def test_a_packet_in_its_frame_with_padding_is_read():
    framed = (
        f'<?xpacket begin="\ufeff" id="W5M0"?>\n{packet(FORMS["elements"])}\n{" " * 2000}<?xpacket end="w"?>'
    )
    assert read_xmp(framed.encode()).numbers == EXPECTED
    assert read_xmp(framed.encode() + b"\0").numbers == EXPECTED


def test_the_same_name_of_another_vendor_is_not_read():
    other = packet(FORMS["double quotes"]).replace(_DJI, "http://example.org/")
    assert read_xmp(other.encode()).numbers == {}


def test_entities_are_refused_and_damage_is_told():
    bomb = '<!DOCTYPE x [<!ENTITY a "1">]>' + packet(FORMS["elements"]).replace("-132.50", "&a;")
    assert "document type" in read_xmp(bomb.encode()).faults[0]
    assert "damaged" in read_xmp(packet(FORMS["elements"])[:-30].encode()).faults[0]
    assert read_xmp(b"").faults == ()


def test_an_angle_that_is_no_number_is_named():
    xmp = read_xmp(packet(FORMS["double quotes"].replace("-132.50", "nan")).encode())
    assert xmp.numbers == {"RelativeAltitude": 40.1}
    assert xmp.faults == ("GimbalYawDegree is 'nan', not a finite number",)


def test_a_packet_is_found_where_no_segment_holds_it():
    data = b"\xff\xd8 noise" + packet(FORMS["double quotes"]).encode() + b"\xff\xd9"
    assert read_xmp(find_packet(data)).numbers == EXPECTED


def test_a_photo_with_elements_has_its_gimbal(tmp_path):
    names = ("GimbalYawDegree", "GimbalPitchDegree", "GimbalRollDegree", "FlightYawDegree")
    elements = "".join(f"<d:{name}>{value}</d:{name}>" for value, name in enumerate(names, start=1))
    exif = Image.open(photo_folder.write_photo(tmp_path / "a.jpg")).getexif()
    form = packet(f" xmlns:d='{_DJI}'>{elements}</rdf:Description>").encode()
    Image.new("RGB", (8, 8)).save(tmp_path / "b.jpg", exif=exif, xmp=form)
    photo = read_photo(tmp_path / "b.jpg")
    assert (photo.gimbal.yaw_deg, photo.gimbal.pitch_deg, photo.gimbal.roll_deg) == (1.0, 2.0, 3.0)
    assert photo.flight_yaw_deg == 4.0
