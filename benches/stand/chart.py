"""Charts as SVG text: horizontal bars in groups, and small multiples of lines. Readable on light and on dark pages."""

import math
from html import escape

# Told apart also by those who see fewer colours (after Okabe and Ito); the first is for tarsia.
COLOURS = ["#d55e00", "#0072b2", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#8c8c8c", "#7f6a00"]

STYLE = (
    "text{font:12px system-ui,sans-serif;fill:#24292f}.title{font-size:14px;font-weight:600}"
    ".small{font-size:10px}.axis{stroke:#8c959f}.grid{stroke:#d0d7de}"
    "@media(prefers-color-scheme:dark){text{fill:#e6edf3}.axis{stroke:#8b949e}.grid{stroke:#30363d}}"
)


def bars(title, groups, series, unit="s", log=True):
    """Bars side by side. `groups` is a list of (label, {series name: value}); what has no value has no bar."""
    left, right, bar, gap = 260, 70, 14, 14
    width = 860
    values = [value for _, group in groups for value in group.values() if value]
    # The shortest bar is still to be seen.
    axis = Axis([*values, min(values, default=1) / 2], left, width - right, log, from_zero=not log)
    out, y = [_text(left, 20, title, "title")], 34
    for column, name in enumerate(series):
        x = left + 110 * (column % 5)
        out.append(f'<rect x="{x}" y="{y + 14 * (column // 5) + 1}" width="10" height="10" fill="{_colour(column)}"/>')
        out.append(_text(x + 14, y + 14 * (column // 5) + 10, name))
    y += 14 * math.ceil(len(series) / 5) + 12
    top = y
    rows = []
    for label, group in groups:
        shown = [(column, name, group[name]) for column, name in enumerate(series) if group.get(name)]
        rows.append(_text(left - 8, y + bar * max(len(shown), 1) / 2 + 4, label, anchor="end"))
        for column, name, value in shown:
            end = axis.place(value)
            rows.append(
                f'<rect x="{left}" y="{y + 1}" width="{max(end - left, 1):.1f}" height="{bar - 3}" '
                f'fill="{_colour(column)}"><title>{escape(name)}: {number(value)} {escape(unit)}</title></rect>'
            )
            rows.append(_text(end + 4, y + bar - 4, number(value), "small"))
            y += bar
        y += gap + (0 if shown else bar)
    for tick in axis.ticks:
        x = axis.place(tick)
        out.append(_line(x, top - 4, x, y - gap + 4, "grid"))
        out.append(_text(x, y - gap + 18, f"{number(tick)} {unit}", "small", "middle"))
    return _svg(width, y + 16, out + rows)


def lines(title, panels, columns=3):
    """Small multiples. A panel is a dict: `title`, `x` and `y` (labels of the axes), `series` (name → list of points
    (x, y)), `log` (both axes; false for linear ones from zero), `note` (a line under the title)."""
    wide, high = 300, 190
    columns = min(columns, max(len(panels), 1))
    out, top = [_text(12, 20, title, "title")], 30
    for first in range(0, len(panels), columns):
        row = panels[first : first + columns]
        for place, panel in enumerate(row):
            out += _panel(panel, wide * place, top, wide, high)
        top += high + max(len(_legend(panel, wide)) for panel in row) * LEGEND + 16
    return _svg(wide * columns, top, out)


LEGEND = 13


def _legend(panel, wide):
    """The names of a panel's series in lines that fit below it: lists of (number of the series, place, name)."""
    rows, x = [[]], 0
    for column, name in enumerate(panel["series"] if len(panel["series"]) > 1 else ()):
        own = 22 + 5.5 * len(name)
        if x and x + own > wide - 20:
            rows.append([])
            x = 0
        rows[-1].append((column, x, name))
        x += own
    return rows


def _panel(panel, left, top, wide, high):
    """`high` is without the names of the series."""
    points = [point for series in panel["series"].values() for point in series]
    log = panel.get("log", True)
    above, right, below, before = 52, 14, 30, 46
    out = [_text(left + 12, top + 16, panel["title"]), _text(left + 12, top + 30, panel.get("note", ""), "small")]
    if not points:
        return out + [_text(left + before, top + high / 2, "not measured", "small")]
    across = Axis([x for x, _ in points], left + before, left + wide - right, log, from_zero=not log)
    up = Axis([y for _, y in points], top + high - below, top + above, log, from_zero=not log)
    for tick in up.ticks:
        y = up.place(tick)
        out.append(_line(left + before, y, left + wide - right, y, "grid"))
        out.append(_text(left + before - 5, y + 3, number(tick), "small", "end"))
    for tick in across.ticks:
        out.append(_text(across.place(tick), top + high - below + 14, number(tick), "small", "middle"))
    out.append(_line(left + before, top + high - below, left + wide - right, top + high - below, "axis"))
    out.append(_text(left + wide - right, top + high - below + 27, panel["x"], "small", "end"))
    out.append(_text(left + 12, top + 44, panel["y"], "small"))
    for column, series in enumerate(panel["series"].values()):
        path = " ".join(f"{across.place(x):.1f},{up.place(y):.1f}" for x, y in series)
        out.append(f'<polyline points="{path}" fill="none" stroke="{_colour(column)}" stroke-width="2"/>')
    for column, (name, series) in enumerate(panel["series"].items()):
        for x, y in series:
            place = f'cx="{across.place(x):.1f}" cy="{up.place(y):.1f}" r="2.5" fill="{_colour(column)}"'
            out.append(f"<circle {place}><title>{escape(name)}: {number(x)}, {number(y)}</title></circle>")
    for line, names in enumerate(_legend(panel, wide)):
        y = top + high + 12 + LEGEND * line
        for column, x, name in names:
            out.append(f'<rect x="{left + 12 + x}" y="{y - 8}" width="8" height="8" fill="{_colour(column)}"/>')
            out.append(_text(left + 23 + x, y, name, "small"))
    return out


class Axis:
    """Where values lie between two places."""

    def __init__(self, values, start, end, log=True, from_zero=False):
        low, high = (min(values), max(values)) if values else (1, 10)
        low, high = (0, high or 1) if from_zero else (low, high)
        self.log = log and low > 0
        if self.log:
            # Whole powers of ten would leave most of a panel empty where values are close together.
            low, high = low / 1.15, high * 1.15
            steps = (1,) if high / low > 200 else (1, 2, 5) if high / low > 3 else (1, 1.5, 2, 3, 4, 5, 7)
            powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
            ticks = [step * 10.0**power for power in powers for step in steps]
            every = math.ceil(math.log10(high / low) / 5) if steps == (1,) else 1
            self.ticks = [tick for tick in ticks if low <= tick <= high][::every]
        else:
            step = 10.0 ** math.floor(math.log10((high - low) / 2 or 1))
            step *= next(factor for factor in (1, 2, 5, 10) if (high - low) / (step * factor) <= 5)
            count = math.ceil((high - low) / step)
            high = low + count * step
            self.ticks = [low + place * step for place in range(count + 1)]
        self.low, self.high, self.start, self.end = low, high, start, end

    def place(self, value):
        if self.log:
            share = math.log(max(value, self.low) / self.low) / math.log(self.high / self.low)
        else:
            share = (value - self.low) / (self.high - self.low)
        return self.start + share * (self.end - self.start)


def number(value):
    """A number in three digits: 0.0123, 1.23, 123, 12k, 1.2M."""
    for limit, letter in ((1e9, "G"), (1e6, "M"), (1e4, "k")):
        if abs(value) >= limit:
            return f"{value / (1e3 if letter == 'k' else limit):.3g}{letter}"
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"


def _colour(column):
    return COLOURS[column % len(COLOURS)]


def _text(x, y, text, kind="", anchor="start"):
    kind = f' class="{kind}"' if kind else ""
    anchor = f' text-anchor="{anchor}"' if anchor != "start" else ""
    return f'<text x="{x:.1f}" y="{y:.1f}"{kind}{anchor}>{escape(text)}</text>'


def _line(x1, y1, x2, y2, kind):
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" class="{kind}"/>'


def _svg(width, height, parts):
    size = f'width="{width:.0f}" height="{height:.0f}" viewBox="0 0 {width:.0f} {height:.0f}"'
    return "\n".join([f'<svg xmlns="http://www.w3.org/2000/svg" {size}>', f"<style>{STYLE}</style>", *parts, "</svg>\n"])
