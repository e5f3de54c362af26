"""A TCP proxy in front of PostgreSQL that can lose the answer to a COMMIT."""

import contextlib
import socket
import threading
import time
from urllib.parse import urlsplit


class CommitProxy:
    """Forwards connections; once `armed`, it cuts the next that commits rows it inserted, once that is done.

    Transactions that insert nothing are those of the process's own threads, such as the sweep of the outbox.
    """

    def __init__(self, database_url: str) -> None:
        target = urlsplit(database_url)
        self._target = (target.hostname or "127.0.0.1", target.port or 5432)
        self.armed = threading.Event()
        self.cuts = 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        credentials, _, _ = target.netloc.rpartition("@")
        self.url = target._replace(netloc=f"{credentials}@127.0.0.1:{self.port}").geturl()
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._listener.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = socket.create_connection(self._target)
                threading.Thread(target=self._requests, args=(client, server), daemon=True).start()
                threading.Thread(target=self._answers, args=(server, client), daemon=True).start()

    def _requests(self, client: socket.socket, server: socket.socket) -> None:
        has_inserted = False
        with contextlib.suppress(OSError):
            while data := client.recv(65536):
                has_inserted |= b"INSERT" in data
                if b"COMMIT" in data and has_inserted and self.armed.is_set():
                    self.armed.clear()
                    self.cuts += 1
                    client.shutdown(socket.SHUT_WR)  # first, so that no answer passes
                    server.sendall(data)
                    time.sleep(0.3)
                    break
                has_inserted &= b"COMMIT" not in data
                server.sendall(data)
        _close(client, server)

    def _answers(self, server: socket.socket, client: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := server.recv(65536):
                client.sendall(data)
        _close(client, server)


def _close(*sockets: socket.socket) -> None:
    for each in sockets:
        with contextlib.suppress(OSError):
            each.shutdown(socket.SHUT_RDWR)
        each.close()
