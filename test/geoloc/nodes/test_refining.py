# SPDX-License-Identifier: Apache-2.0
"""`retrieval_node` with `refine`: views and descriptors are joined by stamp; a bad view costs no fix."""

import math

import pytest

pytest.importorskip("rclpy", reason="needs ROS 2: source it, or run make setup")

import numpy as np
from sensor_msgs.msg import Image

from flying import MAP, PX, VIEW_M, Sender, knowing, options, photo, wait_for
from geoloc.errors import ParameterError
from geoloc.nodes import messages_in, messages_out, retrieval_node, topics

NAME = "refining/retrieval_node"
PLACE_M = (23.0, -34.0)  # not the centre of a tile


def node(namespace, **parameters):
    given = {"model": "pixels", "map": "world", "silence_s": 60.0, "filter": False, **parameters}
    with knowing(retrieval_node, MAP):
        return retrieval_node.RetrievalNode(**options(namespace, **given))


class Watcher(Sender):
    """Sends views together with their descriptors and offsets."""

    def __init__(self, namespace):
        super().__init__(namespace)
        self.views = self.create_publisher(Image, topics.VIEW_IMAGE, topics.newest_whole())

    def look(self, view, **changes):
        """Send a view of PLACE_M, or no view; return the error of the fix and its largest deviation."""
        stamp_ns = self.next_stamp()
        if view is not None:
            message = messages_out.rgb_image(stamp_ns, "camera", view)
            for name, value in changes.items():
                setattr(message, name, value)
            self.views.publish(message)
            assert wait_for(lambda: stamp_ns in self.heard[topics.VIEW_IMAGE])
        fix = self.see(stamp_ns, PLACE_M)
        assert fix.status.status == 0
        place_m = MAP.frame.to_local(fix.latitude, fix.longitude)
        return math.dist(place_m, PLACE_M), math.sqrt(max(fix.position_covariance[0:5:4]))

    def counted(self, name, at_least):
        """Return the facts once a count has reached a value."""

        def reached():
            values = self.heard[topics.DIAGNOSTICS].get(NAME, (None, {}))[1]
            return values if int(values.get(name, 0)) >= at_least else None

        return wait_for(reached)


@pytest.fixture(scope="module")
def watcher(spinner):
    spinner.add(node("refining", refine="ncc"))
    watching = spinner.add(Watcher("refining"))
    publishers = (watching.offsets, watching.descriptors)
    assert wait_for(lambda: all(publisher.get_subscription_count() for publisher in publishers))
    assert wait_for(lambda: watching.views.get_subscription_count() > 1)  # the node and this test
    assert wait_for(lambda: watching.count_publishers(watching.resolve_topic_name(topics.FIX)))
    return watching


def test_a_view_makes_the_fix_nearer_and_surer(watcher):
    off_m, sigma_m = watcher.look(None)
    refined_m, refined_sigma_m = watcher.look(photo(*PLACE_M, VIEW_M, VIEW_M, (PX, PX)))
    assert refined_m < min(0.5, off_m)
    assert refined_sigma_m < sigma_m
    facts = watcher.counted("refined", 1)
    assert facts["refine"] == "ncc"
    assert int(facts["not_refined"]) >= 1


BAD_VIEWS = {
    "other ground": (photo(-120.0, 90.0, VIEW_M, VIEW_M, (PX, PX)), {}),
    "no square": (np.zeros((PX, PX // 2 * 3, 3), np.uint8), {}),
    "tiny": (np.zeros((8, 8, 3), np.uint8), {}),
    "black": (np.zeros((PX, PX, 3), np.uint8), {}),
    "cut short": (np.zeros((PX, PX, 3), np.uint8), {"data": b"\0" * 100}),
    "unknown encoding": (np.zeros((PX, PX, 3), np.uint8), {"encoding": "rgb5"}),
}


@pytest.mark.parametrize(("view", "changes"), BAD_VIEWS.values(), ids=BAD_VIEWS)
def test_a_bad_view_never_costs_the_fix(watcher, view, changes):
    believed = watcher.look(None)
    before = int(watcher.counted("not_refined", 1)["not_refined"])
    assert watcher.look(view, **changes) == believed
    assert watcher.counted("not_refined", before + 1)["not_refined_last"]


@pytest.mark.parametrize("off", ["off", False])  # YAML reads a bare off as false
def test_off_asks_for_no_views(spinner, off):
    plain = spinner.add(node("plain", refine=off))
    names = [subscription.topic_name for subscription in plain.subscriptions]
    assert "/plain/descriptor" in names
    assert "/plain/view/image" not in names
    spinner.remove(plain)


@pytest.mark.parametrize(("refine", "sentence"), [("sifd", "one of auto, ncc"), ("lightglue", "no weights")])
def test_what_cannot_refine_stops_the_node_in_a_sentence(ros, refine, sentence):
    with pytest.raises(ParameterError, match=sentence):
        node("wrong", refine=refine)


def test_the_views_of_dropped_frames_do_not_pile_up(spinner):
    piling = spinner.add(node("piling", refine="ncc"))
    for stamp in range(1, 101):
        piling._on_view(messages_out.rgb_image(stamp, "camera", np.full((PX, PX, 3), stamp, np.uint8)))
    views = [piling._views.take(stamp, 0.0) for stamp in (1, 100, 100)]
    assert [messages_in.views_to_refine(view) is None for view in views] == [True, False, True]
    assert messages_in.views_to_refine(views[1])[0, 0, 0, 0] == 100
    spinner.remove(piling)
