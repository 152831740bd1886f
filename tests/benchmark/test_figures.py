"""Figures show what the rows say, and can be read: the numbers drawn are worked by hand, no text covers another."""

import math
import random
from itertools import combinations
from unittest import mock

import numpy as np
import pytest
from made_up_rows import cost, failure, point, score, write
from matplotlib.colors import to_hex
from matplotlib.text import Text

from csakd.benchmark.rendering.drawing import SMALLEST, blank, look_of, plain_log, styled
from csakd.benchmark.rendering.figures import figures, render_figures
from csakd.benchmark.rendering.learning_curves import (
    convergence_figure,
    convergence_points,
    curve_of,
    mean_curve,
    one_pair_figure,
    one_pair_points,
)
from csakd.benchmark.rendering.lineup import LINEUP
from csakd.benchmark.rendering.looks import Look
from csakd.benchmark.rendering.name_tags import Tag, place_tags
from csakd.benchmark.rendering.robustness import attention_figure, robustness_figure
from csakd.benchmark.rendering.trade_off import spots, trade_off_figure

FEW = "12 steps: too few to mean anything"
NAIVE = "losses.sam=0,losses.beba=0,losses.kd=0"


def lines(axes):
    """x and y of every line that has a label, by label."""
    return {line.get_label(): (list(line.get_xdata()), list(line.get_ydata()))
            for line in axes.get_lines() if not line.get_label().startswith("_")}  # fmt: skip


def said(figure):
    return " ".join(text.get_text() for text in figure.texts)


# Noise


def noisy(name, psnr, levels=(25, 30, ""), study="robustness", both=True, **changes):
    """PSNR as given and one dB more a level, SAM a tenth of it."""
    changes["study"] = study
    return [score(name, hsi_snr=snr, msi_snr=snr if both else "", psnr=psnr + n, sam=(psnr + n) / 10, **changes)
            for n, snr in enumerate(levels)]  # fmt: skip


def test_robustness_draws_means_and_the_clean_end():
    rows = [*noisy("glp", 20, scene="lake"), *noisy("glp", 24, scene="city"),
            *noisy("hyper", 30, scene="lake"), *noisy("hyper", 30, scene="city")]  # fmt: skip
    figure = robustness_figure(rows, "both")
    psnr, sam = figure.axes
    assert lines(psnr) == {"GLP-HS": ([25, 30], [22, 23]), "hyper": ([25, 30], [30, 31])}
    assert lines(sam)["GLP-HS"][1] == pytest.approx([2.2, 2.3])
    assert [tick.get_text() for tick in psnr.get_xticklabels()] == ["25", "30", "clean"]
    ends = [(line.get_xdata()[-1], line.get_ydata()[-1]) for line in psnr.get_lines() if line.get_xdata()[-1] > 30]
    assert sorted(set(ends)) == [(37.5, 24), (37.5, 32)]
    assert "noise on both images" in said(figure)


def test_noise_on_the_hsi_alone_is_another_figure():
    rows = [*noisy("glp", 20), *noisy("glp", 40, levels=(25, 30), both=False)]
    assert lines(robustness_figure(rows, "hsi").axes[0]) == {"GLP-HS": ([25, 30], [40, 41])}


def test_incomplete_means_are_left_out_and_named():
    rows = [*noisy("glp", 20, scene="lake"), *noisy("glp", 20, scene="city"), *noisy("hyper", 30, scene="lake"),
            *noisy("hyper", 30, levels=(25,), scene="city"), failure("hyper", "no", study="robustness", scene="city",
                                                                     hsi_snr=30, msi_snr=30),
            *[failure("cnmf", "no", study="robustness", scene="lake", hsi_snr=25, msi_snr=25)]]  # fmt: skip
    drawn = lines(robustness_figure(rows, "both").axes[0])
    assert drawn.keys() == {"GLP-HS", "hyper (incomplete)"}
    assert drawn["hyper (incomplete)"] == ([25], [30])


