"""The competitors that learn from scenes, layer by layer: worked examples and what their descriptions say."""

import numpy as np
import pytest
import torch
from scipy.ndimage import correlate, zoom
from small_peers import pair, small, upsampled

from csakd.models.peers.dhif_net import filter_along_axes
from csakd.models.peers.dual_unet import continued, doubled
from csakd.models.peers.mssjfl import MSSJFL, ChannelAttention
from csakd.models.peers.pzresnet import DenseLayer, PZResNet, subset
from csakd.models.peers.ssrnet import inserted


class TestMSSJFL:
    def test_restoration_by_hand(self):
        """G + Bᵀ(X − lrelu(B·G)) + S(Y − lrelu(R·G)), B on blocks of 2×2 pixels."""
        network, (hsi, msi), fused = small("mssjfl", ratio=2), pair(ratio=2), torch.rand(1, 5, 8, 10)
        restoration, image = network.restoration, fused[0].numpy()
        layers = (restoration.blur[0], restoration.spread, restoration.project[0], restoration.lift)
        blur, spread, project, lift = (layer.weight.detach().numpy() for layer in layers)
        low = np.einsum("oirc,ihrwc->ohw", blur, image.reshape(5, 4, 2, 5, 2))
        low = hsi[0].numpy() - np.where(low > 0, low, 0.01 * low)
        high = np.tensordot(project[:, :, 0, 0], image, 1)
        high = msi[0].numpy() - np.where(high > 0, high, 0.01 * high)
        expected = image + np.einsum("iorc,ihw->ohrwc", spread, low).reshape(5, 8, 10)
        expected += np.tensordot(lift[:, :, 0, 0], high, 1) + restoration.spread.bias.detach().numpy()[:, None, None]
        np.testing.assert_allclose(restoration(fused, hsi, msi)[0].detach(), expected, rtol=1e-4, atol=1e-5)

    def test_channel_attention_by_hand(self):
        attention, features = ChannelAttention(32), torch.randn(1, 32, 3, 4)
        (first, second), image = (attention.weigh[0], attention.weigh[2]), features[0].numpy()
        total = 0
        for pooled in (image.mean((1, 2)), image.max((1, 2))):
            hidden = np.maximum(first.weight.detach().numpy() @ pooled + first.bias.detach().numpy(), 0)
            total = total + second.weight.detach().numpy() @ hidden + second.bias.detach().numpy()
        expected = image / (1 + np.exp(-total))[:, None, None]
        np.testing.assert_allclose(attention(features)[0].detach(), expected, rtol=1e-5, atol=1e-6)

    @pytest.mark.parametrize(("slope", "linear"), [(1.0, True), (0.01, False)])
    def test_blocks_are_linear_at_the_published_slope(self, slope, linear):
        block = small("mssjfl", slope=slope).joint_high.blocks[0].deepen[:3]
        features = torch.randn(1, 64, 6, 6)
        assert torch.allclose(block(features), -block(-features), atol=1e-5) == linear

    def test_initialisation(self):
        """The published one is drawn from N(0, 0.05²) and far too bright; PyTorch's own starts near the images."""
        torch.manual_seed(0)
        published, tamed = (MSSJFL(MSSJFL.Config(172, 4, 4, init_std=std)) for std in (0.05, 0))
        assert published.hsi[0].head[0].weight.std().item() == pytest.approx(0.05, rel=0.02)
        pair = torch.rand(1, 172, 4, 4), torch.rand(1, 4, 16, 16)
        with torch.no_grad():
            bright, dim = (network(*pair)[0].abs().mean().item() for network in (published, tamed))
        assert bright > 10
        assert dim < 1


