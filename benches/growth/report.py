"""What was measured as Markdown and as a chart: the points, and how steep each series is."""

import math

from stand import chart

# Peak memory in bytes, and the steepness at a curve's end, past which a series is pointed out.
MEMORY, STEEP = 150e6, 1.1


def slope(points, scale):
    """The least squares' line through the points: its exponent on logarithmic axes, else its slope."""
    if scale == "log":
        points = [(math.log(x), math.log(y)) for x, y in points if x > 0 and y > 0]
    count = len(points)
    if count < 2:
        return math.nan
    middle_x, middle_y = sum(x for x, _ in points) / count, sum(y for _, y in points) / count
    spread = sum((x - middle_x) ** 2 for x, _ in points)
    return sum((x - middle_x) * (y - middle_y) for x, y in points) / spread


def markdown(records, scales):
    """Two tables a curve: how steep its series are, and its points."""
    out = []
    for name, series in by_curve(records).items():
        unit = next(iter(series.values()))[0]["grows"]
        out += [f"### {name}", ""]
        if scales[name] == "linear":
            out += ["| run | round trips in sequence | most requests | largest peak, MB |", "|---|--:|--:|--:|"]
        else:
            out += [
                "| run | exponent of wall time | at the end | exponent of CPU | at the end | largest peak, MB | |",
                "|---|--:|--:|--:|--:|--:|---|",
            ]
        for run, points in series.items():
            out.append(f"| {run} | {' | '.join(steepness(points, scales[name]))} |")
        out += ["", f"| run | {unit} | wall, s | CPU, s | peak, MB | requests |", "|---|--:|--:|--:|--:|--:|"]
        for run, points in series.items():
            for point in points:
                cells = [chart.number(point[key]) for key in ("wall", "cpu")]
                cells += [f"{point['peak'] / 1e6:.0f}", str(point["requests"])]
                out.append(f"| {run} | {point['point']:,} | {' | '.join(cells)} |")
        out.append("")
    return "\n".join(out)


def steepness(points, scale):
    """The cells of a series. At the end: between the two largest points, where the costs of starting count least."""
    peak = max(point["peak"] for point in points)
    if scale == "linear":
        trips = slope([(point["point"] / 1000, point["wall"]) for point in points], scale)
        return [f"{trips:.1f}", str(max(point["requests"] for point in points)), f"{peak / 1e6:.0f}"]
    cells, marks = [], []
    for key in ("wall", "cpu"):
        pairs = [(point["point"], point[key]) for point in points]
        end = slope(pairs[-2:], scale)
        marks += [f"{key} steep"] * (end > STEEP)
        cells += [f"{slope(pairs, scale):.2f}", f"{end:.2f}"]
    marks += ["memory"] * (peak > MEMORY)
    return [*cells, f"{peak / 1e6:.0f}", ", ".join(marks)]


def svg(records, scales):
    """Wall time of every curve, and the peaks of those that may grow in memory."""
    panels = []
    for name, series in by_curve(records).items():
        unit = next(iter(series.values()))[0]["grows"]
        panel = {"title": f"{name}: wall time", "x": unit, "y": "s", "log": scales[name] == "log"}
        panels.append({**panel, "series": lines(series, "wall", 1)})
    for name, series in by_curve(records).items():
        if name in ("files", "bytes", "images"):
            unit = next(iter(series.values()))[0]["grows"]
            panel = {"title": f"{name}: peak memory", "x": unit, "y": "MB", "log": True}
            panels.append({**panel, "series": lines(series, "peak", 1e6)})
    return chart.lines("How cost grows", panels)


def lines(series, key, unit):
    return {run: [(point["point"], point[key] / unit) for point in points] for run, points in series.items()}


def by_curve(records):
    """Curve → run → its points, smallest first."""
    curves = {}
    for record in sorted(records, key=lambda record: record["point"]):
        curves.setdefault(record["curve"], {}).setdefault(record["run"], []).append(record)
    order = list(dict.fromkeys(record["curve"] for record in records))
    return {name: curves[name] for name in order}
