"""What was measured, a JSON line each, written as it comes."""

import json
from pathlib import Path
from statistics import median


class Records:
    """The lines of one file. A later line of the same row, tool and round takes the place of an earlier one."""

    def __init__(self, path):
        self.path = Path(path)
        self.runs, self.about = {}, {}
        if self.path.exists():
            for line in self.path.read_text().splitlines():
                try:
                    self._take(json.loads(line))
                except ValueError:
                    # The end of a run that was killed.
                    continue

    def add(self, record):
        """Appends a record."""
        self._take(record)
        with open(self.path, "a", encoding="utf-8") as file:
            file.write(json.dumps(record) + "\n")

    def _take(self, record):
        if "about" in record:
            self.about = record["about"]
        else:
            self.runs[record["row"], record["contender"], record["round"]] = record

    def has(self, row, contender, turn):
        """Whether this was measured, or tried in vain."""
        return (row, contender, turn) in self.runs

    def contenders(self):
        """The names of all, in the order in which they were first measured."""
        return list(dict.fromkeys(name for _, name, _ in self.runs))

    def failure(self, row, contender):
        """Why there is no value, if it was tried."""
        for (its_row, its_contender, _), record in self.runs.items():
            if (its_row, its_contender) == (row, contender) and "failed" in record:
                return record["failed"]
        return None

    def median(self, row, contender, field):
        """The median over the rounds; None if it was not measured. Bytes come from the round that counts them, all
        else from the timed ones."""
        values = self.values(row, contender, field)
        return median(values) if values else None

    def values(self, row, contender, field):
        """Of all rounds."""
        counted = field in ("up", "down")
        return [
            record[field]
            for (its_row, its_contender, turn), record in self.runs.items()
            if (its_row, its_contender) == (row, contender) and field in record and (turn == 0) == counted
        ]
