"""Tables as Markdown, LaTeX and pictures: whole, escaped, readable, and all of them from a folder of results."""

import re
from dataclasses import replace
from itertools import combinations

import pytest
from made_up_rows import cost, failure, losses, noisy, score, sensors, write

from csakd.benchmark.rendering.latex import LONG, escaped
from csakd.benchmark.rendering.picture import LONGEST, RAISED, Sheet
from csakd.benchmark.rendering.table_one import table_one, table_one_scenes
from csakd.benchmark.rendering.tables import quality_rows, render_tables
from csakd.benchmark.rendering.typeset import Cell, Column, Line, Table

FEW = "12 steps: too few to mean anything"
NAIVE = "losses.kd=0,losses.beba=0.0,losses.sam=0"


def test_own_bands_make_a_table_of_their_own():
    rows = [score("glp", bands="aviris-172", psnr=1), score("glp", bands="own", psnr=2),
            score("glp", split="validation", psnr=3), score("glp", study="losses", psnr=4),
            score("glp", hsi_snr="25", psnr=5)]  # fmt: skip
    assert [row["psnr"] for row in quality_rows(rows, "test")] == ["1"]
    assert [row["psnr"] for row in quality_rows(rows, "test", own_bands=True)] == ["2"]
    assert [row["psnr"] for row in quality_rows(rows, "validation")] == ["3"]
    assert [row["psnr"] for row in quality_rows(rows[1:2], "test")] == ["2"], "of a protocol without bands"
    assert quality_rows(rows[1:2], "test", own_bands=True) == []


# Rendering

NASTY = r"RuntimeError: 100% of $HOME_DIR & C:\temp {x}^2 ~ #3 | <b> *bold* [0] “quoted” naïve °"


def everything():
    """Rows for every table, among them some that try to break the printer."""
    rows = []
    for msi in ("tm4", "tm6"):
        for name in ("bicubic", "hyper", "usdn", "mssjfl", "mssjfl+hyper", "student", "evil_net&co"):
            rows += [
                score(name, msi=msi, scene=scene, psnr=30 + len(name), budget="300s") for scene in ("lake", "city")
            ]
            rows.append(score(name, msi=msi, scene="bay", split="validation"))
        rows += [failure("ssrnet", NASTY, msi=msi, scene=scene, budget="300s") for scene in ("lake", "city")]
        rows += [score("teacher", msi=msi, scene=scene, note=FEW, budget="300s") for scene in ("lake", "city")]
        rows.append(score("hyper", msi=msi, bands="own"))
        rows += [*noisy("glp", msi=msi), *noisy("student@snr=35", both=False, msi=msi)]
    rows += [losses("student", 35), losses(f"student@{NAIVE}", 20), losses("[x]@losses.sam=0.5", 3)]
    rows += [score("student@options.joint_low=2", study="depths"), score("student", study="depths")]
    for split in ("test", "validation"):
        for snr in ("", "35"):
            rows += sensors("hyper", split=split, hsi_snr=snr, msi_snr=snr)
            rows += [
                row
                for seed in (0, 1)
                for row in sensors("universal-alone", split=split, hsi_snr=snr, msi_snr=snr, seed=seed)
            ]
    return rows, [cost("student", parameters=7449946, gmacs=144.9), cost("mssjfl", parameters=1e6, note=NASTY)]


NAMES = ["table1", "table1-own", "table1-validation", "table1-metrics", "table1-scenes", "cost", "table2-hsi-tm4",
         "table2-both-tm4", "table2-hsi-tm6", "table2-both-tm6", "sensors", "sensors-35", "seeds", "sensors-validation",
         "sensors-35-validation", "seeds-validation", "table3", "table4"]  # fmt: skip


@pytest.fixture(scope="module")
def rendered(tmp_path_factory):
    folder = tmp_path_factory.mktemp("results")
    scores, costs = everything()
    write(folder / "scores.csv", scores)
    write(folder / "cost.csv", costs)
    said = []
    written = render_tables(folder, folder / "out" / "deep", said.append)
    assert said == []
    return folder / "out" / "deep", written


