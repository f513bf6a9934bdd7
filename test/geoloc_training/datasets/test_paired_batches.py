# SPDX-License-Identifier: Apache-2.0
import cv2
import numpy as np
import pytest

torch = pytest.importorskip("torch")

from geoloc.errors import ModelError, ParameterError, RasterError  # noqa: E402
from geoloc_training.datasets.data_config import DataConfig  # noqa: E402
from geoloc_training.datasets.paired_batches import ImageBatches  # noqa: E402
from geoloc_training.items import Item, PlaneLocation, TrainingSplit  # noqa: E402

PLACES, EACH, SIZE = 8, 3, 4


@pytest.fixture(scope="module")
def split(tmp_path_factory) -> TrainingSplit:
    """Return eight places of three queries and two references; red encodes the place, green the file."""
    root = tmp_path_factory.mktemp("tree")

    def item(place: int, view: str, number: int) -> Item:
        path = root / view / f"{place:04d}" / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        colour = (10 * place, 50 * number, {"drone": 0, "satellite": 200}[view])
        assert cv2.imwrite(str(path), np.full((6, 6, 3), colour[::-1], np.uint8))
        return Item(f"{place:04d}", view, path, PlaneLocation(10.0 * place, 0.0))

    return TrainingSplit(
        tuple(item(p, "drone", n) for p in range(PLACES) for n in range(EACH)),
        tuple(item(p, "satellite", n) for p in range(PLACES) for n in range(2)),
        tuple((2 * p, 2 * p + 1) for p in range(PLACES) for _ in range(EACH)),
        tuple((0.75, 0.25) for _ in range(PLACES * EACH)),
    )


def _started(split, epoch=0, describe=None, pairs=4, kind="random", **more) -> ImageBatches:
    data = DataConfig("vigor", sampling=kind, neighbours=2, pool=4, resample_every=2)
    batches = ImageBatches(split, SIZE, pairs, 1, data, **more)
    batches.start_epoch(epoch, describe)
    return batches


def _same(left, right) -> bool:
    return all(torch.equal(a, b) for a, b in zip(vars(left).values(), vars(right).values(), strict=True))


def test_a_batch_pairs_pictures_of_one_place(split):
    batches = _started(split)
    assert (batches.places, batches.steps_per_epoch) == (PLACES, 6)
    seen = []
    for step in range(6):
        batch = batches.batch(step, 0, 1)
        assert batch.query.shape == batch.reference.shape == (4, SIZE, SIZE, 3)
        assert batch.query.dtype == torch.uint8
        assert batch.ids.dtype == torch.int64
        assert len(set(batch.ids.tolist())) == 4
        assert (batch.query[..., 0] == 10 * batch.ids[:, None, None]).all()
        assert (batch.reference[..., 0] == 10 * batch.ids[:, None, None]).all()
        assert (batch.query[..., 2] == 0).all()
        assert (batch.reference[..., 2] == 200).all()
        best = batch.reference[:, 0, 0, 1] == 0
        assert batch.weights.tolist() == torch.where(best, 0.75, 0.25).tolist()
        seen += batch.query[:, 0, 0, :2].tolist()
    assert len({tuple(colour) for colour in seen}) >= 20


def test_references_are_drawn_by_their_weight(split):
    batches = _started(split, pairs=8)
    weights = []
    for epoch in range(40):
        batches.start_epoch(epoch, None)
        weights += [w for step in range(3) for w in batches.batch(3 * epoch + step, 0, 1).weights.tolist()]
    assert np.mean(np.array(weights) == 0.75) == pytest.approx(0.75, abs=0.06)


def test_matches_without_weight_are_drawn_uniformly(split):
    weightless = TrainingSplit(split.queries, split.references, split.matches, ((0.0, 0.0),) * PLACES * EACH)
    batches = _started(weightless)
    green = torch.cat([batches.batch(step, 0, 1).reference[:, 0, 0, 1] for step in range(6)])
    assert 0 < (green == 0).float().mean() < 1


def test_ranks_have_disjoint_parts_that_make_the_whole(split):
    batches = _started(split)
    whole, parts = batches.batch(3, 0, 1), [batches.batch(3, rank, 2) for rank in range(2)]
    joined = [torch.cat(pair) for pair in zip(*(vars(part).values() for part in parts), strict=True)]
    assert all(torch.equal(a, b) for a, b in zip(joined, vars(whole).values(), strict=True))
    with pytest.raises(ParameterError, match="multiple of 3"):
        batches.batch(3, 0, 3)