class TestPZResNet:
    @pytest.mark.parametrize(
        ("bands", "count", "expected"),
        [
            (31, 8, [0, 4, 8, 12, 16, 20, 24, 30]),
            (31, 16, [*range(0, 31, 2)]),
            (31, 31, [*range(31)]),
            (172, 43, [*range(0, 168, 4), 171]),
            (5, 1, [4]),
        ],
    )
    def test_bands_of_a_stage(self, bands, count, expected):
        assert subset(bands, count) == expected

    @pytest.mark.parametrize(("bands", "widths"), [(31, (8, 16, 31)), (172, (43, 86, 172)), (1, (1, 1, 1))])
    def test_widths_are_a_quarter_half_and_all(self, bands, widths):
        assert PZResNet.Config(bands, 4, 4).widths == widths

    def test_it_sees_detail_alone(self):
        """Zero-centric: brightness of the MSI changes nothing, that of the LR-HSI goes straight through."""
        network, (hsi, msi) = small("pzresnet"), pair()
        estimate, coarse = network(hsi, msi)
        darker, brighter = torch.rand(1, 4, 1, 1), torch.rand(1, 5, 1, 1)
        shifted, shifted_coarse = network(hsi + brighter, msi - darker)
        torch.testing.assert_close(shifted, estimate + brighter, rtol=0, atol=1e-5)
        torch.testing.assert_close(shifted_coarse, coarse + brighter, rtol=0, atol=1e-5)

    def test_a_dense_layer_by_hand(self):
        """1×1 and 3×3 convolution, before each of them the mean over the image taken off."""
        layer, image = DenseLayer(1, 1), torch.rand(1, 1, 5, 6)
        (a, b), (taps, c) = ([p.detach().numpy() for p in half.parameters()] for half in (layer.mix, layer.look))
        mixed = np.maximum(a[0, 0] * (image[0, 0].numpy() - image.mean().item()) + b, 0)
        looked = correlate(mixed - mixed.mean(), taps[0, 0], mode="constant") + c
        np.testing.assert_allclose(layer(image)[0, 0].detach(), np.maximum(looked, 0), rtol=1e-4, atol=1e-6)

    def test_a_stage_adds_at_most_one_to_its_front(self):
        stage, scene = small("pzresnet").stages[0], pair((3, 4), ratio=1)
        stage.last.look.weight.data *= 1e4
        added = stage(*scene) - stage.front(scene[1]).relu()
        assert added.abs().max().item() == pytest.approx(1)

    def test_one_published_channel_is_never_read(self):
        """Its row of the very last convolution is all that learns nothing."""
        network = small("pzresnet")
        estimate, _ = network(*pair())
        (estimate - torch.rand_like(estimate)).square().mean().backward()
        weight, bias = network.stages[-1].last.look.weight.grad, network.stages[-1].last.look.bias.grad
        assert [row for row in range(6) if not weight[row].any() and not bias[row].any()] == [5]


class TestDualUNet:
    @pytest.mark.parametrize(("rows", "columns"), [(16, 24), (15, 17), (3, 5), (1, 1)])
    def test_an_image_goes_on_with_its_edge(self, rows, columns):
        image = torch.rand(1, 2, rows, columns)
        expected = np.pad(image, ((0, 0), (0, 0), (0, -rows % 8), (0, -columns % 8)), mode="edge")
        np.testing.assert_array_equal(continued(image, 8), expected)

    def test_doubling_keeps_the_corners(self):
        image = torch.rand(1, 1, 3, 4)
        np.testing.assert_allclose(doubled(image)[0, 0], zoom(image[0, 0].numpy(), 2, order=1), rtol=1e-5)

    def test_details_come_on_top_of_the_early_estimate(self):
        network, scene = small("dual-unet"), pair()
        estimate, early = network(*scene)
        assert not torch.allclose(estimate, early)
        network.details[-1].weight.data.zero_()
        torch.testing.assert_close(network(*scene)[0], early + network.details[-1].bias[:, None, None])


