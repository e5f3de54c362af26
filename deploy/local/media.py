"""The media server: nginx with its RTMP module, from the template that the media image uses too."""

import re
import shutil
from collections.abc import Mapping
from pathlib import Path

from deploy.local import packages
from deploy.local.places import NGINX_USER, ROOT, Instance, server_user, write_private
from deploy.local.processes import Service

TEMPLATE = ROOT / "deploy" / "media" / "nginx.conf.template"
# Written by the media server; the rest of MEDIA_ROOT is the application's.
SERVED_LIVE = ("live", "dash", "recordings")
SERVED_STORED = ("vods", "uploads")


def render(template: str, values: Mapping[str, str]) -> str:
    """Fill in the names in ${CAPITALS}; nginx's own $variables are lower case."""
    return re.sub(r"\$\{([A-Z_]+)\}", lambda match: values[match[1]], template)


def prepare(instance: Instance, values: Mapping[str, str]) -> Path:
    """Make the directories and write the configuration; returns its path."""
    user = server_user(NGINX_USER)
    root = Path(values["MEDIA_ROOT"])
    state = instance.data / "media-server"
    for directory in (*(root / name for name in (*SERVED_LIVE, *SERVED_STORED)), state):
        directory.mkdir(parents=True, exist_ok=True)
    configuration = state / "nginx.conf"
    write_private(configuration, render(TEMPLATE.read_text(), {**values, "STATE_DIR": str(state)}))
    if user is not None:
        for path in (*(root / name for name in SERVED_LIVE), state, configuration):
            shutil.chown(path, user, user)
    return configuration


def service(instance: Instance, values: Mapping[str, str]) -> Service:
    """Describe the media server of an instance, its files in place."""
    configuration = prepare(instance, values)
    program = packages.find_program("nginx") or "nginx"
    return Service(
        "media",
        [program, "-p", str(configuration.parent), "-c", str(configuration)],
        user=server_user(NGINX_USER),
        grace=5,
    )
