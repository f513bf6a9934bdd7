# SPDX-License-Identifier: Apache-2.0
"""Images that were sent and not seen: lost in transport, or replaced in the queue."""

from geoloc.nodes.inputs.losses import Losses


def received(losses, numbers, sender=b"a", now_s=0.0):
    for number in numbers:
        losses.arrive(sender, number, now_s)


def test_gaps_that_no_loss_explains_are_overruns():
    losses = Losses()
    received(losses, [7, 8, 12])
    assert losses.overrun == 3
    losses.lost(2, 0.0)
    assert (losses.overrun, losses.lost_in_transport) == (1, 2)


def test_losses_before_the_first_image_explain_no_later_gap():
    losses = Losses()
    losses.lost(30, 0.0)
    received(losses, [31, 33])
    assert losses.overrun == 1


def test_a_new_subscription_keeps_the_count_and_begins_without_a_gap():
    losses = Losses()
    received(losses, [1, 3])
    losses.subscribe_anew()
    assert losses.overrun == 1
    received(losses, [50, 51, 53])
    assert losses.overrun == 2


def test_each_publisher_has_its_own_numbers():
    losses = Losses()
    received(losses, [100, 101], b"a")
    received(losses, [1, 2], b"b")
    received(losses, [102], b"a")
    assert losses.overrun == 0


def test_without_numbers_overruns_are_unknown():
    losses = Losses()
    received(losses, [None, None])
    assert losses.overrun is None


def test_recent_means_the_last_five_seconds():
    losses = Losses()
    received(losses, [1, 2], now_s=0.0)
    losses.lost(3, 1.0)
    assert losses.recent(4.0) == (2, 3)
    assert losses.recent(5.5) == (0, 3)
    assert losses.recent(6.5) == (0, 0)
