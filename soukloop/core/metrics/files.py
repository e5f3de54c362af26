"""The values of all processes of one machine, in files of METRICS_DIR that any of them adds up at a scrape.

prometheus_client maps one file per process and kind of metric into memory; a killed process leaves its last
values there. Its files are named after process ids, which a container and its neighbour have in common, and
which a system uses again. Here each process has a random name, and holds a lock on a file of that name, which
the kernel releases however the process ends: whoever finds the lock free knows that the process is dead.

What a dead process counted is added to the files of ENDED, so that no counter goes back and the number of
files is that of the living processes; its gauges are deleted. The directory is emptied by a process that
finds nobody else alive. It belongs on a tmpfs: a mapped file on a full disk kills the process that writes.
"""

import fcntl
import json
import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from prometheus_client import values
from prometheus_client.mmap_dict import MmapedDict, mmap_key
from prometheus_client.multiprocess import MultiProcessCollector

ENDED = "ended"
# They are added up; a gauge says nothing about a process that has ended.
_KEPT = ("counter", "histogram")


class MetricFiles:
    """The directory, and this process's place in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._pid = 0
        self._name = ""
        self._held: IO[str] | None = None

    def join(self) -> None:
        """Let the metrics that are made from now on keep their values in files; call it before the first."""
        # Where prometheus_client looks for it.
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(self.folder)
        values.ValueClass = values.MultiProcessValue(self.process_name)  # type: ignore[no-untyped-call]

    def process_name(self) -> str:
        """Return this process's name in the names of files; a forked process takes another."""
        if self._pid != os.getpid():
            self._take_name()
        return self._name

    def collector(self) -> MultiProcessCollector:
        """Return what adds up the files; to be used within `locked`, after `fold_dead`."""
        return MultiProcessCollector(None, str(self.folder))  # type: ignore[no-untyped-call]

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other processes from beginning, and from adding up those that ended."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / "lock").open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def fold_dead(self) -> None:
        """Add what dead processes counted to the files of ENDED, and delete theirs; within `locked`."""
        self._apply_journal()
        for unfinished in self.folder.glob("*.unfinished"):
            unfinished.unlink()
        dead = {name for name in self._names() if not self._is_alive(name)}
        if not dead:
            return
        files = [path for path in self.folder.glob("*.db") if _owner(path) in dead]
        replaced = []
        for kind in _KEPT:
            counted = [path for path in files if path.name.startswith(f"{kind}_")]
            if counted:
                total = self.folder / f"{kind}_{ENDED}.db"
                _write_sum([*counted, *([total] if total.exists() else [])], total.with_suffix(".unfinished"))
                replaced.append(total.name)
        removed = [path.name for path in files] + [f"{name}.alive" for name in dead]
        # If this process is killed below, the next one does the rest: nothing is counted twice, nothing lost.
        draft = self.folder / "journal.unfinished"
        draft.write_text(json.dumps({"replaced": replaced, "removed": removed}))
        draft.rename(self.folder / "journal")
        self._apply_journal()

    def _apply_journal(self) -> None:
        journal = self.folder / "journal"
        if not journal.exists():
            return
        steps = json.loads(journal.read_text())
        for name in steps["replaced"]:
            with suppress(FileNotFoundError):
                path = self.folder / name
                path.with_suffix(".unfinished").rename(path)
        for name in steps["removed"]:
            (self.folder / name).unlink(missing_ok=True)
        journal.unlink()

    def _take_name(self) -> None:
        with self.locked():
            if not any(self._is_alive(name) for name in self._names()):
                for path in self.folder.iterdir():
                    if path.name != "lock":
                        path.unlink()
            self.fold_dead()
            self._pid, self._name = os.getpid(), f"{os.getpid()}-{uuid.uuid4().hex[:8]}"
            self._held = (self.folder / f"{self._name}.alive").open("w")
            fcntl.flock(self._held, fcntl.LOCK_EX)

    def _names(self) -> set[str]:
        return {path.stem for path in self.folder.glob("*.alive")}

    def _is_alive(self, name: str) -> bool:
        if name == self._name and self._pid == os.getpid():
            return True
        try:
            with (self.folder / f"{name}.alive").open() as held:
                fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        except FileNotFoundError:
            pass
        return False


def _owner(path: Path) -> str:
    """Return the process's name of `counter_<name>.db` or `gauge_<mode>_<name>.db`."""
    return path.stem.rpartition("_")[2]


def _write_sum(paths: list[Path], total: Path) -> None:
    merged = MultiProcessCollector.merge([str(path) for path in paths], accumulate=False)  # type: ignore[no-untyped-call]
    sums = MmapedDict(str(total))  # type: ignore[no-untyped-call]
    for metric in merged:
        for sample in metric.samples:
            names, texts = list(sample.labels), list(sample.labels.values())
            key = mmap_key(metric.name, sample.name, names, texts, metric.documentation)
            sums.write_value(key, sample.value, 0.0)  # type: ignore[no-untyped-call]
    sums.close()  # type: ignore[no-untyped-call]
