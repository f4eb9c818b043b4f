"""What a run of commands takes: wall time, CPU, peak memory; of a daemon that works for them as well."""

import json
import os
import subprocess
import sys
from pathlib import Path

LAUNCH = Path(__file__).with_name("launch.py")
TICKS = os.sysconf("SC_CLK_TCK")


class Failed(Exception):
    """A command ended with another code than 0."""


def run(commands, environment, output, daemons=(), limit=900):
    """Runs the commands (lists of arguments) one after the other and gives a dict: `wall` and `cpu` in seconds, `peak` in
    bytes. CPU is that of the commands, of all that they have waited for, and of the daemons (process ids). The peak
    is the largest process of the commands plus what each daemon's own peak was meanwhile. `output` is appended to."""
    before = sum(map(cpu_of, daemons))
    for daemon in daemons:
        _forget_peak(daemon)
    work = {"commands": commands, "environment": environment, "output": str(output), "limit": limit}
    done = subprocess.run(
        [sys.executable, "-I", "-S", str(LAUNCH)], input=json.dumps(work).encode(), stdout=subprocess.PIPE, check=True
    )
    took = json.loads(done.stdout)
    if took.pop("code"):
        text = Path(output).read_text(errors="replace")
        raise Failed(f"`{' '.join(commands[0][:3])} …` failed:\n{text[-2000:]}")
    took["cpu"] += sum(map(cpu_of, daemons)) - before
    took["peak"] += sum(map(_peak_of, daemons))
    return took


def cpu_of(process):
    """Seconds of CPU that a living process and the children it has waited for have taken."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return sum(map(int, fields[11:15])) / TICKS


def _peak_of(process):
    for line in Path(f"/proc/{process}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    return 0


def _forget_peak(process):
    Path(f"/proc/{process}/clear_refs").write_text("5")
