"""A mail server on loopback that keeps what it is sent, and refuses what a test wants."""

import email
import socketserver
import threading
from email.message import EmailMessage
from email.policy import default
from typing import Any, Self


class SmtpServer:
    """`answers` has the answer to a command, or to "DATA END", for recipients with a text in their address.

    The answer "close" closes the connection without one; `after_message` is called before a message is
    answered.
    """

    def __init__(self) -> None:
        self.messages: list[EmailMessage] = []
        self.answers: dict[tuple[str, str], str] = {}
        self.connections = 0
        self.after_message: Any = None
        self._server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self.port: int = self._server.server_address[1]

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def recipients(self) -> list[str]:
        return [str(message["To"]) for message in self.messages]

    def _handler(self) -> type[socketserver.StreamRequestHandler]:
        server = self

        class Handler(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                server.connections += 1
                self.recipient = ""
                self._say("220 ready")
                while line := self.rfile.readline().decode().strip():
                    command = line.split()[0].upper()
                    if command == "RCPT":
                        self.recipient = line.partition("<")[2].rstrip(">")
                    answer = self._answer(command)
                    if answer == "close":
                        return
                    self._say(answer)
                    if command == "QUIT" or answer.startswith("421"):
                        return
                    if answer.startswith("354") and not self._message():
                        return

            def _message(self) -> bool:
                lines = []
                while (line := self.rfile.readline()) not in (b".\r\n", b""):
                    lines.append(line.removeprefix(b".") if line.startswith(b"..") else line)
                answer = self._answer("DATA END")
                if answer.startswith("250") or answer == "close":
                    message = email.message_from_bytes(b"".join(lines), policy=default)
                    server.messages.append(message)
                if server.after_message:
                    server.after_message()
                if answer == "close":
                    return False
                self._say(answer)
                return True

            def _answer(self, command: str) -> str:
                for (name, part), answer in server.answers.items():
                    if name == command and part in self.recipient:
                        return answer
                return {"DATA": "354 go on", "QUIT": "221 bye"}.get(command, "250 ok")

            def _say(self, answer: str) -> None:
                self.wfile.write(answer.encode() + b"\r\n")

        return Handler