def test_short_trainings_are_flagged():
    figure = robustness_figure(noisy("student@snr=35", 20, note=FEW), "both")
    assert list(lines(figure.axes[0])) == ["Student †"]
    assert "† too few steps" in said(figure)


def test_with_and_without_attention():
    rows = [*noisy("student@snr=35", 30, study="attention"),
            *noisy("student@snr=35,options.fusion=sum", 20, study="attention"),
            *noisy("student@snr=35", 40, study="attention", levels=(25, 30), both=False)]  # fmt: skip
    figure = attention_figure(rows)
    assert [axes.get_title() for axes in figure.axes] == ["noise on the LR-HSI"] * 2 + ["noise on both images"] * 2
    assert lines(figure.axes[2]) == {
        "Student: with CSA": ([25, 30], [30, 31]), "Student: without (sum)": ([25, 30], [20, 21])
    }  # fmt: skip
    assert lines(figure.axes[0])["Student: with CSA"] == ([25, 30], [40, 41])


def test_a_method_looks_the_same_everywhere():
    for name, one in LINEUP.items():
        assert (look_of(name)["color"], look_of(name)["marker"]) == (one.colour, one.marker)
    assert look_of("student@snr=35") == look_of("student")
    assert look_of("student+hyper")["color"] == look_of("student")["color"]
    assert look_of("student+hyper")["ls"] != look_of("student")["ls"]


# Cost


def quality():
    rows = [score("bicubic", psnr=25, scene=scene, fuse_seconds=0.1) for scene in ("lake", "city")]
    rows += [score("hyper", psnr=psnr, scene=scene, fuse_seconds=0.1) for psnr, scene in ((40, "lake"), (42, "city"))]
    rows += [score("usdn", psnr=30, scene=scene, learn_seconds=seconds, budget="180s")
             for seconds, scene in ((180, "lake"), (200, "city"))]  # fmt: skip
    rows += [score("student", psnr=35, fuse_seconds=2, learn_seconds=300, budget="300s")]  # no city
    return rows


COSTS = [cost("bicubic", seconds=0.01, peak_mb=100), cost("hyper", seconds=0.4, peak_mb=400),
         cost("usdn", seconds="", peak_mb=""), cost("student", seconds=2, peak_mb=800)]  # fmt: skip


def test_quality_against_time_and_memory():
    found = {spot.name: (spot.seconds, spot.psnr, spot.megabytes) for spot in spots(quality(), COSTS)}
    assert found == {"bicubic": (0.01, 25, 100), "hyper": (0.4, 41, 400), "uSDN": (190, 30, None)}
    figure = trade_off_figure(quality(), COSTS)
    drawn = {to_hex(dots.get_edgecolor()[0]): (dots.get_offsets().tolist(), dots.get_sizes()[0])
             for dots in figure.axes[0].collections}  # fmt: skip
    (small_at, small), (large_at, large) = (
        drawn[LINEUP["bicubic"].colour.lower()],
        drawn[LINEUP["hyper"].colour.lower()],
    )
    assert (small_at, large_at) == ([[0.01, 25]], [[0.4, 41]])
    assert large / small == pytest.approx(4), "areas are as memory"
    assert "without a time or a score on every scene: Student." in said(figure)
    assert figure.axes[0].get_xscale() == "log"


def test_who_is_below_the_panel_is_named_and_takes_no_room():
    rows = [*quality(), *[score("mssjfl", psnr=-18, scene=scene) for scene in ("lake", "city")]]
    figure = trade_off_figure(rows, [*COSTS, cost("mssjfl", seconds=2, peak_mb=9000)])
    assert "Below the panel: MSSJFL" in said(figure)
    assert figure.axes[0].get_ylim() == trade_off_figure(quality(), COSTS).axes[0].get_ylim()


