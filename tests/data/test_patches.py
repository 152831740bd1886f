"""Laws of patches: cut, turned and aligned alike from a scene observed whole, each a pure function of its number."""

import itertools
from collections import Counter

import numpy as np
import pytest
import torch

from csakd.cubes import Cube
from csakd.data import Batch, Numbers, Observation, Patches, Scaling, batch_of, collate, synthetic_scene
from csakd.data import patches as module
from csakd.physics import SpatialResponse, spectral_response

SIZE, RATIO = 16, 4
TURNS = list(itertools.product(range(4), (False, True)))


def scenes(count: int = 2, size=(28, 36)) -> list[Cube]:
    found = [synthetic_scene(size, seed=seed) for seed in range(count)]
    found[0].values[:, 5, 6] = np.nan
    return found


def patches(count=2, *, size=SIZE, snr=None, base="glp", scaling="bands", per_epoch=8, seed=0, given=None) -> Patches:
    observation = Observation("tm4", RATIO, snr=snr)
    return Patches(scenes(count) if given is None else given, observation, scaling, base, size, per_epoch, seed)


def parts(batch: Batch) -> list[torch.Tensor]:
    alone = [part for part in batch if isinstance(part, torch.Tensor)]
    return [*alone, *batch.units, *(batch.base or ())]


def same(first: Batch, second: Batch) -> bool:
    return all(torch.equal(one, other) for one, other in zip(parts(first), parts(second), strict=True))


def turned_back(patch: Batch, turns: int, flip: bool) -> Batch:
    """The patch before it was turned and flipped."""

    def back(parts):
        return (parts[0].flip(-1) if flip else parts[0]).rot90(-turns, (-2, -1))

    return patch.mapped(back)


def cut(whole: Batch, row: int, column: int, low: int) -> Batch:
    """The patch of `low` pixels at low pixel (row, column) of a whole scene."""

    def window(image: torch.Tensor, pixel: int) -> torch.Tensor:
        return image[..., row * pixel : (row + low) * pixel, column * pixel : (column + low) * pixel]

    high = {name: window(getattr(whole, name), RATIO) for name in ("msi", "truth", "valid")}
    base = whole.base._replace(estimate=window(whole.base.estimate, RATIO))
    return whole._replace(hsi=window(whole.hsi, 1), base=base, **high)


def origin(patch: Batch, whole: Batch) -> tuple[int, int, int, bool] | None:
    """Where in the scene, and how turned, this patch was: every part of it must agree."""
    low = patch.hsi.shape[-1]
    for turns, flip in TURNS:
        upright = turned_back(patch, turns, flip)
        for row, column in np.ndindex(*(n - low + 1 for n in whole.hsi.shape[-2:])):
            if same(upright, cut(whole, row, column, low)):
                return row, column, turns, flip
    return None


@pytest.mark.parametrize("scaling", ["bands", "maximum"])
def test_a_patch_is_an_aligned_cut_of_its_whole_scene(scaling):
    """HSI, MSI, truth, mask and base are cut at one place and turned alike; base and units are the whole scene's."""
    drawn = patches(scaling=scaling, per_epoch=24)
    wholes = [batch_of(drawn.observation.clean(s), drawn.observation, Scaling(scaling), "glp") for s in scenes()]
    found = Counter()
    for number in range(24):
        where = [origin(drawn[number], whole) for whole in wholes]
        assert sum(place is not None for place in where) == 1
        found[next((scene, *place) for scene, place in enumerate(where) if place)] += 1
    seen = [len({key[axis] for key in found}) for axis in range(5)]
    assert seen == [2, 4, 6, 4, 2], "all scenes, rows, columns, turns and flips occur"


