"""The contract's load test: 100 standard clients in one stream, with 5 messages and 3 reactions each."""

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from accounts.tests.factories import make_user
from accounts.tokens import access_token_for
from livestream import live_counts
from livestream.models import ChatMessage, Stream
from livestream.services import reactions, room_sweeps, streams
from livestream.tests.factories import make_live_stream
from soukloop.realtime.testing.clients import JS_CLIENT
from soukloop.realtime.testing.node import NODE
from soukloop.realtime.testing.servers import ServerProcess

VIEWERS, MESSAGES, REACTIONS = 100, 5, 3


@pytest.mark.usefixtures("_node_modules")
def test_a_hundred_viewers_chat_and_react_and_nothing_is_lost(
    live_server_process: Callable[..., list[ServerProcess]], transactional_db: None
) -> None:
    server = live_server_process(fresh=True)[0]
    stream = make_live_stream()
    report = run_crowd(server, stream)
    print(json.dumps(report["milliseconds"], indent=1))
    assert report["refusals"] == []
    assert report["joined"] == VIEWERS
    expected = list(range(1, VIEWERS * MESSAGES + 1))
    assert all(sorted(seqs) == expected for seqs in report["seqs"]), "each message to each viewer, once"
    assert set(report["reactions"]) == {VIEWERS * REACTIONS}
    assert ChatMessage.objects.count() == VIEWERS * MESSAGES
    room_sweeps.sweep_room(stream_id=stream.pk)
    reactions.persist_reaction_totals(stream_id=stream.pk)
    assert sum(live_counts.reactions(stream.pk).values()) == VIEWERS * REACTIONS
    ended = streams.end_stream(actor=stream.seller, stream_id=stream.pk)
    assert (ended.peak_viewers, ended.unique_viewers) == (VIEWERS, VIEWERS)
    assert (ended.total_likes, ended.chat_count) == (VIEWERS * REACTIONS, VIEWERS * MESSAGES)
    assert "Traceback" not in server.log()
    assert "ERROR" not in server.log()


def run_crowd(server: ServerProcess, stream: Stream) -> dict[str, Any]:
    plan = {
        "url": server.url,
        "streamId": str(stream.pk),
        "tokens": [access_token_for(make_user()) for _ in range(VIEWERS)],
        "messages": MESSAGES,
        "reactions": REACTIONS,
    }
    done = subprocess.run(
        [NODE, str(Path(__file__).parent / "js" / "crowd.js")],
        input=json.dumps(plan).encode(),
        capture_output=True,
        timeout=180,
        env={**os.environ, "NODE_PATH": str(JS_CLIENT / "node_modules")},
        check=True,
    )
    report: dict[str, Any] = json.loads(done.stdout)
    return report
