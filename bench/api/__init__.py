"""Five requests of the API: this checkout, another one and a FastAPI peer, in one run on one core."""

from bench.api.report import main

__all__ = ["main"]
