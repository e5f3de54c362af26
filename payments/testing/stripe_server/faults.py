"""Failures on demand: of the next calls that fit."""

import threading
from dataclasses import dataclass

KINDS = (
    "server_error",  # 500, and nothing was done
    "overloaded",  # 429, and nothing was done
    "locked",  # 429 lock_timeout, and nothing was done
    "in_use",  # 409: another call with the same key is being worked on
    "no_answer",  # the connection hangs, then closes; nothing was done
    "answer_lost",  # it is done, and the connection closes without an answer
    "answer_late",  # it is done, and the answer comes after `seconds`
    "broken_answer",  # it is done, and the answer is not JSON
)


@dataclass
class Fault:
    kind: str
    path: str = ""
    """A part of the address; empty fits all."""
    method: str = "POST"
    times: int = 1
    seconds: float = 1.0


class Faults:
    """The failures that were ordered and did not happen yet."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._ordered: list[Fault] = []
        self.happened = 0

    def order(self, kind: str, **details: object) -> None:
        if kind not in KINDS:
            raise ValueError(f"{kind} is none of {', '.join(KINDS)}")
        with self._lock:
            self._ordered.append(Fault(kind, **details))  # type: ignore[arg-type]

    def clear(self) -> None:
        with self._lock:
            self._ordered.clear()

    def next_for(self, method: str, path: str) -> Fault | None:
        """Return the fault of this call, which then has happened."""
        with self._lock:
            for fault in self._ordered:
                if fault.method == method and fault.path in path:
                    fault.times -= 1
                    if fault.times <= 0:
                        self._ordered.remove(fault)
                    self.happened += 1
                    return fault
        return None
