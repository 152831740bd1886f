"""The competitors that learn from one pair, part by part, against NumPy, SciPy and numbers worked by hand."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.special import rel_entr, softmax

from csakd.data import synthetic_scene
from csakd.models.one_pair import ONE_PAIR
from csakd.models.peers import cucanet, dirichlet, u2mdn, usdn
from csakd.physics import Sensors, SpatialResponse, SpectralResponse, observe

BANDS = 8
RESPONSE = np.array([[1, 2, 1, 0, 0, 0, 0, 0], [0, 0, 1, 0, 1, 0, 0, 0], [0, 0, 0, 0, 0, 1, 1, 1.0]])


def images():
    """LR-HSI and HR-MSI of a synthetic scene, eight and three bands in [0, 1], batches of one."""
    scene = synthetic_scene((16, 20))
    scene = replace(scene, values=scene.values[:: scene.bands // BANDS][:BANDS], wavelengths=None, fwhm=None)
    pair = observe(scene, RESPONSE, 4).pair
    return tuple(torch.from_numpy(cube.values)[None] / 1e4 for cube in (pair.hsi, pair.msi))


def begun(name, **options):
    """A fit to that pair, no step taken."""
    torch.manual_seed(0)
    sensors, method = Sensors(SpatialResponse(4), SpectralResponse(RESPONSE)), ONE_PAIR[name]
    return method.fit(method.config(**options), *images(), sensors)


def table(tensor):
    return tensor.detach().numpy().astype(np.float64)


class TestCUCaNet:
    def test_sensors_start_as_plain_means_and_stay_sensors(self):
        high = torch.rand(1, BANDS, 6, 9)
        blocks = high.numpy().reshape(1, BANDS, 2, 3, 3, 3).mean((3, 5))
        np.testing.assert_allclose(cucanet.LearntPSF(3)(high).detach(), blocks, rtol=1e-5)
        supports = cucanet.supports(RESPONSE)
        assert supports == [(0, 2), (2, 4), (5, 7)], "a band without weight in between counts"
        response = cucanet.LearntResponse(supports, BANDS)
        expected = np.stack([high.numpy()[:, first : last + 1].mean(1) for first, last in supports], 1)
        np.testing.assert_allclose(response(high).detach(), expected, rtol=1e-5)
        for given, kept in (([-1, 1, 3], [0, 0.25, 0.75]), ([-1, -1, -2], [1 / 3, 1 / 3, 1 / 3])):
            response.weights[0].data = torch.tensor(given).float()
            response.project()
            assert response.weights[0].tolist() == pytest.approx(kept)

    def test_sparsity_is_two_divergences(self):
        """Second source: SciPy's relative entropy, of p and q and of what they leave."""
        abundances = torch.rand(1, 5, 2, 3, dtype=torch.float64)
        q = softmax(abundances.numpy(), axis=1)
        expected = rel_entr(0.2, q).sum() + rel_entr(0.8, 1 - q).sum()
        assert float(cucanet.sparsity(abundances)) == pytest.approx(expected)

    def test_the_clamp_has_no_dead_ends(self):
        """Downhill is into [0, 1] or nowhere; torch's own clamp gives no slope beyond its ends at all."""
        values = torch.tensor([-1.0, -1.0, 0.5, 0.5, 2.0, 2.0], requires_grad=True)
        slopes = torch.tensor([1.0, -1.0, 1.0, -1.0, 1.0, -1.0])
        cucanet.clamp(values).backward(slopes)
        assert torch.equal(cucanet.clamp(values), values.clamp(0, 1))
        assert values.grad.tolist() == [0, -1, 1, -1, 1, 0]

    def test_the_objective_in_numpy(self):
        """Sums of absolute errors with the published weights; PSF and response are plain means at first."""
        fit = begun("cucanet")
        fit.network.attention_psf.kernel.data *= 2  # not to be taken for the sensor's
        seen, losses = fit.one_pass(), {name: float(loss.detach()) for name, loss in fit.losses().items()}
        estimate, (hsi, msi) = table(seen.estimate), map(table, images())

        def blurred(high):
            return high.reshape(*high.shape[:2], 4, 4, 5, 4).mean((3, 5))

        def projected(spectra):
            return np.stack([spectra[:, first : last + 1].mean(1) for first, last in ((0, 2), (2, 4), (5, 7))], 1)

        def apart(first, second):
            return np.abs(first - second).sum()

        shares = [table(seen.hsi_abundances), table(seen.msi_abundances)]
        expected = {
            "reconstruction": 10 * (apart(table(seen.hsi), hsi) + apart(table(seen.msi), msi)),
            "degradation": 10 * (apart(blurred(estimate), hsi) + apart(projected(estimate), msi)),
            "coupling": 1e4 * apart(projected(hsi), blurred(msi)),
            "sum_to_one": 0.01 * sum(apart(share.sum(1), 1) for share in shares),
            "sparsity": 0.01 * sum(float(cucanet.sparsity(torch.from_numpy(share))) for share in shares),
        }
        assert losses == pytest.approx(expected, rel=1e-4)
        assert float(fit.step(0, 10)) == pytest.approx(sum(expected.values()), rel=1e-4)

    def test_its_steps(self):
        """Ten: three at 0.005, then linearly to 0 after the last; endmembers are reflectances after each."""
        fit, rates = begun("cucanet"), []
        assert fit.network.endmembers.weight.min() < 0
        for number in range(10):
            fit.step(number, 10)
            rates.append([group["lr"] for group in fit.adam.param_groups])
            for endmembers in (fit.network.endmembers.weight, fit.network.msi_endmembers.weight):
                assert 0 <= endmembers.min() <= endmembers.max() <= 1
        expected = 0.005 * np.array([1, 1, 1, *np.arange(7, 0, -1) / 8])
        np.testing.assert_allclose(rates, np.outer(expected, [1, 0.5, 0.2]))


