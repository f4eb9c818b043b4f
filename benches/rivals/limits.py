"""The machine's limits beside the rows: what of a row's work takes longest even at the machine's best, and tarsia's
time beside that. Measured by `cargo bench --bench limits -- --json`."""

import json
from dataclasses import dataclass
from pathlib import Path

from rows import WORKS


@dataclass(frozen=True)
class Amount:
    """What a work's tree is: files that are taken, their bytes, layers."""

    files: int
    size: int
    layers: int = 1


AMOUNTS = {
    "package": Amount(40, 171_000),
    "layers": Amount(6_000, 391_000_000, 8),
    "repository": Amount(1_500, 5_000_000),
    "big": Amount(20_000, 1_060_000_000),
}


class Limits:
    """What `limits --json` wrote."""

    def __init__(self, path):
        document = json.loads(Path(path).read_text(encoding="utf-8"))
        self.values = {limit["name"]: limit for limit in document["limits"]}
        self.pairs, self.cores = document["assembly"], document["cores"]

    def parts(self, work, row, records, name):
        """What the row cannot do without → seconds at the machine's best. All of it may go on at the same time."""
        tree = AMOUNTS[work.name]
        edited = row.version > 0 and "edited" in row.name
        made = 0 if not (edited or "cold" in row.name or row.name == "big, assembly") else tree.size
        if edited:
            made //= tree.layers
        # Where nothing is remembered, every file is read to know what it is.
        read = tree.size if row.fresh or made == tree.size and not edited else made
        parts = {
            "a process": self._value("process") / 1e3,
            "stat": tree.files / self._value("stat_cores"),
            "reading": read / 1e6 / self._value("read_cores"),
            # A layer is digested from its front, so one layer by one core.
            "SHA-256": max(
                made / 1e6 / self._value("sha256_core" if tree.layers == 1 or edited else "sha256_cores"),
                (read + made) / 1e6 / self._value("sha256_cores"),
            ),
        }
        if made and not edited:
            codec = "zstd" if name.endswith("zstd") else "gzip"
            parts[f"{codec}, all cores"] = made / 1e6 / self._value(f"{codec}_cores")
        requests = records.median(row.name, name, "requests")
        if requests:
            parts["round trips"] = requests * self._value("round_trip") / 1e3
        sent = records.median(row.name, name, "up")
        if sent:
            parts["loopback"] = sent / 1e6 / self._value("loopback")
        return parts

    def _value(self, name):
        return self.values[name]["value"]


def markdown(limits, records):
    """Both tables: rows with what limits them, and the limits themselves."""
    out = ["| work | tarsia, s | limited by | at best, s | times that |", "|---|--:|---|--:|--:|"]
    for work in WORKS:
        for row in work.rows:
            name = "tarsia zstd" if row.name.endswith("zstd") else "tarsia"
            wall = records.median(row.name, name, "wall")
            if wall is not None:
                best, limiting = max((time, part) for part, time in limits.parts(work, row, records, name).items())
                out.append(f"| {row.label} | {wall:.3f} | {limiting} | {best:.3f} | {wall / best:.1f} |")
    out += ["", f"| limit, {limits.cores} cores | | |", "|---|--:|---|"]
    out += [f"| {it['what']}, `{it['name']}` | {it['value']:.4g} | {it['unit']} |" for it in limits.values.values()]
    out += ["", "| assembly | codec alone, s | assembly, s | ratio | ratio of CPU |", "|---|--:|--:|--:|--:|"]
    for it in limits.pairs:
        cells = f"{it['alone']:.2f} | {it['assembly']:.2f} | {it['ratio']:.2f} | {it['cpu_ratio']:.2f}"
        out.append(f"| {it['codec']}, {it['plain'] / 1e6:.0f} MB | {cells} |")
    return "\n".join(out) + "\n"