class TestDHIFNet:
    def test_filters_against_a_loop(self):
        """Second source: seven neighbours one by one, with NumPy's padding."""
        image, filters = torch.rand(1, 5, 6, 4), [torch.randn(1, 7, 5, 6, 4) for _ in range(3)]
        expected = image[0].numpy()
        for taps, axis, mode in zip(filters, (2, 1, 0), ("edge", "edge", "constant"), strict=True):
            widths = [(3, 3) if axis == place else (0, 0) for place in range(3)]
            padded, total = np.pad(expected, widths, mode=mode), np.zeros((5, 6, 4))
            for place in np.ndindex(5, 6, 4):
                for tap in range(7):
                    neighbour = [index + tap * (axis == dimension) for dimension, index in enumerate(place)]
                    total[place] += taps[0, tap][place].item() * padded[tuple(neighbour)]
            expected = total
        np.testing.assert_allclose(filter_along_axes(image, *filters)[0], expected, rtol=1e-4, atol=1e-5)

    def test_every_filter_has_norm_one(self):
        filters = small("dhif-net").filters(torch.rand(1, 8, 6, 7))
        for taps in filters:
            assert taps.shape == (1, 7, 5, 6, 7)
            torch.testing.assert_close(taps.square().sum(1), torch.ones(1, 5, 6, 7))

    def moving(self, tap, **options):
        """Filters that take one neighbour, whatever the features; the fourth is the pixel itself."""
        network = small("dhif-net", **options)
        for head in network.filters.heads:
            head[-1].weight.data.zero_()
            head[-1].bias.data.zero_()
            head[-1].bias.data[tap * 5 : (tap + 1) * 5] = 1
        return network

    def test_an_image_that_both_sensors_confirm_stays(self):
        """A fixed point of the descent, where the filters change nothing."""
        network, scene = self.moving(tap=3), torch.rand(1, 5, 16, 20)
        with torch.no_grad():
            hsi, msi = network.blur(scene), network.project(scene)
            torch.testing.assert_close(network(hsi, msi, scene)[0], scene)
            assert not torch.allclose(network(hsi + 0.1, msi, scene)[0], scene)
            assert not torch.allclose(network(hsi, msi + 0.1, scene)[0], scene)

    def test_one_step_by_hand(self):
        """Z − 2η(Rᵀ(RZ − Y) + Blᵀ(BlZ − X) + λ(Z − U)), U the neighbour right, below, and one band on."""
        network = self.moving(tap=4, stages=1)
        network.step_sizes.data, network.prior_weights.data = torch.tensor([0.25]), torch.tensor([0.5])
        (hsi, msi), before = pair(), torch.rand(1, 5, 16, 20)
        image = before[0].numpy()
        moved = np.pad(image, ((0, 1), (0, 1), (0, 1)), mode="edge")[1:, 1:, 1:].copy()
        moved[-1] = 0
        with torch.no_grad():
            misfit = network.project_back(network.project(before) - msi)
            misfit += network.blur_back(network.blur(before) - hsi)
            after, _ = network(hsi, msi, before)
        expected = image - 2 * 0.25 * (misfit[0].numpy() + 0.5 * (image - moved))
        np.testing.assert_allclose(after[0], expected, rtol=1e-4, atol=1e-5)

    @pytest.mark.parametrize(("ratio", "kernels"), [(2, [4]), (3, [5]), (4, [6]), (8, [12]), (16, [6, 6])])
    def test_kernels_of_the_sensor(self, ratio, kernels):
        network = small("dhif-net", ratio=ratio)
        for layers in (network.blur, network.blur_back):
            assert [layer.kernel_size[0] for layer in layers if hasattr(layer, "kernel_size")] == kernels

    def test_steps_and_priors_start_where_published(self):
        network = small("dhif-net", stages=400, widths=(1, 1))
        for values, mean in ((network.step_sizes, 0.1), (network.prior_weights, 1.0)):
            assert values.mean().item() == pytest.approx(mean, abs=0.003)
            assert values.std().item() == pytest.approx(0.01, rel=0.15)


class TestSSRNet:
    @pytest.mark.parametrize(
        ("hsi_bands", "msi_bands", "places"),
        [(172, 4, [0, 57, 114, 171]), (31, 3, [0, 15, 30]), (5, 5, [0, 1, 2, 3, 4]), (6, 1, [5])],
    )
    def test_places_of_the_msi_bands(self, hsi_bands, msi_bands, places):
        assert inserted(hsi_bands, msi_bands) == places

    def test_the_message_is_inserted(self):
        """Convolutions that change nothing, or say nothing, leave the interpolated HSI with the MSI's bands in it."""
        network, (hsi, msi) = small("ssrnet", (7, 3)), pair((7, 3))
        for layer in (network.fuse, network.spatial, network.spectral):
            torch.nn.init.zeros_(layer.weight)
            torch.nn.init.zeros_(layer.bias)
        torch.nn.init.dirac_(network.fuse.weight)
        expected = upsampled("ssrnet", hsi, msi)
        expected[:, 0], expected[:, 3], expected[:, 6] = msi[:, 0], msi[:, 1], msi[:, 2]
        torch.testing.assert_close(network(hsi, msi)[0], expected)
        torch.nn.init.dirac_(network.spatial.weight)
        torch.nn.init.dirac_(network.spectral.weight)
        estimate, early = network(hsi, msi)
        torch.testing.assert_close(early, 2 * expected)
        torch.testing.assert_close(estimate, 4 * expected)