def test_sizes_in_the_legend_are_those_of_the_circles():
    axes = trade_off_figure(quality(), COSTS).axes[0]
    legend = axes.get_legend()
    areas = {text.get_text(): handle.get_markersize() ** 2
             for text, handle in zip(legend.get_texts(), legend.legend_handles, strict=True)}  # fmt: skip
    circle = max(dots.get_sizes()[0] for dots in axes.collections)  # 400 MB
    assert areas == pytest.approx({f"{size} MB": circle * size / 400 for size in (30, 100, 300)})


@pytest.mark.parametrize("seed", range(3))
def test_names_in_a_crowd_cover_nothing(seed):
    """Thirty methods, most of them close together: no name on another, on a circle or off the panel."""
    chance = random.Random(seed)
    radii = (2, 4, 8, 15)
    tags = [Tag(math.exp(chance.gauss(0, 1.5)), chance.gauss(35, 4), chance.choice(radii), f"Method {n} on hyper")
            for n in range(30)]  # fmt: skip
    axes = crowded(tags).axes[0]
    frame = axes.get_window_extent()
    boxes = [text.get_window_extent() for text in axes.texts]
    pixels = axes.figure.dpi / 72
    for one, other in combinations(boxes, 2):
        assert not one.overlaps(other)
    for box in boxes:
        assert frame.x0 <= box.x0 < box.x1 <= frame.x1
        assert frame.y0 <= box.y0 < box.y1 <= frame.y1
        for tag in tags:
            x, y = axes.transData.transform((tag.x, tag.y))
            away = math.dist((x, y), (min(max(x, box.x0), box.x1), min(max(y, box.y0), box.y1)))
            assert away >= tag.radius * pixels - 1e-6


@styled
def crowded(tags):
    figure = blank(7, 5, "")
    axes = figure.subplots()
    axes.set_xscale("log")
    plain_log(axes.xaxis)
    axes.scatter([tag.x for tag in tags], [tag.y for tag in tags], s=[(2 * tag.radius) ** 2 for tag in tags])
    axes.margins(0.15)
    figure.draw_without_rendering()
    figure.set_layout_engine("none")
    place_tags(axes, tags)
    return figure


# Curves


def run(method, values, loss, role="student", **changes):
    """A training's curve as the bench keeps it."""
    made = [
        point(method, f"{role}/psnr", 25 * n, value, study="losses", **changes) for n, value in enumerate(values, 1)
    ]
    return made + [
        point(method, "mean/loss", 25 * n, value, study="losses", **changes) for n, value in enumerate(loss, 1)
    ]


def test_convergence_with_and_without_the_proposed_losses():
    curves = [*run("student", [20, 30], [0.5, 0.1]), *run("teacher", [22, 33], [0.5, 0.1], "teacher")]
    curves += [*run(f"student@{NAIVE}", [10, 15], [0.4, 0.2]), *run("student@losses.sam=0.5", [1, 2], [9, 9])]
    points = convergence_points(curves)
    assert {row["method"] for row in points} == {"student", "teacher", f"student@{NAIVE}"}
    loss, psnr = convergence_figure(points).axes
    assert lines(psnr) == {
        "Teacher, proposed losses": ([25, 50], [22, 33]), "Student, proposed losses": ([25, 50], [20, 30]),
        "Student, naive losses": ([25, 50], [10, 15]),
    }  # fmt: skip
    assert [list(line.get_ydata()) for line in loss.get_lines()] == [[0.5, 0.1], [0.4, 0.2]], "a shared run once"


def test_every_seed_is_drawn_and_named_once():
    points = [*run("student", [20, 30], [0.5, 0.1]), *run("student", [21, 31], [0.4, 0.2], seed=1)]
    _, psnr = convergence_figure(points).axes
    assert len(psnr.get_lines()) == 2
    assert len(lines(psnr)) == 1


def pair(scene, *points, method="usdn", step=1, **changes):
    return [point(method, "psnr", step * n, value, seconds, scene=scene, **changes)
            for n, (seconds, value) in enumerate(points, 1)]  # fmt: skip