def test_every_table_in_three_forms(rendered):
    folder, written = rendered
    assert written == [folder / f"{name}.{suffix}" for name in NAMES for suffix in ("md", "tex", "png")]
    assert sorted(folder.iterdir()) == sorted(written)
    for path in folder.glob("*.png"):
        assert path.read_bytes().startswith(b"\x89PNG\r\n\x1a\n")


@pytest.mark.parametrize("name", NAMES)
def test_markdown_has_as_many_cells_in_every_row(rendered, name):
    text = (rendered[0] / f"{name}.md").read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if line.startswith("|")]
    assert len(lines) > 2
    assert len({len(re.sub(r"\\.", "", line).split("|")) for line in lines}) == 1
    assert "<b>" not in text


COMMANDS = """begin end centering caption resizebox ifdim width textwidth else fi toprule midrule bottomrule cmidrule
    multicolumn textit textbf underline textsuperscript addlinespace par smallskip noindent footnotesize endfirsthead
    endhead endfoot textbackslash textasciitilde textasciicircum textless textgreater textbar ldots times uparrow
    downarrow dagger star diamond lambda mu sigma alpha beta circ pm cdot infty to"""


def check_latex(text):
    """A reader of our own: balanced, plain ASCII, known commands, every special escaped, rows as wide as the table."""
    assert text.isascii()
    comment, body = text.split("\n", 1)
    assert comment.startswith("% Needs \\usepackage{booktabs,")
    assert re.search(r"(?<!\\)[#~](?!\\textsuperscript)", re.sub(r"\}~", "}", body)) is None
    assert re.findall(r"(?<!\\)%", body) in ([], ["%"]), "one, to end the line of \\resizebox"
    assert set(re.findall(r"\\([A-Za-z]+)", body)) <= set(COMMANDS.split())
    plain = re.sub(r"\\[\\{}%&_#$]", "", body)
    depth = 0
    for character in plain:
        depth += {"{": 1, "}": -1}.get(character, 0)
        assert depth >= 0
    assert depth == 0
    maths = re.findall(r"\$[^$]*\$", plain)
    assert plain.count("$") == 2 * len(maths)
    assert not re.search(r"[_^]", re.sub(r"\$[^$]*\$", "", plain)), "sub- and superscripts stand in maths"
    stack = []
    for kind, name in re.findall(r"\\(begin|end)\{(\w+\*?)\}", body):
        if kind == "begin":
            stack.append(name)
        else:
            assert stack.pop() == name
    assert stack == []
    layout = re.search(r"\\begin\{(?:tabular|longtable)\}\{(l r*|lr*)\}", body)[1]
    for row in re.findall(r"^(.*) \\\\$", body, re.MULTILINE):
        spans = [int(span) for span in re.findall(r"\\multicolumn\{(\d+)\}", row)]
        cells = len(re.findall(r"(?<!\\)&", row)) + 1
        assert cells - len(spans) + sum(spans) == len(layout), row


@pytest.mark.parametrize("name", NAMES)
def test_latex_is_whole(rendered, name):
    text = (rendered[0] / f"{name}.tex").read_text(encoding="utf-8")
    check_latex(text)
    assert "\\begin{tabular}" in text


def test_latex_of_maths_by_another_reader(rendered):
    """Second source: matplotlib's own parser of TeX takes every formula."""
    from matplotlib.mathtext import MathTextParser

    parser = MathTextParser("path")
    formulas = {formula for path in rendered[0].glob("*.tex")
                for formula in re.findall(r"(?<!\\)\$[^$]*\$", path.read_text())}  # fmt: skip
    assert len(formulas) > 5
    for formula in formulas:
        parser.parse(formula)


def test_latex_of_what_has_no_ascii_form():
    assert escaped("naïve 中 𝛼 λ₁ 5–6") == "naive ? ? $\\lambda$$_1$ 5--6"


def test_a_table_too_long_for_a_page_breaks():
    table = table_one_scenes([score("glp", scene=f"s{n}") for n in range(LONG + 1)])
    check_latex(table.to_latex())
    assert "\\begin{longtable}" in table.to_latex()


