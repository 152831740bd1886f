r"""Tables as LaTeX: booktabs; graphicx shrinks what is too wide, longtable breaks what is too long.

ASCII only, every special character escaped: what is written compiles whatever the cells hold.
"""

from __future__ import annotations

import unicodedata
from itertools import groupby

from csakd.benchmark.rendering.typeset import DIAMOND, STAR, Cell, Column, Table

LONG = 60  # rows that no longer fit a page

_PRINTED = {
    "\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}",
    **{special: f"\\{special}" for special in "%&_#$"},
    "<": r"\textless{}", ">": r"\textgreater{}", "|": r"\textbar{}", '"': "''",
    "[": "{[}", "]": "{]}", "*": "{*}",  # not what \\ takes for an option
    "–": "--", "—": "---", "−": "$-$", "×": r"$\times$", "·": r"$\cdot$", "°": r"$^\circ$", "±": r"$\pm$",
    "²": "$^2$", "³": "$^3$", "⁶": "$^6$", "⁹": "$^9$", "∞": r"$\infty$", "→": r"$\to$", "…": r"\ldots{}",
    "↑": r"$\uparrow$", "↓": r"$\downarrow$", "†": r"$\dagger$", "’": "'",
    "α": r"$\alpha$", "β": r"$\beta$", "λ": r"$\lambda$", "μ": r"$\mu$", "σ": r"$\sigma$",
    **{lowered: f"$_{digit}$" for digit, lowered in enumerate("₀₁₂₃₄₅₆₇₈₉")},
    STAR: r"$^{\star}$", DIAMOND: r"$^{\diamond}$",
}  # fmt: skip


def latex(table: Table) -> str:
    """A float, or a longtable if it has more than `LONG` rows."""
    caption = f"\\caption{{{escaped(table.title)}. {escaped(table.caption)}}}"
    layout = "l" + "r" * (len(table.columns) - 1)
    head, body, notes = "\n".join(_head(table.columns)), "\n".join(_body(table)), _notes(table)
    if len(table.rows) > LONG:
        return (
            "% Needs \\usepackage{booktabs,longtable}.\n"
            f"\\begin{{longtable}}{{{layout}}}\n{caption}\\\\\n{head}\n\\endfirsthead\n{head}\n\\endhead\n"
            f"\\bottomrule\n\\endfoot\n{body}\n\\end{{longtable}}\n{notes}"
        )
    return (
        "% Needs \\usepackage{booktabs,graphicx}.\n"
        f"\\begin{{table*}}\n\\centering\n{caption}\n"
        "\\resizebox{\\ifdim\\width>\\textwidth\\textwidth\\else\\width\\fi}{!}{%\n"
        f"\\begin{{tabular}}{{{layout}}}\n{head}\n{body}\n\\bottomrule\n\\end{{tabular}}}}\n{notes}\\end{{table*}}\n"
    )


def _head(columns: tuple[Column, ...]) -> list[str]:
    lines = ["\\toprule"]
    if any(column.group for column in columns):
        spans, rules, first = [], [], 1
        for group, members in groupby(columns, key=lambda column: column.group):
            last = first + len(list(members)) - 1
            spans.append(f"\\multicolumn{{{last - first + 1}}}{{c}}{{{escaped(group)}}}")
            if group:
                rules.append(f"\\cmidrule(lr){{{first}-{last}}}")
            first = last + 1
        lines += [" & ".join(spans) + " \\\\", " ".join(rules)]
    return [*lines, " & ".join(escaped(column.title) for column in columns) + " \\\\", "\\midrule"]


def _body(table: Table) -> list[str]:
    lines = []
    for number, (block, rows) in enumerate(table.blocks):
        if block:
            lines += ["\\addlinespace"] * bool(number)
            lines.append(f"\\multicolumn{{{len(table.columns)}}}{{l}}{{\\textit{{{escaped(block)}}}}} \\\\")
        lines += [" & ".join(_cell(cell) for cell in row.cells) + " \\\\" for row in rows]
    return lines


def _cell(cell: Cell) -> str:
    text = ("{}", "\\textbf{{{}}}", "\\underline{{{}}}")[cell.in_block].format(escaped(cell.text))
    return text + escaped(cell.medal) + (f"\\textsuperscript{{{escaped(cell.notes)}}}" if cell.notes else "")


def _notes(table: Table) -> str:
    lines = [f"\\textsuperscript{{{mark}}}~{escaped(text)}" if mark else escaped(text) for mark, text in table.notes]
    return "".join(f"\\par\\smallskip\\noindent{{\\footnotesize {line}}}\n" for line in lines)


def escaped(text: str) -> str:
    """`text` as LaTeX prints it; a character that has no ASCII form becomes a question mark."""
    return "".join(_PRINTED.get(character) or _ascii(character) for character in " ".join(text.split()))


def _ascii(character: str) -> str:
    plain = unicodedata.normalize("NFKD", character).encode("ascii", "ignore").decode()
    return "".join(_PRINTED.get(letter, letter) for letter in plain if letter.isprintable()) or "?"
