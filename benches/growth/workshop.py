"""Where the program runs for a curve: its store, its registry, its specs, and what each run takes."""

import json
import os
import shutil
import time
from pathlib import Path

from stand import measure
from stand.registry import Registry, architecture


class Workshop:
    """A folder with a store, and a registry beside it. `environment` is nobody's but the runs'."""

    def __init__(self, folder, tarsia):
        self.folder, self.tarsia = Path(folder), str(tarsia)
        self.folder.mkdir(parents=True)
        self.registry = Registry(self.folder / "registry")
        self.host = self.registry.host
        # What every command begins with, such as `taskset`.
        self.before = []
        self.environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.folder),
            "TARSIA_CACHE_DIR": str(self.folder / "store"),
        }

    def build(self, specs):
        """Builds into a layout that is not there yet."""
        output = self.folder / "out"
        shutil.rmtree(output, ignore_errors=True)
        return self._run("build", specs, "--output", f"oci:{output}")

    def plan(self, specs):
        """Scans and computes keys; assembles and sends nothing."""
        return self._run("plan", specs, "--to", f"{self.host}/planned")

    def push(self, specs):
        """Pushes all specs of a folder, or one."""
        return self._run("push", specs, "--to", f"{self.host}/app")

    def forget(self):
        """Makes this a machine that has never seen anything."""
        shutil.rmtree(self.folder / "store", ignore_errors=True)

    def close(self):
        self.registry.close()
        shutil.rmtree(self.folder)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def _run(self, verb, specs, *flags):
        # Files are believed only once their times lie a little back.
        time.sleep(0.02)
        command = [*self.before, self.tarsia, verb, str(specs), *flags, "--progress", "none"]
        asked = self.registry.requests()
        took = measure.run([command], self.environment, self.folder / "output")
        took["requests"] = self.registry.requests() - asked
        return took


def spec(path, name, layers, base="scratch", compression="gzip"):
    """Writes a spec with these contexts (name → folder) as layers, and gives its path."""
    lines = [f'name = "{name}"', f'base = "{base}"', f'platforms = ["linux/{architecture()}"]', 'tags = ["latest"]']
    for layer, context in layers.items():
        lines += ["[[layer]]", f'name = "{layer}"', f"context = {json.dumps(str(context))}", f'to = "/opt/{layer}/"']
        lines += [f'compression = "{compression}"']
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n")
    return path