def test_learning_from_one_pair():
    curves = [
        *pair("lake", (1, 10), (3, 20), (5, 30)),
        *pair("city", (2, 20), (4, 40)),
        *pair("beach", (1, 99), (9, 99)),
    ]
    scores = [score("bicubic", scene="lake", psnr=20), score("bicubic", scene="city", psnr=30),
              score("bicubic", scene="beach", split="validation", psnr=70)]  # fmt: skip
    points = one_pair_points(curves, scores)
    figure = one_pair_figure(points, scores)
    drawn = lines(figure.axes[0])
    # From 2 to 4 s both last: (15 + 20) / 2, (20 + 30) / 2, (25 + 40) / 2.
    assert drawn["uSDN"] == ([2, 3, 4], [17.5, 25, 32.5])
    assert drawn["bicubic, mean"][1] == [25, 25]
    assert "Thin: 2 test scenes" in said(figure)


def test_without_test_scenes_the_others_are_shown():
    scores = [score("bicubic", scene="lake", split="validation")]
    points = one_pair_points(pair("lake", (1, 10), (2, 20)), scores)
    assert "1 validation scene;" in said(one_pair_figure(points, scores))


def test_points_without_numbers_are_left_out():
    points = pair("lake", (1, 1), (2, ""), ("", 3), (4, 4))
    assert curve_of(points, by="seconds") == [(1, 1), (4, 4)]
    assert curve_of(points) == [(1, 1), (3, 3), (4, 4)]


def test_budgets_are_curves_of_their_own():
    curves = [*pair("lake", (1, 10), (3, 20), budget="3s"), *pair("lake", (1, 10), (9, 30), budget="9s")]
    axes = one_pair_figure(curves, [score("bicubic", scene="lake")]).axes[0]
    assert [list(line.get_ydata()) for line in axes.get_lines()][:2] == [[10, 20], [10, 30]]


def test_a_mean_reaches_no_further_than_its_curves():
    assert mean_curve([[(1, 0.0), (2, 2.0)], [(1, 2.0), (4, 8.0)]]) == [(1, 1.0), (2, 3.0)]
    assert mean_curve([[(1, 1.0)], [(2, 1.0)]]) == []
    assert mean_curve([[], [(1, 1.0)]]) == []


# Looks


def look(method, error=1.0, size=(20, 30), **changes):
    ramp = error * np.linspace(0.1, 1, size[0] * size[1], dtype=np.float32).reshape(size)
    given = {"msi": "tm4", "scene": "lake", "rgb": np.full((*size, 3), 90, np.uint8), "residual": ramp, **changes}
    return Look(method=method, **given)


def everything():
    rows = []
    names = [*LINEUP, "student+hyper", "mssjfl+hyper", "evil_$net$ & co"]
    for msi in ("tm4", "tm6"):
        for n, name in enumerate(names):
            made = {"msi": msi, "psnr": 25 + 0.7 * n, "fuse_seconds": 1}
            if name in ("usdn", "cucanet", "u2mdn"):
                made |= {"fuse_seconds": "", "learn_seconds": 170 + n}
            rows += [score(name, scene=scene, **made) for scene in ("lake", "city")]
        for n, name in enumerate(
            ("bicubic", "glp", "hyper", "pzresnet@snr=35", "student@snr=35", "mini-student+hyper@snr=35")
        ):
            rows += [*noisy(name, 20 + n, msi=msi), *noisy(name, 22 + n, (25, 30), both=False, msi=msi)]
        rows += noisy("student@snr=35", 30, study="attention", msi=msi)
        rows += noisy("student@snr=35,options.fusion=sum", 28, study="attention", msi=msi)
    costs = [cost(name, seconds=0.01 * 1.5**n, peak_mb=50 * 1.2**n) for n, name in enumerate(names)]
    curves = [*run("student", [20, 30], [0.5, 0.1]), *run(f"student@{NAIVE}", [10, 15], [0.4, 0.2])]
    curves += [row for msi in ("tm4", "tm6") for name in ("usdn", "cucanet") for scene in ("lake", "city")
               for row in pair(scene, (1, 10), (30, 20), (170, 30), method=name, msi=msi)]  # fmt: skip
    looks = [look(name, 1 + n, msi=msi) for msi in ("tm4", "tm6") for n, name in enumerate(["truth", *names])]
    return rows, curves, costs, looks


