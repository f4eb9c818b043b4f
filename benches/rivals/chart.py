"""The measured rows as a chart: bars on a logarithmic scale."""

from contenders import ALL
from rows import ROWS
from stand.chart import bars


def svg(records):
    """The chart's text. Of the rows only those for which something must be reached. A tool that writes zstd has the
    colour of the one that writes gzip: no row is for both."""
    measured = records.contenders()
    names = [name for name, kind in ALL.items() if name in measured and not kind.zstd]
    groups = []
    for row in ROWS.values():
        if row.share is None:
            continue
        walls = {name: records.median(row.name, f"{name} zstd" if row.zstd else name, "wall") for name in names}
        if any(walls.values()):
            groups.append((row.name, {name: wall for name, wall in walls.items() if wall}))
    return bars("Median wall time, everything pushed (logarithmic)", groups, names)
