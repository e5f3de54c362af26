"""Live video as a viewer in a real browser sees it: the first picture, the delay, cuts, a slow connection."""

import os
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable, Iterable
from itertools import pairwise
from pathlib import Path
from typing import Any

from bench.video.clock import ClockEncoder, publish_film, record_film
from bench.video.site import Broadcast, Browser, Site, running_site

TIMES = int(os.environ.get("BENCH_TIMES", "5"))
WATCHED = float(os.environ.get("BENCH_SECONDS", "30"))
PLAYERS = ("hls", "shaka", "dash")
SLOW_CONNECTION = 125_000  # bytes a second: 1 Mbit/s
STREAMS = int(os.environ.get("BENCH_STREAMS", "10"))
GAP = 8.0  # seconds without an encoder
_FROZEN = 1.0  # seconds without a new picture that a viewer notices
_LIMIT = 40.0


def main() -> None:
    from bench.database import bench_database  # noqa: PLC0415 - Django must be set up first

    chromium = shutil.which("chromium")
    if chromium is None:
        raise SystemExit("This benchmark watches in Debian's chromium: apt-get install chromium")
    with bench_database() as database_url, running_site(database_url) as site:
        browser = Browser(chromium)
        try:
            _first_pictures(site, browser, gop_seconds=1)
            _first_pictures(site, browser, gop_seconds=2)
            _delays(site, browser)
            _lost_encoder(site, browser)
            _slow_connection(site, browser)
        finally:
            browser.quit()
        _many_streams(site)


def _first_pictures(site: Site, browser: Browser, *, gop_seconds: int) -> None:
    """Print how long after the encoder's start a viewer who waits sees the first picture."""
    waits = []
    for number in range(TIMES):
        broadcast = site.go_live()
        name = f"first-{gop_seconds}-{number}"
        browser.open(name, site.page("hls", broadcast.addresses()["hls"]))
        time.sleep(2)
        encoder = ClockEncoder(broadcast.publish_to, gop_seconds=gop_seconds)
        encoder.start()
        shown = _wait_for(lambda name=name: _shown(browser.samples[name]))
        waits.append(shown["at"] / 1000 - encoder.started_at if shown else _LIMIT)
        _finish(browser, broadcast, encoder, name)
    print(
        f"encoder starts → first picture in hls.js, a keyframe every {gop_seconds} s:"
        f" {statistics.median(waits):.2f} s, the middle of {TIMES} ({_listed(waits)})",
        flush=True,
    )


def _delays(site: Site, browser: Browser) -> None:
    """Print how old the picture is in each player, for viewers who came early and late."""
    broadcast = site.go_live()
    addresses = broadcast.addresses()
    for player in PLAYERS:
        browser.open(f"{player} early", site.page(player, addresses[player]))
    time.sleep(3)
    encoder = ClockEncoder(broadcast.publish_to)
    encoder.start()
    time.sleep(15)
    for player in PLAYERS:
        browser.open(f"{player} late", site.page(player, addresses[player]))
    time.sleep(5)
    began = time.time()
    time.sleep(WATCHED)
    print("glass to glass (a clock in the picture, read from what the browser shows)")
    names = [f"{player} {when}" for when in ("early", "late") for player in PLAYERS]
    for name in names:
        samples = [sample for sample in browser.samples[name] if sample["at"] / 1000 > began]
        delays = sorted(_delay(sample) for sample in samples if sample["clock"] is not None)
        if not delays:
            print(f"  {name:12} no picture; {_errors(browser, name)}")
            continue
        print(
            f"  {name:12} p50 {statistics.median(delays):.2f} s, p95 {delays[int(len(delays) * 0.95)]:.2f} s,"
            f" frozen {_frozen_seconds(samples):.1f} s of {WATCHED:g}; {_errors(browser, name)}",
            flush=True,
        )
    _finish(browser, broadcast, encoder, *names)


def _lost_encoder(site: Site, browser: Browser) -> None:
    """Print how long after the return of a killed encoder each player, by itself, shows its picture."""
    print(f"encoder killed, back after {GAP:g} s → its picture")
    for player in PLAYERS:
        waits = []
        for number in range(TIMES):
            name = f"{player}-{number}"
            waits.append(_wait_for_return(site, browser, player, name))
            errors = _errors(browser, name)
        print(
            f"  {player:6} {statistics.median(waits):.2f} s, the middle of {TIMES} ({_listed(waits)});"
            f" {errors}",
            flush=True,
        )


