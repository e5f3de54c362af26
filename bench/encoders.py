"""Each kind of encoder in real time: what players in a real browser, the seller and the replay get."""

import os
import shutil
import threading
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from bench.video.site import Broadcast, Browser, Site, running_site

if TYPE_CHECKING:
    from livestream.tests.encoders import Encoder

KEYS = os.environ.get("BENCH_ENCODERS", "").split()  # all
AT_ONCE = int(os.environ.get("BENCH_AT_ONCE", "2"))
PLAYERS = ("hls", "shaka", "dash")
_DELAY = 5.0  # seconds for which players go on after the last frame was sent
_LATEST_START, _LATEST_END = 30.0, 120.0
# Depends on when the seller is told: a pause is over, or a busy machine sends late.
_MAY_BE_TOLD = {"no_media", "too_fast_for_connection"}


def main() -> None:
    from bench.database import bench_database  # noqa: PLC0415 - Django must be set up first

    chromium = shutil.which("chromium")
    if chromium is None:
        raise SystemExit("This benchmark watches in Debian's chromium: apt-get install chromium")
    with bench_database() as database_url, running_site(database_url) as site:
        from django.conf import settings  # noqa: PLC0415

        from livestream.tests.conftest import point_settings_at  # noqa: PLC0415
        from livestream.tests.encoders import CASES  # noqa: PLC0415

        point_settings_at(settings, site.media)
        browser = Browser(chromium)
        cases = [case for case in CASES if not KEYS or case.key in KEYS]
        try:
            with ThreadPoolExecutor(AT_ONCE) as threads:
                agree = list(threads.map(lambda case: _measure(site, browser, case), cases))
        finally:
            browser.quit()
    print(f"{sum(agree)} of {len(cases)} kinds of encoders as docs/going-live.md says")


def _measure(site: Site, browser: Browser, case: "Encoder") -> bool:
    from django.db import connection  # noqa: PLC0415

    from livestream.tests.encoders import publish  # noqa: PLC0415

    try:
        connections = case.connections()
        broadcast = site.go_live()
        addresses = broadcast.addresses()
        names = {player: f"{case.key} {player}" for player in PLAYERS}
        for player, name in names.items():
            browser.open(name, site.page(player, addresses[player]))
        _wait_for_pages(browser, names.values())
        url, _, key = broadcast.publish_to.rpartition("/")
        encoder = threading.Thread(target=publish, args=[connections, url, key])
        encoder.start()
        told: set[str] = set()
        while encoder.is_alive():
            told |= set(_warnings(site, broadcast))
            time.sleep(0.5)
        time.sleep(_DELAY)
        watched = {player: _watched(browser.samples[name]) for player, name in names.items()}
        fatal = {player: _fatal(browser.samples[name]) for player, name in names.items()}
        for name in names.values():
            browser.close(name)
        replay = _replay(broadcast, ends_alone=case.ends_stream)
        problems = list(_problems(case, watched, fatal, told, replay))
        players = ", ".join(f"{player} {seconds:.1f}" for player, seconds in watched.items())
        print(
            f"{'differs' if problems else 'ok':7} {case.key:14} {case.seconds:g} s; watched: {players} s;"
            f" told: {', '.join(sorted(told)) or 'nothing'}; replay: {replay[0]}, {replay[1]:.1f} s"
            + "".join(f"\n        {problem}" for problem in problems),
            flush=True,
        )
        return not problems
    finally:
        connection.close()


def _problems(
    case: "Encoder",
    watched: dict[str, float],
    fatal: dict[str, list[str]],
    told: set[str],
    replay: tuple[str, float],
) -> Iterator[str]:
    for player in PLAYERS:
        if fatal[player]:
            yield f"fatal errors in {player}: {', '.join(sorted(set(fatal[player])))}"
        if case.is_watchable and watched[player] < case.seconds / 2:
            yield f"{player} showed only {watched[player]:.1f} s"
    wanted = {str(warning) for warning in case.warnings}
    if told - _MAY_BE_TOLD != wanted - _MAY_BE_TOLD:
        yield f"told {sorted(told)} instead of {sorted(wanted)}"
    state, seconds = replay
    state_wanted = "ready" if case.seconds else case.replay.split("`")[1]
    if state != state_wanted:
        yield f"the replay is {state} instead of {state_wanted}"
    if abs(seconds - case.seconds) > 1.2:
        yield f"the replay lasts {seconds:.1f} s instead of {case.seconds:g}"


def _warnings(site: Site, broadcast: Broadcast) -> list[str]:
    answer = site.get(f"/api/v1/streams/{broadcast.stream.pk}/health", broadcast.seller)
    return [warning["code"] for warning in answer["warnings"]]


def _replay(broadcast: Broadcast, *, ends_alone: bool) -> tuple[str, float]:
    """End the stream, and make its replay; return its state and length in seconds."""
    from livestream.media.server import media_server  # noqa: PLC0415
    from livestream.models import Replay  # noqa: PLC0415
    from livestream.services import broadcasts, replays  # noqa: PLC0415

    latest = time.monotonic() + _LATEST_END
    while ends_alone and time.monotonic() < latest:
        broadcasts.reconcile_publishers()  # the worker's job
        broadcast.stream.refresh_from_db()
        if not broadcast.stream.is_live:
            break
        time.sleep(2)
    else:
        broadcast.end()
    while broadcast.public_id in media_server.recordings() and time.monotonic() < latest:
        time.sleep(0.2)
    replays.make_replay(stream_id=broadcast.stream.pk)
    replay = Replay.objects.get(stream=broadcast.stream.pk)
    return replay.state, replay.duration_seconds or 0.0


def _wait_for_pages(browser: Browser, names: Iterable[str]) -> None:
    latest = time.monotonic() + _LATEST_START
    while any(not browser.samples[name] for name in names) and time.monotonic() < latest:
        time.sleep(0.1)


def _watched(samples: list[dict[str, Any]]) -> float:
    """Return for how many seconds a player's position went on, without its jumps."""
    seconds = 0.0
    for before, after in pairwise(samples):
        step = after["position"] - before["position"]
        if 0 < step < 1:
            seconds += step
    return seconds


def _fatal(samples: list[dict[str, Any]]) -> list[str]:
    return samples[-1]["fatal"] if samples else ["no page"]