NAMES = ["figure5", "figure5-tm6", "figure6", "figure7", "figure8", "figure9", "figure12", "figure12-tm6", "figure10",
         "figure11", "one-pair"]  # fmt: skip


@pytest.fixture(scope="module")
def drawn():
    return {name: draw() for name, _, draw in figures(*everything())}


def test_every_figure_of_the_paper_is_there(drawn):
    assert list(drawn) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_text_can_be_read(drawn, name):
    """At 8 points or more, whole on the paper, and none on another."""
    figure = drawn[name]
    boxes = [(text.get_window_extent(), text) for text in drawn_texts(figure)]
    paper = figure.bbox
    assert len(boxes) > 5
    assert min(text.get_fontsize() for _, text in boxes) >= SMALLEST >= 8
    for box, text in boxes:
        assert box.x0 >= -1, text.get_text()
        assert box.y0 >= -1, text.get_text()
        assert box.x1 <= paper.x1 + 1, text.get_text()
        assert box.y1 <= paper.y1 + 1, text.get_text()
    for (one, first), (other, second) in combinations(boxes, 2):
        across = min(one.x1, other.x1) - max(one.x0, other.x0)
        up = min(one.y1, other.y1) - max(one.y0, other.y0)
        assert across <= 1 or up <= 1, f"{first.get_text()!r} and {second.get_text()!r}"


def drawn_texts(figure):
    """Those that matplotlib puts on paper, rather than all it keeps."""
    found = []

    def record(text, renderer):
        if text.get_visible() and text.get_text().strip() not in ("", "//"):
            found.append(text)

    with mock.patch.object(Text, "draw", record):
        figure.draw_without_rendering()
    return found


@pytest.mark.parametrize("name", NAMES)
def test_no_figure_is_wider_than_a_page(drawn, name):
    assert drawn[name].get_figwidth() <= 7.16


def test_rendered_to_files(tmp_path):
    write(tmp_path / "scores.csv", [*quality(), *noisy("glp", 20)])
    write(tmp_path / "curves.csv", run("student", [20, 30], [0.5, 0.1]))
    write(tmp_path / "cost.csv", COSTS)
    (tmp_path / "looks").mkdir()
    for one in (look("truth", 0), look("bicubic")):
        np.savez(tmp_path / "looks" / f"{one.method}.npz", **vars(one))
    named = []
    written = render_figures(tmp_path, tmp_path / "out", named.append)
    assert [path.name for path in written] == ["figure5.png", "figure7.png", "figure10.png", "figure11.png"]
    assert [line.split(":")[0] for line in named] == ["figure6", "figure12", "one-pair"]
    for path in written:
        header = path.read_bytes()[:24]
        assert header.startswith(b"\x89PNG\r\n\x1a\n")
        assert int.from_bytes(header[16:20]) == pytest.approx(7.16 * 200, abs=1), "200 dots an inch"


def test_an_empty_folder_gives_nothing_and_says_so(tmp_path):
    named = []
    assert render_figures(tmp_path, tmp_path / "out", named.append) == []
    assert [line.split(":")[0] for line in named] == [
        "figure5", "figure6", "figure7", "figure12", "figure10", "figure11", "one-pair"
    ]  # fmt: skip
    assert not (tmp_path / "out").exists()


def test_mistakes(tmp_path):
    with pytest.raises(ValueError, match="give one that csakd bench has written"):
        render_figures(tmp_path / "nowhere", tmp_path)