def test_a_batch_depends_on_seed_step_and_plan_alone(split):
    one, other = _started(split), _started(split)
    for step in (4, 0, 4, 2):
        assert _same(one.batch(step, 0, 1), other.batch(step, 0, 1))
    assert not _same(one.batch(0, 0, 1), one.batch(1, 0, 1))
    with pytest.raises(RuntimeError, match="epoch 1"):
        one.batch(6, 0, 1)


def _line(items) -> np.ndarray:
    """Return descriptors by which place p is most similar to p + 4, unlike on the ground."""
    angle = [np.pi / 4 * (int(item.id) % 4) + 0.01 * int(item.id) for item in items]
    return np.stack([np.cos(angle), np.sin(angle)], axis=1).astype(np.float32)


def _share_together(batches, epoch, apart) -> float:
    """Return the share of rows whose batch has a place with a number that differs by `apart`."""
    steps = range(epoch * batches.steps_per_epoch, (epoch + 1) * batches.steps_per_epoch)
    found = []
    for step in steps:
        ids = set(batches.batch(step, 0, 1).ids.tolist())
        found += [bool({place - apart, place + apart} & ids) for place in ids]
    return float(np.mean(found))


def test_similar_places_meet_once_they_are_described(split):
    calls = []

    def describe(items):
        calls.append(len(items))
        return _line(items)

    batches = _started(split, 0, describe, pairs=2, kind="similarity")
    ground = _share_together(batches, 0, 1)
    assert not calls
    batches.start_epoch(2, describe)
    assert calls == [PLACES * EACH, PLACES]
    alike = _share_together(batches, 2, 4)
    assert ground > 0.5  # until then neighbours on the ground; 0.25 by chance
    assert alike > 0.5  # 0.14 by chance
    batches.start_epoch(3, describe)
    assert len(calls) == 2
    assert _share_together(batches, 3, 4) > 0.5


def test_without_positions_gps_is_refused_and_similarity_begins_at_random(split):
    bare = TrainingSplit(
        *(tuple(Item(i.id, i.view, i.path) for i in side) for side in (split.queries, split.references)),
        split.matches,
        split.weights,
    )
    with pytest.raises(ParameterError, match="gps needs a position"):
        _started(bare, kind="gps")
    assert _same(_started(bare, kind="similarity").batch(0, 0, 1), _started(bare).batch(0, 0, 1))
    assert not _same(_started(split, kind="gps").batch(0, 0, 1), _started(split).batch(0, 0, 1))


def test_a_resumed_source_goes_on_with_the_same_numbers(split, tmp_path):
    one = _started(split, 0, None, kind="similarity")
    one.start_epoch(2, _line)
    torch.save(one.state_dict(), tmp_path / "state.pt")
    state = torch.load(tmp_path / "state.pt", weights_only=True)
    other = ImageBatches(split, SIZE, 4, 1, one.data)
    other.load_state_dict(state)

    def changed(items):
        raise AssertionError("an epoch that was planned is not described again")

    other.start_epoch(2, changed)
    assert _same(one.batch(13, 0, 1), other.batch(13, 0, 1))
    for source in (one, other):
        source.start_epoch(3, changed)  # between two searches the old neighbours hold
    assert _same(one.batch(19, 0, 1), other.batch(19, 0, 1))


def test_the_plan_of_other_data_is_refused(split):
    state = _started(split).state_dict()
    with pytest.raises(ModelError, match="batches of 2"):
        _started(split, pairs=2).load_state_dict(state)


def test_finish_varies_the_batch_where_asked(split):
    def darker(batch, step, rank):
        return type(batch)(batch.query // 2, batch.reference, batch.ids + step + rank, batch.weights)

    plain, varied = _started(split), _started(split, augment=darker)
    batch = plain.batch(1, 0, 1)
    assert plain.finish(batch, 1, 0) is batch
    assert torch.equal(varied.finish(batch, 5, 2).ids, batch.ids + 7)


def test_an_unreadable_picture_stops_with_its_name(split, tmp_path):
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"x")
    items = tuple(Item(item.id, item.view, broken) for item in split.references)
    batches = _started(TrainingSplit(split.queries, items, split.matches, split.weights))
    with pytest.raises(RasterError, match=r"broken\.png"):
        batches.batch(0, 0, 1)


def test_too_large_a_batch_is_refused(split):
    with pytest.raises(ParameterError, match=r"optimiser\.pairs=8 or less"):
        ImageBatches(split, SIZE, 9, 1, DataConfig("vigor"))
