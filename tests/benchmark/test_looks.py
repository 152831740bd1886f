"""Figure 5: pictures read in the order of the tables, errors on one scale."""

import numpy as np
import pytest

from csakd.benchmark.rendering.looks import Look, error_scale, looks_figure, read_looks

FEW = "12 steps: too few to mean anything"
NAIVE = "losses.sam=0,losses.beba=0,losses.kd=0"


def look(method, error=1.0, size=(20, 30), **changes):
    ramp = error * np.linspace(0.1, 1, size[0] * size[1], dtype=np.float32).reshape(size)
    given = {"msi": "tm4", "scene": "lake", "rgb": np.full((*size, 3), 90, np.uint8), "residual": ramp, **changes}
    return Look(method=method, **given)


def test_looks_are_read_in_order_and_what_is_none_is_named(tmp_path):
    for one in (look("student"), look("bicubic"), look("truth", 0)):
        np.savez(tmp_path / f"{one.method}.npz", **vars(one))
    (tmp_path / "broken.npz").write_bytes(b"PK\x03\x04 not really")
    np.savez(tmp_path / "other.npz", something=np.zeros(3))
    np.savez(tmp_path / "shapes.npz", **{**vars(look("glp")), "rgb": np.zeros((4, 4, 3), np.uint8)})
    named = []
    found = read_looks(tmp_path, named.append)
    assert [one.method for one in found] == ["truth", "bicubic", "student"]
    assert [line.split(":")[0] for line in named] == ["broken.npz", "other.npz", "shapes.npz"]
    assert read_looks(tmp_path / "nowhere") == []


def test_looks_share_one_scale_without_the_truth():
    looks = [look("truth", 0), look("bicubic", 10), look("hyper", 1)]
    scale = error_scale(looks)
    assert (scale.vmin, scale.vmax) == pytest.approx(5.5 * np.percentile(look("ramp", 1).residual, (1, 99)))
    figure = looks_figure(looks)
    pictures = [axes for axes in figure.axes if axes.get_images()]
    assert [axes.get_title() for axes in pictures] == ["truth", "bicubic", "", "hyper", ""]
    limits = {axes.get_images()[0].get_clim() for axes in (pictures[2], pictures[4])}
    assert limits == {(scale.vmin, scale.vmax)}
    assert figure.axes[-1].get_xlabel() == "mean absolute error over the bands, data units"


def test_a_method_that_failed_does_not_darken_the_others():
    good = [look("bicubic", 3), look("glp", 2), look("hyper", 1)]
    assert error_scale([*good, look("mssjfl", 1e6)]).vmax < 3
    assert error_scale(good).vmax == pytest.approx(2, rel=0.01)


def test_a_perfect_method_can_be_shown():
    looks_figure([look("truth", 0), look("bicubic", 0)]).draw_without_rendering()
