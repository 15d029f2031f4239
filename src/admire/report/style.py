"""The common style of all figures: colours that colour-blind readers can distinguish, labels readable at half a page's width."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import matplotlib.ticker

from admire.trials.atomic_files import write_bytes

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Okabe and Ito's palette. The colours also differ in lightness, for print in black and white.
RECOMMENDED = "#0072B2"
LIGHT = "#7FB5D8"  # a lighter shade of the same blue, as a background for other marks
PRIOR = "#D55E00"
FAILED = "#CC3311"
FINAL = "#E69F00"
INK = "#222222"
QUIET = "#8A8A8A"
FAINT = "#DDDDDD"
# The colours of many lines in one picture.
LINES = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#222222", "#8A8A8A")

WIDTH = 6.0  # inches; printed at half a page's width, its labels of 10 points are still readable

SETTINGS: dict[Any, Any] = {
    "figure.dpi": 110,
    "savefig.dpi": 200,
    "figure.constrained_layout.w_pad": 0.08,
    "figure.constrained_layout.h_pad": 0.08,
    "font.family": "DejaVu Sans",
    "font.size": 10,
    "axes.titlesize": 10,
    "axes.titlelocation": "left",
    "axes.labelsize": 10,
    "axes.edgecolor": QUIET,
    "axes.labelcolor": INK,
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "xtick.color": QUIET,
    "ytick.color": QUIET,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "text.color": INK,
    "text.parse_math": False,  # or a dollar sign in a name or unit would begin a formula
    "legend.frameon": False,
    "legend.fontsize": 9,
    "lines.linewidth": 1.6,
    "svg.hashsalt": "admire",  # a fixed salt makes the same figure the same bytes
}


@contextlib.contextmanager
def figure(height: float, columns: int = 1, width: float = WIDTH) -> Iterator[tuple[Figure, list[Axes]]]:
    """A figure in the common style with `columns` axes side by side; it is closed at the end of the `with` block.

    Args:
        height, width: in inches.
    """
    with plt.rc_context(SETTINGS):
        made, axes = plt.subplots(1, columns, figsize=(width, height), layout="constrained", squeeze=False)
        try:
            yield made, list(axes[0])
        finally:
            plt.close(made)


def save(made: Figure, folder: Path, name: str) -> Path:
    """Write `<name>.svg` and `<name>.png` into `folder`; returns the SVG."""
    for suffix in ("png", "svg"):
        content = io.BytesIO()
        made.savefig(content, format=suffix, metadata={"Date": None} if suffix == "svg" else None)
        write_bytes(folder / f"{name}.{suffix}", content.getvalue())
    return folder / f"{name}.svg"


def size_colours(m: int) -> list[str]:
    """Colours of `m` model sizes, cheapest first: shades of one hue, darker for more expensive sizes."""
    blues = matplotlib.colormaps["Blues"]
    return [matplotlib.colors.to_hex(blues(0.35 + 0.6 * i / max(m - 1, 1))) for i in range(m)]


def line_of(i: int) -> tuple[str, str]:
    """Colour and line style of the `i`-th of many lines: eight solid colours, then the same ones dashed, then dotted."""
    return LINES[i % len(LINES)], ("-", "--", ":")[i // len(LINES) % 3]


def budget_line(ax: Axes, total: float) -> None:
    """Mark the end of the budget, at cost `total`, on an x axis of cost."""
    ax.axvline(total, color=QUIET, linewidth=1, linestyle=(0, (4, 3)))
    place: dict[str, Any] = {"xycoords": ("data", "axes fraction"), "xytext": (-4, -2), "textcoords": "offset points"}
    ax.annotate("budget", (total, 1), **place, ha="right", va="top", color=QUIET, fontsize=9)


class _PlainPowers(matplotlib.ticker.LogFormatter):
    """Tick labels of a logarithmic axis as plain numbers: matplotlib's powers are formulas, and `SETTINGS` disables formulas."""

    def __call__(self, x: float, pos: int | None = None) -> str:
        return f"{x:g}" if super().__call__(x, pos) else ""


def cost_axis(ax: Axes, label: str) -> None:
    """Make the x axis a logarithmic axis of costs."""
    ax.set(xscale="log", xlabel=label)
    ax.xaxis.set_major_formatter(_PlainPowers())
    ax.xaxis.set_minor_formatter(_PlainPowers(minor_thresholds=(1, 0.4)))


def note(ax: Axes, text: str) -> None:
    """Replace axes by a text that says why there is nothing to draw."""
    ax.set_axis_off()
    ax.text(0.5, 0.5, text, transform=ax.transAxes, ha="center", va="center", color=QUIET, wrap=True)
