"""Runs commands one after the other and prints as JSON what they took. A process of its own, and a small one: a child's
peak memory counts what its parent had at the fork."""

import json
import os
import signal
import sys
import time


def main():
    work = json.load(sys.stdin)
    # If memory runs out, what is measured goes, and nothing else of the machine.
    with open("/proc/self/oom_score_adj", "w") as adjust:
        adjust.write("500")
    output = os.open(work["output"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    silent = os.open(os.devnull, os.O_RDONLY)
    files = [(os.POSIX_SPAWN_DUP2, silent, 0), (os.POSIX_SPAWN_DUP2, output, 1), (os.POSIX_SPAWN_DUP2, output, 2)]
    took = {"wall": 0.0, "cpu": 0.0, "peak": 0, "code": 0}
    for argv in work["commands"]:
        start = time.perf_counter()
        child = os.posix_spawnp(argv[0], argv, work["environment"], file_actions=files)
        signal.signal(signal.SIGALRM, lambda *_, child=child: os.kill(child, signal.SIGKILL))
        signal.alarm(work["limit"])
        _, status, usage = os.wait4(child, 0)
        took["wall"] += time.perf_counter() - start
        signal.alarm(0)
        took["cpu"] += usage.ru_utime + usage.ru_stime
        took["peak"] = max(took["peak"], usage.ru_maxrss * 1024)
        took["code"] = os.waitstatus_to_exitcode(status)
        if took["code"]:
            break
    json.dump(took, sys.stdout)


main()
