"""What web processes count about requests and sockets, added up over the processes of one machine."""

import urllib.request
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from soukloop.realtime.testing.servers import ServerProcess
from soukloop.realtime.testing.waiting import wait_until
from soukloop.realtime.tests.conftest import PROBE
from soukloop.realtime.tests.rooms import STREAM

Values = dict[str, float]


def scrape(server: ServerProcess) -> Values:
    """Return the values by the name and the labels' values, as `souk_sockets websocket`."""
    with urllib.request.urlopen(f"{server.url}/metrics", timeout=20) as answer:
        text = answer.read().decode()
    return {
        " ".join([sample.name, *sample.labels.values()]): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


@pytest.fixture
def servers(live_server_process: Any, tmp_path: Path) -> list[ServerProcess]:
    environment = {**PROBE, "METRICS_DIR": str(tmp_path), "METRICS_ADDRESSES": "127.0.0.1"}
    started: list[ServerProcess] = live_server_process(2, fresh=True, environment=environment)
    return started


def test_one_scrape_has_the_requests_and_sockets_of_all_web_processes(
    servers: list[ServerProcess], bare_client: Any, sio_client: Any, token: str
) -> None:
    first, second = servers
    plain = bare_client(first, token)
    websocket = sio_client(second, token, transports=["websocket"]).wait_connected()
    polling = sio_client(second, token, transports=["polling"]).wait_connected()
    for client in (plain, websocket, polling):
        assert client.call("probe:join", {"room": STREAM})["success"]
    plain.call("probe:publish", {"room": STREAM, "event": "probe:said", "count": 10})
    for client in (plain, websocket, polling):
        client.expect("probe:said", n=9)
    for server in servers:
        request = urllib.request.Request(f"{server.url}/api/v1/feeds/discover")
        request.add_header("Authorization", f"Bearer {token}")
        with urllib.request.urlopen(request, timeout=20):
            pass

    def has_all() -> bool:
        # What the other process measures of itself is up to METRICS_SAMPLED_EVERY old.
        return scrape(first).get("souk_rooms stream") == 2

    wait_until(has_all, "the other process's sample", 30)
    shown = scrape(first)
    assert shown["souk_sockets websocket"] == 1
    assert shown["souk_sockets socketio_websocket"] == 1
    assert shown["souk_sockets socketio_polling"] == 1
    assert shown["souk_socket_deliveries_total"] >= 30
    assert shown["souk_socket_commands_total probe:join ok"] == 3
    assert shown["souk_http_requests_total GET /api/v1/feeds/discover 200"] == 2
    assert shown["souk_http_request_duration_seconds_count GET /api/v1/feeds/discover"] == 2
    assert shown["souk_processes web"] == 2
    assert shown["souk_database_pool_connections threads limit"] > 0

    second.kill()
    left = scrape(first)
    assert left["souk_processes web"] == 1
    assert "souk_sockets socketio_websocket" not in left or left["souk_sockets socketio_websocket"] == 0
    assert left["souk_http_requests_total GET /api/v1/feeds/discover 200"] == 2