def _wait_for_return(site: Site, browser: Browser, player: str, name: str) -> float:
    """Return the seconds from the start of the second encoder to its picture, and close the page.

    One player at a time: three decoders beside two encoders are too much for two cores.
    """
    broadcast = site.go_live()
    encoder = ClockEncoder(broadcast.publish_to)
    encoder.start()
    time.sleep(4)
    browser.open(name, site.page(player, broadcast.addresses()[player]))
    time.sleep(10)
    encoder.kill()
    time.sleep(GAP)
    second = ClockEncoder(broadcast.publish_to)
    second.start()
    came = _wait_for(
        lambda: next(
            (
                sample
                for sample in list(browser.samples[name])
                if sample["clock"] is not None and _drawn_at(sample) > second.started_at
            ),
            None,
        )
    )
    _finish(browser, broadcast, second, name)
    return came["at"] / 1000 - second.started_at if came else _LIMIT


def _slow_connection(site: Site, browser: Browser) -> None:
    """Print for how long the picture stands still at 1 Mbit/s, with 2.5 Mbit/s published."""
    time.sleep(15)  # until the transcoder of the broadcast before is free again
    broadcast = site.go_live()
    encoder = ClockEncoder(broadcast.publish_to)
    encoder.start()
    time.sleep(8)
    addresses = broadcast.addresses()
    browser.open("slow", site.page("hls", addresses["hls"]), throttle=SLOW_CONNECTION)
    _wait_for(lambda: _shown(browser.samples["slow"]))
    began = time.time()
    time.sleep(WATCHED)
    samples = [sample for sample in browser.samples["slow"] if sample["at"] / 1000 > began]
    heights = sorted({sample["height"] for sample in samples if sample["height"]})
    print(
        f"a viewer at 1 Mbit/s: frozen {_frozen_seconds(samples):.1f} s of {WATCHED:g};"
        f" heights {heights}; {_errors(browser, 'slow')}",
        flush=True,
    )
    _finish(browser, broadcast, encoder, "slow")


def _many_streams(site: Site) -> None:
    """Print what STREAMS broadcasts at once cost the packager, and how late their newest segment is."""
    with tempfile.TemporaryDirectory() as folder:
        film = Path(folder) / "film.flv"
        record_film(film)
        broadcasts = [site.go_live() for _ in range(STREAMS)]
        encoders = [publish_film(film, broadcast.publish_to) for broadcast in broadcasts]
        try:
            time.sleep(15)
            began, used = time.monotonic(), site.packager_seconds()
            lags = []
            while time.monotonic() - began < WATCHED:
                lags += [time.time() - site.newest_end(broadcast) for broadcast in broadcasts]
                time.sleep(0.5)
            cores = (site.packager_seconds() - used) / (time.monotonic() - began)
        finally:
            for encoder in encoders:
                encoder.kill()
                encoder.wait()
            for broadcast in broadcasts:
                broadcast.end()
    lags.sort()
    print(
        f"{STREAMS} broadcasts at once, 720p at 2.5 Mbit/s: packager and its ffmpegs {cores:.2f} cores;"
        f" the newest segment (of 1 s) ended p50 {statistics.median(lags):.2f} s,"
        f" p99 {lags[int(len(lags) * 0.99)]:.2f} s ago",
        flush=True,
    )


def _finish(browser: Browser, broadcast: Broadcast, encoder: ClockEncoder, *names: str) -> None:
    for name in names:
        browser.close(name)
    encoder.kill()
    broadcast.end()


def _shown(samples: Iterable[dict[str, Any]]) -> dict[str, Any] | None:
    return next((sample for sample in list(samples) if sample["clock"] is not None), None)


def _wait_for(find: Callable[[], Any]) -> Any:
    deadline = time.monotonic() + _LIMIT
    while time.monotonic() < deadline:
        if found := find():
            return found
        time.sleep(0.05)
    return None


def _delay(sample: dict[str, Any]) -> float:
    """Return how old the picture was when it was seen, in seconds."""
    return ((int(sample["at"]) - sample["clock"]) & 0xFFFFFFFF) / 1000


def _drawn_at(sample: dict[str, Any]) -> float:
    return float(sample["at"]) / 1000 - _delay(sample)


def _frozen_seconds(samples: list[dict[str, Any]]) -> float:
    """Add up the times in which no new picture came for longer than a viewer tolerates."""
    frozen, last_change = 0.0, None
    for before, sample in pairwise(samples):
        if sample["clock"] is not None and sample["clock"] != before["clock"]:
            if last_change is not None and (still := (sample["at"] - last_change) / 1000) > _FROZEN:
                frozen += still
            last_change = sample["at"]
    if samples and last_change is not None and (still := (samples[-1]["at"] - last_change) / 1000) > _FROZEN:
        frozen += still
    return frozen


def _errors(browser: Browser, name: str) -> str:
    last = browser.samples[name][-1] if browser.samples[name] else {"errors": [], "fatal": ["no sample"]}
    kinds = ", ".join(sorted(set(last["fatal"] + last["errors"]))[:4])
    return f"{len(last['fatal'])} fatal errors, {len(last['errors'])} others" + (
        f": {kinds}" if kinds else ""
    )


def _listed(waits: list[float]) -> str:
    return ", ".join(f"{wait:.2f}" for wait in waits)
