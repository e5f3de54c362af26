"""Which tests of a run with several workers stay together on one of them."""

from fnmatch import fnmatch

from xdist.scheduler import LoadScopeScheduling

# Files that share something costly to start, or that can be there only once. Any other file is by itself.
# By name, because the process that distributes tests knows nothing else of them. The library's own marker for
# groups has no effect since pytest 9.2 (https://github.com/pytest-dev/pytest-xdist/issues/1386).
SHARED = (
    ("deploy/*", "instances, named after the checkout"),
    ("livestream/tests/test_video.py", "media server"),
    ("livestream/tests/test_faults.py", "media server"),
    ("soukloop/realtime/tests/*", "web processes with the probe app"),
    ("*/tests/test_sockets.py", "web processes"),
    ("offers/tests/test_races.py", "web processes"),
    ("chat/tests/test_ledger.py", "web processes"),
    ("soukloop/tests/contract/*", "web processes"),
)


class Scheduling(LoadScopeScheduling):  # type: ignore[misc]  # the library is untyped
    """Give a worker that is free the next file, or all the files that share a thing."""

    def _split_scope(self, nodeid: str) -> str:
        path = nodeid.partition("::")[0]
        return next((thing for pattern, thing in SHARED if fnmatch(path, pattern)), path)