class TestDirichlet:
    """uSDN and u2-MDN."""

    def test_sticks_against_a_loop(self):
        generator = torch.Generator().manual_seed(0)
        logits, beta = (torch.randn(9, n, generator=generator, dtype=torch.float64) for n in (4, 1))
        found = dirichlet.stick_breaking(logits, beta).numpy()
        for pixel, (row, width) in enumerate(zip(logits.numpy(), beta.numpy()[:, 0], strict=True)):
            left = 1.0
            for share, logit in enumerate(row):
                stick = (1 / (1 + np.exp(-logit))) ** (1 / np.log1p(np.exp(width)))
                assert found[pixel, share] == pytest.approx(stick * left, rel=1e-6)
                left *= 1 - stick

    def test_sticks_at_the_ends_of_the_scale(self):
        """Powers with an infinite exponent, sticks of no and of full length: finite, and so are their slopes."""
        logits = torch.tensor([[-1e4, 0, 1e4], [1e4, 1e4, 1e4], [-1e4, -1e4, -1e4]]).repeat(3, 1).requires_grad_()
        beta = torch.tensor([-1e4, 0, 1e4]).repeat_interleave(3)[:, None].requires_grad_()
        shares = dirichlet.stick_breaking(logits, beta)
        (dirichlet.entropy(shares) + shares.square().sum()).backward()
        assert all(values.isfinite().all() for values in (shares, logits.grad, beta.grad))
        assert shares.min() >= 0
        assert shares.sum(1).max() <= 1 + 1e-6

    def test_unmixing_in_numpy(self):
        """The objective of uSDN's first phase as published, with the whole L × L matrix DᵀD."""
        fit, pixels = begun("usdn"), table(images()[0][0].flatten(1).T)
        shares, mix, spectra = map(table, (fit.network.hsi_shares(fit.hsi), *fit.network.decoder.parameters()))
        error = ((shares @ mix @ spectra - (pixels - pixels.mean(0))) ** 2).sum(0).mean()
        absolute = mix @ spectra + pixels.mean(0)
        p = shares / shares.sum(1, keepdims=True)
        expected = error + 1e-4 * (absolute.T @ absolute).mean() + 1e-3 * (-p * np.log(p)).mean()
        assert float(fit.unmixing().detach()) == pytest.approx(expected, rel=1e-4)

    def test_where_the_encoders_meet_in_numpy(self):
        """The MSI's pixels come through the sensor's PSF; the angle is between maps of one share, not pixels."""
        fit, (_, msi) = begun("usdn"), images()
        low = SpatialResponse(4)(msi)[0].flatten(1).T
        ours, theirs = table(fit.network.msi_encoder(low - low.mean(0))), table(fit.network.hsi_shares(fit.hsi))
        assert float(fit.warming().detach()) == pytest.approx(((ours - theirs) ** 2).mean(), rel=1e-3)
        cosines = (ours * theirs).sum(0) / np.linalg.norm(ours, axis=0) / np.linalg.norm(theirs, axis=0)
        assert float(fit.angle().detach()) == pytest.approx(np.arccos(cosines).mean() / np.pi, rel=1e-3)

    def test_the_msi_in_numpy(self):
        """Both methods' objectives on the HR-MSI, from the estimate itself as the sensor would see it."""
        response, pixels = SpectralResponse(RESPONSE).matrix, table(images()[1][0].flatten(1).T)

        def estimate(fit):
            return table(fit.estimate()[0].flatten(1).T)

        fit = begun("usdn")
        error = ((estimate(fit) @ response.T - pixels) ** 2).sum(0).mean()
        sparsity = 1e-3 * float(dirichlet.entropy(fit.network.msi_encoder(fit.msi)).detach())
        assert float(fit.sharpening().detach()) == pytest.approx(error + sparsity, rel=1e-4)

        fit = begun("u2mdn", information=0.0)
        seen = (estimate(fit) - table(fit.hsi_mean)) @ response.T - (pixels - pixels.mean(0))
        error = (seen.reshape(16, 20, 3) ** 2).sum(0).mean() / 4
        sparsity = 0.01 * float(dirichlet.entropy(fit.network.encoder(fit.msi)).detach())
        assert float(fit.msi_objective().detach()) == pytest.approx(error + sparsity, rel=1e-4)

    def test_the_hsi_of_u2mdn_in_numpy(self):
        """Its encoder sees the LR-HSI in the MSI's bands."""
        fit, pixels = begun("u2mdn", information=0.0), table(images()[0][0].flatten(1).T)
        centred = pixels - pixels.mean(0)
        projected = torch.from_numpy(centred @ SpectralResponse(RESPONSE).matrix.T).float()
        shares = fit.network.encoder(projected)
        mix, spectra = map(table, fit.network.decoder.parameters())
        expected = ((table(shares) @ mix @ spectra - centred) ** 2).sum()
        expected += 1e-3 * np.abs(mix @ spectra + pixels.mean(0)).sum(1).mean()
        expected += 0.01 * float(dirichlet.entropy(shares).detach())
        assert float(fit.hsi_objective().detach()) == pytest.approx(expected, rel=1e-4)

    def test_phases_end_early_and_leave_their_steps(self):
        def phases(**options):
            fit, seen = begun("usdn", **options), []
            for number in range(0, 1000, 50):
                fit.step(number, 1000)
                seen.append(fit.phase)
            return [seen.count(phase) for phase in range(3)]

        assert phases(unmixed=0.0, warmed=0.0) == [6, 10, 4]  # 0.3, 0.5 and what is left, in looks
        assert phases(unmixed=180.0, warmed=0.0) == [0, 16, 4]
        assert phases(unmixed=180.0, warmed=1.0) == [0, 1, 19]

    def test_the_estimate_is_the_best_that_the_low_grid_knows_of(self):
        """With a reckless learning rate the third phase wrecks the MSI encoder; what it found before stays."""
        fit, misfits = begun("usdn", learning_rate=0.3, unmixing=0.0, warming=0.0), []
        for number in range(200):
            if number % usdn.LOOK == 0:
                misfits.append(fit.misfit())
            fit.step(number, 200)
        misfits.append(fit.misfit())
        kept = (SpatialResponse(4)(fit.estimate()) - images()[0]).square().mean().sqrt()
        assert float(kept) == pytest.approx(min(misfits), rel=1e-3)
        assert min(misfits) < 0.999 * misfits[-1]

    def test_mutual_information_shuffles_pixels(self):
        """Worked by hand: pixel x = ±1, share s = x, critic sigmoid(20 (x + s − 1)).

        Together the critic says 1 or 0, half each; shuffled, 1 for a quarter. With sp for softplus,
        (sp(−1) + sp(0)) / 2 + (sp(1) + 3 sp(0)) / 4 = 1.3514; without a shuffle it would be 1.5064.
        """
        fit = begun("u2mdn")
        signs = torch.tensor([1.0, -1.0]).repeat(5000)[:, None]
        critic = u2mdn.Critic(1, 1)
        critic.mix.weight.data, critic.mix.bias.data = torch.eye(2), torch.tensor([-0.5, -0.5])
        critic.judge.weight.data = torch.full((1, 2), 20.0)
        fit.network.critic = critic
        assert float(fit.independence(signs, signs).detach()) == pytest.approx(1.3514, abs=0.01)
