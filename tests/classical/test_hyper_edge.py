"""The parts of `hyper-edge` against dense second sources, and what each is worth where it should be."""

import importlib

import numpy as np
import pytest
import torch

from csakd.classical import hyper, hyper_edge, hyper_edge_thorough
from csakd.classical.denoising import denoised, flattest, standing_out
from csakd.classical.hyper import global_fit
from csakd.classical.registration import registered
from csakd.classical.regression import local_rest, local_ridge, whitening, window_mean
from csakd.data import sample_scene, synthetic_scene
from csakd.metrics import psnr, sam
from csakd.physics import Sensors, SpatialResponse, observe, psf, upsample

edges = importlib.import_module("csakd.classical.edges")


def random(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def tensors(sample):
    cubes = (sample.pair.hsi, sample.pair.msi, sample.truth)
    return tuple(torch.from_numpy(cube.values).double()[None] for cube in cubes)


def rms(image: torch.Tensor) -> float:
    return float(image.square().mean().sqrt())


class TestEdges:
    def laplacian(self, looks: np.ndarray) -> np.ndarray:
        """From the definition, pixel by pixel."""
        _, height, width = looks.shape
        near = [(i, j) for i in (-1, 0, 1) for j in (-1, 0, 1) if i or j]

        def neighbours(row, column):
            for i, j in near:
                if 0 <= row + i < height and 0 <= column + j < width:
                    yield row + i, column + j, i * i + j * j

        def contrast(a, b, c, d):
            return ((looks[:, a, b] - looks[:, c, d]) ** 2).mean()

        own = np.array(
            [
                [np.mean([contrast(a, b, c, d) for c, d, _ in neighbours(a, b)]) for b in range(width)]
                for a in range(height)
            ]
        )
        pairs = [contrast(a, b, c, d) for a in range(height) for b in range(width) for c, d, _ in neighbours(a, b)]
        reach = edges.SURROUNDINGS
        usual = np.array(
            [
                [own[max(0, a - reach) : a + reach + 1, max(0, b - reach) : b + reach + 1].mean() for b in range(width)]
                for a in range(height)
            ]
        ) + 0.01 * sum(pairs) / (8 * height * width)
        matrix = np.zeros((height * width, height * width))
        for a, b in np.ndindex(height, width):
            for c, d, square in neighbours(a, b):
                unit = 2 * edges.CONTRAST**2 * (usual[a, b] + usual[c, d]) / 2
                weight = (np.exp(-contrast(a, b, c, d) / unit) + edges.LEAK) / square
                matrix[a * width + b, a * width + b] += weight
                matrix[a * width + b, c * width + d] -= weight
        return matrix

    def test_roughness_is_the_laplacian_of_alike_neighbours(self):
        looks, values = random(3, 7, 9), random(4, 7, 9, seed=1)
        dense = self.laplacian(looks.numpy())
        graph = edges.Graph.of(looks)
        rough, none = (
            graph.roughness(image, edges.neighbours(edges.with_border(image)))
            for image in (values, torch.ones_like(values))
        )
        np.testing.assert_allclose(rough.flatten(1), edges.STRENGTH * values.flatten(1).numpy() @ dense, atol=1e-10)
        np.testing.assert_allclose(dense, dense.T, atol=1e-12)
        np.testing.assert_allclose(none, 0 * none, atol=1e-12)

    def test_enough_steps_solve_the_dense_system(self):
        blur, targets = SpatialResponse(2), random(1, 2, 4, 3, seed=2)
        high, low = random(1, 2, 8, 6), random(1, 2, 4, 3, seed=1)
        found = edges.spread((low, high), targets, blur, steps=600)
        p = np.hstack([np.diag(band.flatten().numpy()) for band in high[0]])  # (N, 2N): p·c from stacked c
        b = np.stack([blur(unit.view(8, 6)).flatten().numpy() for unit in torch.eye(48, dtype=torch.float64)], 1)
        rough = np.kron(np.eye(2), self.laplacian(high[0].numpy()))
        system = p.T @ b.T @ b @ p + edges.STRENGTH * rough
        for target, estimate in zip(targets[0].flatten(1).numpy(), found[0].flatten(1).numpy(), strict=True):
            np.testing.assert_allclose(estimate, p @ np.linalg.solve(system, p.T @ b.T @ target), atol=1e-6)


def test_what_a_local_ridge_leaves():
    features, targets = random(1, 3, 8, 7), random(1, 2, 8, 7, seed=1)
    weights = local_ridge(features, targets, 1.0, 1e-3)
    means = window_mean(torch.cat([features, targets], 1), 1.0)
    fit = means[:, 3:] + (weights * (features - means[:, :3])[:, :, None]).sum(1)
    torch.testing.assert_close(local_rest(features, targets, 1.0, 1e-3), targets - fit)


def test_whitening():
    mixed = torch.einsum("ij,bjhw->bihw", random(4, 4, seed=1), random(2, 4, 9, 8))
    mixed = mixed - mixed.mean((-2, -1), keepdim=True)
    white = torch.einsum("bij,bjhw->bihw", whitening(mixed, 0.0), mixed).flatten(2)
    torch.testing.assert_close(white @ white.mT / 72, torch.eye(4, dtype=torch.float64).expand(2, 4, 4))
    assert not whitening(torch.zeros(1, 3, 4, 4), 0.01).any(), "what is dead stays so"


class TestRegistration:
    def fit_of(self, hsi, msi, blur):
        fit = global_fit(hsi, msi, blur)
        low = torch.einsum("bpm,bmhw->bphw", whitening(fit.linear_low, 0.01), fit.linear_low)
        moved, rest = registered(fit, low, blur)
        return fit, fit.estimate.image(), moved.image(), rest

    def test_a_band_that_lies_beside_the_others_is_moved(self):
        """The LR-HSI of a scene with one band a quarter pixel lower, which a regression on the MSI cannot know."""
        blur, msi = SpatialResponse(4), upsample(random(1, 2, 32, 32), (64, 64))
        scene = torch.einsum("lm,bmhw->blhw", random(6, 2, seed=1), msi)
        beside = scene.clone()
        beside[:, 2, 1:] = 0.75 * scene[:, 2, 1:] + 0.25 * scene[:, 2, :-1]
        fit, plain, moved, rest = self.fit_of(blur(beside), msi, blur)
        before, after = (rms(image[:, 2] - beside[:, 2]) for image in (plain, moved))
        assert after < 0.65 * before
        assert rms(rest[:, 2]) < 0.5 * rms(fit.rest[:, 2])
        others = [0, 1, 3, 4, 5]
        torch.testing.assert_close(moved[:, others], plain[:, others], atol=1e-3, rtol=0)

    def test_what_a_local_regression_explains_is_no_shift(self):
        """A band whose response to the MSI differs between two halves of the scene."""
        blur, msi = SpatialResponse(4), upsample(random(1, 2, 16, 16), (64, 64))
        scene = msi.clone()
        scene[..., 32:] *= 1.5
        _, plain, moved, _ = self.fit_of(blur(scene), msi, blur)
        assert rms(moved - plain) < 0.1 * rms(scene - plain)


class TestDenoising:
    @pytest.mark.parametrize("snr", [35.0, 25.0])
    def test_noise_goes_signal_stays(self, snr):
        scene = synthetic_scene((96, 96))
        blur = SpatialResponse(4)
        clean_hsi, clean_msi, _ = tensors(observe(scene))
        hsi, msi, _ = tensors(observe(scene, snr=(snr, snr)))
        calm_hsi, calm_msi = denoised(hsi, msi, blur)
        assert rms(calm_hsi - clean_hsi) < 0.35 * rms(hsi - clean_hsi)
        assert rms(calm_msi - clean_msi) < 0.85 * rms(msi - clean_msi)

    def test_a_clean_pair_stays_as_it_is(self):
        hsi, msi, _ = tensors(observe(synthetic_scene((96, 96))))
        calm_hsi, calm_msi = denoised(hsi, msi, SpatialResponse(4))
        assert rms(calm_hsi - hsi) < 1e-5 * rms(hsi)
        assert rms(calm_msi - msi) < 1e-5 * rms(msi)

    def test_a_clean_part_is_clean_although_its_border_saw_what_lies_beyond(self):
        hsi, msi, _ = tensors(observe(synthetic_scene((160, 160)), "tm4", 4))
        part, its_msi = hsi[..., 6:34, 6:34], msi[..., 24:136, 24:136]
        assert torch.equal(denoised(part, its_msi, SpatialResponse(4), border=2)[1], its_msi)
        assert not torch.equal(denoised(part, its_msi, SpatialResponse(4))[1], its_msi)

    def test_what_a_slightly_mistaken_psf_leaves_is_no_noise(self):
        hsi, msi, _ = tensors(observe(synthetic_scene((96, 96))))
        blur = SpatialResponse(4, psf.gaussian(4, variance=2.997))
        assert torch.equal(denoised(hsi, msi, blur)[1], msi)
        noisy = msi + 0.02 * msi.std() * random(*msi.shape)
        assert not torch.equal(denoised(hsi, noisy, blur)[1], noisy)

    def test_the_scenes_own_noise_is_no_noise_of_the_sensor(self):
        """The same white noise, before the optics and after them."""
        scene = torch.from_numpy(synthetic_scene((96, 96)).values).double()[None]
        blur, noise = SpatialResponse(4), 60 * random(*scene.shape)
        msi = scene[:, [10, 30, 60, 120]]
        own = blur(scene + noise)
        calm, _ = denoised(own, msi, blur)
        assert rms(calm - own) < 0.15 * rms(blur(noise))
        sensor = blur(scene) + rms(blur(noise)) * random(*own.shape, seed=1)
        calm, _ = denoised(sensor, msi, blur)
        assert rms(calm - sensor) > 0.9 * rms(blur(noise))

    def test_what_stands_out_of_noise_of_a_known_level(self):
        """A map in few directions under noise that differs between bands."""
        level = torch.linspace(0.5, 2, 30, dtype=torch.float64)[None, :, None, None]
        noise = level * random(1, 30, 40, 40, seed=1)
        signal = torch.einsum("lk,bkhw->blhw", random(30, 2), 3 * upsample(random(1, 2, 10, 10, seed=2), (40, 40)))
        found = standing_out(signal + noise, level)
        assert rms(found - signal) < 0.35 * rms(noise)
        assert rms(standing_out(noise, level)) < 0.35 * rms(noise)
        torch.testing.assert_close(standing_out(signal, 0 * level), signal)

    @pytest.mark.parametrize("std", [0.5, 20.0])
    def test_the_flattest_patches_tell_the_noise(self, std):
        smooth = upsample(random(2, 8, 8), (96, 96))
        found = flattest(100 + 10 * smooth + std * random(2, 96, 96, seed=1)).sqrt()
        np.testing.assert_allclose(found, std, rtol=0.2)

    def test_images_too_small_to_tell_are_left_alone(self):
        hsi, msi = random(1, 40, 2, 2), random(1, 4, 8, 8)
        calm_hsi, calm_msi = denoised(hsi, msi, SpatialResponse(4))
        assert torch.equal(calm_hsi, hsi)
        assert torch.equal(calm_msi, msi)


class TestGlobalFit:
    def test_fine_parts_follow_their_own_law(self):
        """Bands that are mixtures of the MSI, and another one of its smooth parts."""
        blur, msi = SpatialResponse(4), random(1, 2, 64, 64) + 3 * upsample(random(1, 2, 4, 4, seed=1), (64, 64))
        weights, others = random(5, 2, seed=2), 2 * random(5, 2, seed=3)
        smooth = upsample(window_mean(blur(msi), 3.0), (64, 64))
        scene = torch.einsum("lm,bmhw->blhw", weights, msi) + torch.einsum("lm,bmhw->blhw", others, smooth)

        def missed(fine: bool) -> float:
            error = global_fit(blur(scene), msi, blur, 0.0, fine=fine).estimate.image() - scene
            return rms(error - upsample(blur(error), (64, 64)))

        assert missed(True) < 0.5 * missed(False)


class TestOnARealScene:
    def test_edges_are_not_followed_into_noise(self, monkeypatch):
        """Noise on the LR-HSI alone, as on the MSI it would hide the edges."""
        hsi, msi, truth = (image.float() for image in tensors(observe(sample_scene(), "tm6", snr=(25.0, None))))
        sensors = Sensors(SpatialResponse(4))
        aware = hyper_edge(hsi, msi, sensors)[0]
        monkeypatch.setattr(importlib.import_module("csakd.classical.hyper_edge"), "CLEAR", 0)
        assert psnr(aware, truth[0]) > psnr(hyper_edge(hsi, msi, sensors)[0], truth[0]) + 0.1

    @pytest.mark.parametrize(("bands", "snr", "least"), [("tm4", 35.0, 4), ("tm4", 25.0, 9), ("tm6", 30.0, 9)])
    def test_noise_costs_far_less_than_it_costs_hyper(self, bands, snr, least):
        """At least so many dB above `hyper`."""
        sample = observe(sample_scene(), bands, snr=(snr, snr))
        hsi, msi, truth = (image.float() for image in tensors(sample))
        sensors = Sensors(SpatialResponse(4))
        plain, aware = hyper(hsi, msi, sensors)[0], hyper_edge(hsi, msi, sensors)[0]
        assert psnr(aware, truth[0]) > psnr(plain, truth[0]) + least
        assert sam(aware, truth[0]) < 0.85 * sam(plain, truth[0])

    @pytest.mark.parametrize("bands", ["tm6", "sentinel2"])
    def test_more_effort_pays_in_noise(self, bands):
        """Many bands, much noise: the processes that look around must not take it for what is there."""
        sample = observe(sample_scene(), bands, snr=(25.0, 25.0))
        hsi, msi, truth = (image.float() for image in tensors(sample))
        sensors = Sensors(SpatialResponse(4))
        plain, thorough = (method(hsi, msi, sensors)[0] for method in (hyper_edge, hyper_edge_thorough))
        assert psnr(thorough, truth[0]) > psnr(plain, truth[0]) + 0.03
        assert sam(thorough, truth[0]) < sam(plain, truth[0])

    def test_it_pays_without_noise(self):
        hsi, msi, truth = (image.float() for image in tensors(observe(sample_scene(), "tm4")))
        sensors = Sensors(SpatialResponse(4))
        assert psnr(hyper_edge(hsi, msi, sensors)[0], truth[0]) > psnr(hyper(hsi, msi, sensors)[0], truth[0])