def test_a_patch_is_what_the_sensors_see_of_its_truth():
    """Observing a patch's truth gives its MSI, and its HSI away from the cut, where the PSF reaches outside."""
    drawn = patches(given=scenes(3)[1:], size=28, scaling="fixed:10000", base="none")
    response = spectral_response("tm4", 172, scenes()[0].wavelengths)
    inner = (..., slice(2, -2), slice(2, -2))
    for number in range(4):
        patch = drawn[number]
        torch.testing.assert_close(response(patch.truth), patch.msi)
        torch.testing.assert_close(SpatialResponse(RATIO)(patch.truth)[inner], patch.hsi[inner])
        assert patch.base is None


def test_a_whole_scene_as_a_batch():
    """In the HSI's units; `physical` is data in shares of its peak; an invalid pixel is marked and harmless."""
    scene, observation = scenes()[0], Observation()
    sample = observation.clean(scene)
    batch = batch_of(sample, observation, Scaling("bands"), "hyper")
    unseen = np.argwhere(~sample.pair.hsi.valid)
    assert [1, 1] in unseen.tolist(), "the low pixel over the missing one"
    assert (~batch.valid[0]).sum() == 16 * len(unseen), "masked with all that it covers, as in inference"
    assert all(part.isfinite().all() for part in parts(batch))
    physical = batch.physical(batch.truth)[0][:, batch.valid[0]] * batch.peak.item()
    torch.testing.assert_close(physical, torch.from_numpy(sample.truth.values)[:, batch.valid[0]], rtol=1e-4, atol=0.1)
    assert 0.8 < (batch.peak / np.nanmax(sample.pair.hsi.values)).item() <= 1
    assert batch.to(torch.device("cpu")).units.scale.device.type == "cpu"


class TestRandomness:
    def test_a_patch_depends_on_the_seed_and_its_number_alone(self):
        first, other_order, other_seed = patches(snr=30.0), patches(snr=30.0), patches(snr=30.0, seed=1)
        ahead = {number: first[number] for number in (0, 5, 11, 17)}
        for number in (17, 3, 11, 0, 5):
            assert number not in ahead or same(other_order[number], ahead[number])
        assert not any(same(other_seed[number], patch) for number, patch in ahead.items())

    def test_epochs_draw_other_crops(self):
        drawn = patches()
        assert not any(same(drawn[number], drawn[number + 8]) for number in range(8))

    @pytest.mark.parametrize("per_epoch", [2, 8, 9])
    def test_an_epoch_sees_every_scene_equally_often(self, per_epoch):
        drawn = patches(per_epoch=per_epoch, base="none")
        for epoch in range(3):
            numbers = range(epoch * per_epoch, (epoch + 1) * per_epoch)
            counts = Counter(drawn[number].peak.item() for number in numbers)
            assert len(counts) == 2
            assert max(counts.values()) - min(counts.values()) <= 1

    def test_noise_is_new_each_epoch_and_one_within_it(self):
        """The patch is the whole scene here, so that what differs between two patches is the noise."""
        drawn = patches(given=[synthetic_scene((SIZE, SIZE))], snr=(30.0, 25.0), scaling="fixed:1", per_epoch=6)

        def upright(number: int) -> Batch:
            truth = torch.from_numpy(synthetic_scene((SIZE, SIZE)).values)[None]
            candidates = (turned_back(drawn[number], *turn) for turn in TURNS)
            return next(patch for patch in candidates if torch.equal(patch.truth, truth))

        epochs = [[upright(number) for number in range(start, start + 6)] for start in (0, 6)]
        for epoch in epochs:
            assert all(same(epoch[0], patch) for patch in epoch[1:])
        clean = drawn.observation.clean(synthetic_scene((SIZE, SIZE))).pair
        for name, level in (("hsi", 30), ("msi", 25)):
            truth = torch.from_numpy(getattr(clean, name).values)[None]
            first, second = (getattr(epoch[0], name) - truth for epoch in epochs)
            for noise in (first, second):
                assert 20 * torch.log10(truth.norm() / noise.norm()) == pytest.approx(level, abs=0.5)
            assert (first * second).mean().abs() < 0.15 * first.square().mean(), "independent of each other"

    def test_without_noise_epochs_share_one_observation(self):
        drawn = patches(given=[synthetic_scene((SIZE, SIZE))])
        drawn[0], drawn[100]
        assert drawn._prepared.cache_info().misses == 1


