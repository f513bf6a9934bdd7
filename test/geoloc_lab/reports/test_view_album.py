# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest

from geoloc_lab.reports.view_album import ViewAlbum


def test_a_view_is_returned_by_its_stamp_nearly_unchanged() -> None:
    ramp = np.linspace(0, 255, 48, dtype=np.uint8)
    view = np.stack(np.broadcast_arrays(ramp[None, :], ramp[:, None], np.uint8(90)), axis=2)
    album = ViewAlbum()
    album.put(7, np.zeros_like(view))
    album.put(7, view)
    assert list(album) == [7]
    assert np.abs(album[7].astype(int) - view).max() <= 12
    with pytest.raises(KeyError):
        album[8]
