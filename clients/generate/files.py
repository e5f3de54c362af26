"""All generated files of `clients/`."""

from pathlib import Path

from clients.generate.dart import dart_files
from clients.generate.descriptions import rest_description, socket_description
from clients.generate.postman import postman_files
from clients.generate.typescript import typescript_files

ROOT = Path(__file__).parents[2]


def generated_files() -> dict[str, str]:
    """Return the content of each generated file by its path from the checkout's root."""
    rest, sockets = rest_description(), socket_description()
    return typescript_files(rest, sockets) | dart_files(rest, sockets) | postman_files(rest)