class TestMemory:
    def counted(self, monkeypatch, memory: int, per_epoch: int = 12) -> list[list[int]]:
        """Which scenes are observed, epoch by epoch, when that many bytes may be kept."""
        monkeypatch.setattr(module, "MEMORY", memory)
        read: list[int] = []
        given = scenes(3)
        clean = Observation.clean
        monkeypatch.setattr(
            Observation, "clean", lambda self, cube: (read.append(given.index(cube)), clean(self, cube))[1]
        )
        drawn = patches(given=given, per_epoch=per_epoch, base="none", snr=30.0)
        log = []
        for epoch in range(3):
            read.clear()
            for number in Numbers(per_epoch):
                drawn[epoch * per_epoch + number]
            log.append(sorted(read))
        return log

    def test_scenes_that_fit_are_read_once(self, monkeypatch):
        assert self.counted(monkeypatch, 2**30) == [[0, 1, 2], [], []]

    def test_scenes_that_do_not_are_read_once_an_epoch(self, monkeypatch):
        for epoch in self.counted(monkeypatch, 1):
            assert len(epoch) == len(set(epoch)) >= 2, "the last of an epoch may be the next one's first"


def test_small_scenes_set_the_size():
    assert patches(given=scenes(1), size=64)[0].truth.shape == (1, 172, 28, 28)
    mixed = patches(given=[*scenes(1), synthetic_scene((13, 40))], size=64)
    assert {mixed[number].msi.shape for number in range(8)} == {(1, 4, 12, 12)}


def test_collate_puts_patches_side_by_side():
    drawn = patches(per_epoch=4)
    batch = collate([drawn[n] for n in range(4)])
    assert batch.hsi.shape == (4, 172, 4, 4)
    assert batch.valid.shape == (4, 16, 16)
    assert batch.units.scale.shape == (4, 172, 1, 1)
    assert batch.peak.shape == (4, 1, 1, 1)
    for n in range(4):
        assert same(batch.mapped(lambda parts, n=n: parts[0][n : n + 1]), drawn[n])
    assert collate([patches(base="none")[n] for n in range(2)]).base is None


@pytest.mark.parametrize(("per_epoch", "world"), [(12, 1), (12, 3), (13, 4), (4, 4)])
def test_processes_part_an_epoch_among_them(per_epoch, world):
    """Equally many each, none twice, nothing of another epoch, and at most a remainder left out."""
    shares = [Numbers(per_epoch, rank, world) for rank in range(world)]
    for epoch in range(3):
        for share in shares:
            share.set_epoch(epoch)
        drawn = [list(share) for share in shares]
        assert {len(numbers) for numbers in drawn} == {len(share) for share in shares} == {per_epoch // world}
        everyone = sorted(number for numbers in drawn for number in numbers)
        assert everyone == list(range(epoch * per_epoch, epoch * per_epoch + per_epoch // world * world))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"given": []}, "no training scene"),
        ({"size": 18}, "patch size 18: it must be a multiple of the ratio 4"),
        ({"size": 0}, "patch size 0"),
        ({"given": [*scenes(), synthetic_scene(bands="aviris-200")]}, "172, 200 bands; a network needs the same"),
        ({"given": [Cube(np.ones((172, 32, 32), np.float32))]}, "no wavelengths"),
        ({"given": [*scenes(), synthetic_scene((3, 40))]}, "smaller than one low pixel at ratio 4: leave it out"),
        ({"scaling": "log"}, "choose maximum, bands, or fixed"),
    ],
)
def test_bad_requests_say_what_would_do(options, message):
    with pytest.raises(ValueError, match=message) as error:
        patches(**options)
    assert "\n" not in str(error.value)
