# SPDX-License-Identifier: Apache-2.0
"""Tables as people and their spreadsheets write them."""

import pytest

from geoloc.errors import BagError
from geoloc_lab.csv_table import read_rows

ROWS = [
    {"stamp_ns": "1", "latitude": "47.1", "name": "a, b"},
    {"stamp_ns": "2", "latitude": "47.2", "name": ""},
]


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ('stamp_ns,latitude,name\n1,47.1,"a, b"\n2,47.2,\n', "utf-8"),
        ('stamp_ns,latitude,name\r\n1,47.1,"a, b"\r\n2,47.2,\r\n', "utf-8-sig"),
        ('stamp_ns , latitude, name\n1 , 47.1, "a, b"\n2, 47.2 ,\n', "utf-8-sig"),
        ("stamp_ns;latitude;name\n1;47.1;a, b\n2;47.2;\n", "utf-8"),
        ("stamp_ns\tlatitude\tname\n1\t47.1\ta, b\n2\t47.2\t\n", "utf-16"),
    ],
)
def test_byte_order_marks_spaces_and_other_separators_are_understood(tmp_path, text, encoding):
    (tmp_path / "table.csv").write_bytes(text.encode(encoding))
    assert read_rows(tmp_path / "table.csv", "table") == ROWS


def test_a_file_that_is_no_text_is_refused(tmp_path):
    (tmp_path / "table.csv").write_bytes(b"stamp_ns,\xff\xfe\x00\n")
    with pytest.raises(BagError, match=r"table\.csv cannot be read as a table of truth"):
        read_rows(tmp_path / "table.csv", "table of truth")
