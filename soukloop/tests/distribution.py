"""Distributes test files to the workers of pytest-xdist: files with a shared resource run on one worker."""

from fnmatch import fnmatch

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


class Scheduling(LoadScopeScheduling):  # type: ignore[misc]  # the library is untyped
    """Assigns to an idle worker the next file, or all files that share a resource."""

    def _split_scope(self, nodeid: str) -> str:
        path = nodeid.partition("::")[0]
        return next((resource for pattern, resource in SHARED if fnmatch(path, pattern)), path)
