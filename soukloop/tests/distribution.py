"""Distributes test files to the workers of pytest-xdist: files with a shared resource run on one worker.

Tests of the slow tiers mostly wait: for encoders that send in real time, for processes that start. The others
compute. So the first worker begins with the slowest tiers and the others at the other end, until they meet:
both cores have work all the time, and tests of video, which have deadlines, do not disturb each other.
"""

from fnmatch import fnmatch
from typing import Any

from xdist.scheduler import LoadScopeScheduling

# Files that share a resource which is slow to start or can exist only once. All other files are distributed
# separately. Files are matched by path, because the scheduler knows only the ids of tests. The library's
# marker for groups has no effect since pytest 9.2 (https://github.com/pytest-dev/pytest-xdist/issues/1386).
SHARED = (
    ("deploy/*", "instances, named after the checkout"),
    ("livestream/tests/test_video.py", "media server"),
    ("livestream/tests/test_faults.py", "media server"),
    ("soukloop/realtime/tests/*", "web processes with the probe app"),
    ("*/tests/test_sockets.py", "web processes"),
    ("offers/tests/test_races.py", "web processes"),
    ("chat/tests/test_ledger.py", "web processes"),
    ("soukloop/tests/contract/*", "web processes"),
    ("clients/tests/*", "web processes"),
)

FIRST_WORKER = "gw0"
# The second worker begins with what takes longest and mostly waits too, so that it is over before the end.
LONG = (
    "web processes with the probe app",
    "web processes",
    "soukloop/tests/test_memory_growth.py",
    "soukloop/tests/test_faults.py",
    "soukloop/core/tests/test_worker.py",
    "soukloop/tests/test_outbox.py",
)
SECOND_WORKER = "gw1"


class Scheduling(LoadScopeScheduling):  # type: ignore[misc]  # the library is untyped
    """Assigns to an idle worker the next file of its end of the queue, or all files that share a resource."""

    def _assign_work_unit(self, node: Any) -> None:
        worker = node.gateway.id
        if worker != FIRST_WORKER:
            last = next(reversed(self.workqueue))
            long = [each for each in LONG if each in self.workqueue] if worker == SECOND_WORKER else []
            self.workqueue.move_to_end(next(iter(long), last), last=False)
        super()._assign_work_unit(node)

    def _split_scope(self, nodeid: str) -> str:
        path = nodeid.partition("::")[0]
        return next((resource for pattern, resource in SHARED if fnmatch(path, pattern)), path)
