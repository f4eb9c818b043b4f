"""The measured rows as Markdown."""

from contenders import ALL
from rows import ROWS, WORKS

# Bytes of memory that tarsia may take at any time.
PEAK = 150_000_000


def markdown(records):
    """Both tables: times with what must be reached, and all that was measured."""
    names = [name for name in ALL if name in records.contenders()]
    absent = records.about.get("absent", {})
    out = [f"{key}: {value}  " for key, value in records.about.items() if key != "absent"]
    out += [f"absent: {name}: {why}  " for name, why in absent.items()]
    out += ["", *_times(records, names), "", *_details(records, names)]
    return "\n".join(out) + "\n"


def verdicts(records):
    """For each row that is measured: what tarsia's value is to the best, and whether what must be reached is."""
    found = {}
    for row in ROWS.values():
        ours = row.ours or ("tarsia zstd" if row.zstd else "tarsia")
        wall = records.median(row.name, ours, "wall")
        if wall is None:
            continue
        best, name = _best(records, row)
        notes, reached = [], []
        if best:
            who = f"{ours}: " if row.ours else ""
            notes.append(f"{who}{wall / best:.2f} of {name}")
            if row.share:
                notes[-1] += f" (≤ {row.share:.2f})"
                reached.append(wall <= best * row.share)
        plain = records.median(row.name, "buildkit, plain COPY", "wall")
        whole = records.median(row.name, "tarsia", "wall")
        if row.ours and plain and whole:
            notes.append(f"tarsia: {whole / plain:.2f} of buildkit, plain COPY")
        piped = records.median(row.of_row or row.name, "crane, piped", "wall")
        if piped:
            notes.append(f"{wall / piped:.2f} of crane, piped")
        if row.no_larger_than:
            sizes = [records.median(row.name, who, "layer") for who in (ours, row.no_larger_than)]
            if all(sizes):
                notes.append(f"layer {_size(sizes[0])} (≤ {_size(sizes[1])})")
                reached.append(sizes[0] <= sizes[1])
        peak = max(records.values(row.name, ours, "peak"))
        if peak > PEAK:
            notes.append(f"peak {_size(peak)} (≤ {_size(PEAK)})")
            reached.append(False)
        found[row.name] = ("; ".join(notes), ("yes" if all(reached) else "**no**") if reached else "")
    return found


def _best(records, row):
    among = row.best_of or [name for name, kind in ALL.items() if kind.counts]
    times = [(records.median(row.of_row or row.name, name, "wall"), name) for name in among]
    return min([(time, name) for time, name in times if time is not None], default=(None, None))


def _times(records, names):
    yield f"| median wall, s | {' | '.join(names)} | tarsia, and what it must be | reached |"
    yield "|---" * (len(names) + 3) + "|"
    found = verdicts(records)
    for work in WORKS:
        for row in work.rows:
            cells = [_cell(records, row, name) for name in names]
            if any(cells):
                notes, reached = found.get(row.name, ("", ""))
                yield f"| {row.label} | {' | '.join(cells)} | {notes} | {reached} |"
            if any(cells) and row.requests:
                yield _requests(records, row, names)


def _requests(records, row, names):
    counts = [records.median(row.name, name, "requests") for name in names]
    cells = ["" if count is None else f"{count:.0f}" for count in counts]
    ours = records.median(row.name, "tarsia", "requests")
    reached = "" if ours is None else "yes" if ours <= row.requests else "**no**"
    return f"| the same, requests | {' | '.join(cells)} | ≤ {row.requests} | {reached} |"


def _cell(records, row, name):
    wall = records.median(row.name, name, "wall")
    if wall is None:
        return "failed" if records.failure(row.name, name) else ""
    return _seconds(wall)


def _details(records, names):
    heads = ["work", "tool", "rounds", "wall, s (min–max)", "CPU, s", "registry's CPU, s", "peak memory", "requests"]
    heads += ["up", "down", "layers"]
    yield f"| {' | '.join(heads)} |"
    yield "|---" * len(heads) + "|"
    for row in ROWS.values():
        for name in names:
            walls = records.values(row.name, name, "wall")
            if not walls:
                continue

            def of(field, shown, row=row, name=name):
                value = records.median(row.name, name, field)
                return "" if value is None else shown(value)

            cells = [
                row.label,
                name,
                str(len(walls)),
                f"{of('wall', _seconds)} ({_seconds(min(walls))}–{_seconds(max(walls))})",
                of("cpu", _seconds),
                of("registry_cpu", _seconds),
                of("peak", _size),
                of("requests", "{:.0f}".format),
                of("up", _size),
                of("down", _size),
                of("layer", _size),
            ]
            yield f"| {' | '.join(cells)} |"


def _seconds(value):
    return f"{value:.3f}" if value < 0.1 else f"{value:.2f}" if value < 10 else f"{value:.1f}"


def _size(value):
    for limit, unit in ((1e9, "GB"), (1e6, "MB"), (1e3, "kB")):
        if value >= limit:
            return f"{value / limit:.3g} {unit}"
    return f"{value:.0f} B"