def test_a_table_too_long_for_a_picture_is_read_elsewhere(tmp_path):
    write(tmp_path / "scores.csv", [score("glp", scene=f"s{n}") for n in range(LONGEST + 1)])
    said = []
    written = {path.name for path in render_tables(tmp_path, tmp_path, said.append)}
    assert {"table1.png", "table1-scenes.md", "table1-scenes.tex"} <= written
    assert "table1-scenes.png" not in written
    assert f"table1-scenes.png: left out, {LONGEST + 1} rows are no picture" in said
    with pytest.raises(ValueError, match="read its Markdown"):
        table_one_scenes([score("glp", scene=f"s{n}") for n in range(LONGEST + 1)]).to_png(tmp_path / "no.png")


def quality_table():
    scores, costs = everything()
    return table_one([row for row in scores if row["study"] == "quality" and row["split"] == "test"], costs)


def wide_headings():
    columns = (Column("name"), Column("a", "a heading far wider than"), Column("b", "the column that it stands above"))
    return Table("Title", "Caption.", columns, (Line((Cell("x"), Cell("1", notes="a,b,c"), Cell("2", in_table=1))),))


@pytest.mark.parametrize("table", [quality_table, wide_headings])
def test_in_pictures_no_text_covers_another_or_leaves_the_paper(table):
    figure = Sheet(table()).figure()
    figure.set_dpi(200)
    renderer = figure.canvas.get_renderer()
    texts = [text for text in figure.axes[0].texts if text.get_text().strip()]
    assert len(texts) > 10
    assert min(text.get_fontsize() for text in texts) == RAISED >= 8
    boxes = [text.get_window_extent(renderer) for text in texts]
    for box in boxes:
        assert min(box.x0, box.y0) >= 0
        assert box.x1 <= figure.bbox.x1
        assert box.y1 <= figure.bbox.y1
    for (one, first), (other, second) in combinations(zip(boxes, texts, strict=True), 2):
        across = min(one.x1, other.x1) - max(one.x0, other.x0)
        up = min(one.y1, other.y1) - max(one.y0, other.y0)
        assert across <= 3 or up <= 3, f"{first.get_text()!r} and {second.get_text()!r}"


def test_long_words_are_cut_rather_than_lost(tmp_path):
    table = replace(table_one([score("glp")]), notes=(("a", "x" * 3000),))
    sheet = Sheet(table)
    assert "".join(run.text for line in sheet.notes for run in line if not run.raised) == "x" * 3000
    assert all(sum(run.width for run in line) <= sheet.width for line in sheet.notes)


# What is missing


def test_an_empty_folder_gives_nothing_and_says_so(tmp_path):
    said = []
    assert render_tables(tmp_path, tmp_path / "out", said.append) == []
    assert [line.split(":")[0] for line in said] == [
        "table1", "table1-own", "table1-validation", "table1-metrics", "table1-scenes", "cost", "table2-hsi-tm4",
        "table2-both-tm4", "sensors", "seeds", "sensors-validation", "seeds-validation", "table3", "table4",
    ]  # fmt: skip
    assert not (tmp_path / "out").exists()


def test_costs_alone(tmp_path):
    write(tmp_path / "cost.csv", [cost("glp")])
    written = render_tables(tmp_path, tmp_path, lambda line: None)
    assert [path.name for path in written] == ["cost.md", "cost.tex", "cost.png"]


def test_mistakes(tmp_path):
    with pytest.raises(ValueError, match="give one that csakd bench has written"):
        render_tables(tmp_path / "nowhere", tmp_path)
    (tmp_path / "scores.csv").write_text("name,age\nanna,7\n")
    with pytest.raises(ValueError, match="its columns differ"):
        render_tables(tmp_path, tmp_path)


def test_a_table_without_notes_or_groups():
    table = Table("Title", "Caption.", (Column("name"), Column("a|b")), (Line((Cell("x_1"), Cell("1"))),))
    assert table.to_markdown() == "## Title\n\nCaption.\n\n| name | a\\|b |\n| --- | ---: |\n| x_1 | 1 |\n"
    check_latex(table.to_latex())
