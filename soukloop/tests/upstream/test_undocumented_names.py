"""The undocumented names of libraries that the code uses; an upgrade that changes one fails here first.

docs/upgrading.md lists them.
"""

import asyncio
import inspect
from collections.abc import Callable
from typing import Any, cast

import httptools
import pytest
import socketio
import wsproto
from channels.consumer import AsyncConsumer
from channels.layers import BaseChannelLayer
from channels_redis.serializers import registry
from django.conf import settings
from django.contrib.admin import AdminSite
from django.contrib.gis.db.backends.postgis.base import DatabaseWrapper as PostgisWrapper
from django.db import connection
from django.db.backends.postgresql.base import DatabaseWrapper as PostgresqlWrapper
from drf_spectacular.hooks import postprocess_schema_enums
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.plumbing import ComponentRegistry
from engineio import AsyncServer as EngineServer
from engineio.async_socket import AsyncSocket
from engineio.packet import MESSAGE, Packet
from redis.asyncio import Redis
from redis.asyncio.client import PubSub
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.protocols.websockets.wsproto_impl import WSProtocol
from uvicorn.server import ServerState
from wsproto.connection import ConnectionState

SIGNATURES: dict[str, tuple[Callable[..., Any], str]] = {
    "WSProtocol.__init__": (WSProtocol.__init__, "self config server_state app_state _loop"),
    "WSProtocol.handle_connect": (WSProtocol.handle_connect, "self event"),
    "WSProtocol.handle_message": (WSProtocol.handle_message, "self event"),
    "WSProtocol.handle_close": (WSProtocol.handle_close, "self event"),
    "WSProtocol.stop_keepalive": (WSProtocol.stop_keepalive, "self"),
    "HttpToolsProtocol.__init__": (HttpToolsProtocol.__init__, "self config server_state app_state _loop"),
    "HttpToolsProtocol.connection_made": (HttpToolsProtocol.connection_made, "self transport"),
    "HttpToolsProtocol.connection_lost": (HttpToolsProtocol.connection_lost, "self exc"),
    "HttpToolsProtocol.data_received": (HttpToolsProtocol.data_received, "self data"),
    "HttpToolsProtocol.on_message_begin": (HttpToolsProtocol.on_message_begin, "self"),
    "HttpToolsProtocol.on_headers_complete": (HttpToolsProtocol.on_headers_complete, "self"),
    "HttpToolsProtocol.on_message_complete": (HttpToolsProtocol.on_message_complete, "self"),
    "HttpToolsProtocol.handle_websocket_upgrade": (HttpToolsProtocol.handle_websocket_upgrade, "self"),
    "HttpToolsProtocol.send_400_response": (HttpToolsProtocol.send_400_response, "self msg"),
    "HttpToolsProtocol._should_upgrade": (HttpToolsProtocol._should_upgrade, "self"),
    "HttpToolsProtocol._unset_keepalive_if_required": (
        HttpToolsProtocol._unset_keepalive_if_required,
        "self",
    ),
    "AsyncSocket.close": (AsyncSocket.close, "self wait abort reason"),
    "AsyncServer.create_queue": (EngineServer.create_queue, "self args kwargs"),
    "engineio.packet.Packet": (Packet.__init__, "self packet_type data encoded_packet"),
    "AsyncConsumer.__call__": (AsyncConsumer.__call__, "self scope receive send"),
    "AsyncConsumer.dispatch": (AsyncConsumer.dispatch, "self message"),
    "BaseChannelLayer.require_valid_channel_name": (
        BaseChannelLayer.require_valid_channel_name,
        "self name receive",
    ),
    "BaseChannelLayer.require_valid_group_name": (BaseChannelLayer.require_valid_group_name, "self name"),
    "registry.get_serializer": (registry.get_serializer, "format args kwargs"),
    "DatabaseWrapper.get_connection_params": (connection.get_connection_params, ""),
    "DatabaseWrapper._commit": (cast(Any, PostgisWrapper)._commit, "self"),
    "DatabaseWrapper._configure_connection": (
        cast(Any, PostgisWrapper)._configure_connection,
        "self connection",
    ),
    "DatabaseWrapper.register_geometry_adapters": (
        PostgisWrapper.register_geometry_adapters,
        "self pg_connection clear_caches",
    ),
    "AutoSchema.resolve_serializer": (
        AutoSchema.resolve_serializer,
        "self serializer direction bypass_extensions",
    ),
    "postprocess_schema_enums": (postprocess_schema_enums, "result generator kwargs"),
    "ComponentRegistry.build": (ComponentRegistry.build, "self extra_components"),
    "AdminSite.password_change": (AdminSite.password_change, "self request extra_context"),
}


@pytest.mark.parametrize("name", SIGNATURES)
def test_a_function_takes_the_parameters_that_we_pass_or_override(name: str) -> None:
    function, parameters = SIGNATURES[name]
    assert list(inspect.signature(function).parameters) == parameters.split()


async def test_uvicorns_protocol_has_the_attributes_that_ours_uses() -> None:
    config = Config(app=lambda scope: None, ws_max_size=1000)
    protocol = WSProtocol(config, ServerState(), {}, asyncio.get_running_loop())
    assert isinstance(protocol.conn, wsproto.WSConnection)
    assert protocol.conn.state is ConnectionState.CONNECTING
    assert isinstance(protocol.queue, asyncio.Queue)
    assert (protocol.close_sent, protocol.disconnected) == (False, False)
    assert hasattr(protocol, "transport")
    assert protocol.loop is asyncio.get_running_loop()
    assert protocol.buffer.max_length == 1000, "the limit is read from the config"


async def test_uvicorns_http_protocol_has_the_attributes_that_ours_uses() -> None:
    protocol = HttpToolsProtocol(
        Config(app=lambda scope: None), ServerState(), {}, asyncio.get_running_loop()
    )
    assert isinstance(protocol.parser, httptools.HttpRequestParser)
    assert protocol.loop is asyncio.get_running_loop()
    assert protocol.transport is None
    assert protocol.client is None
    protocol.on_message_begin()
    assert (protocol.url, protocol.headers) == (b"", [])


def test_httptools_says_where_the_headers_of_an_offered_upgrade_end() -> None:
    head = b"POST / HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: h2c\r\nContent-Length: 4\r\n\r\n"
    parser = httptools.HttpRequestParser(object())
    with pytest.raises(httptools.HttpParserUpgrade) as raised:
        parser.feed_data(head + b"body")
    assert raised.value.args == (len(head),)
    assert parser.should_upgrade()
    assert (parser.get_method(), parser.get_http_version()) == (b"POST", "1.1")
    parser.set_dangerous_leniencies(lenient_data_after_close=True)


async def test_a_uvicorn_websockets_scope_is_a_dict_that_takes_further_extensions() -> None:
    protocol = WSProtocol(Config(app=lambda scope: None), ServerState(), {}, asyncio.get_running_loop())
    protocol.run_asgi = _do_nothing  # type: ignore[method-assign]
    protocol.handle_connect(wsproto.events.Request(host="localhost", target="/ws/"))
    assert isinstance(protocol.scope["extensions"], dict)


async def test_socketio_runs_an_engine_whose_handlers_can_be_wrapped() -> None:
    server = socketio.AsyncServer(async_mode="asgi")
    engine = server.eio
    assert isinstance(engine, EngineServer)
    assert set(engine.handlers) == {"connect", "message", "disconnect"}
    engine.on("message", _do_nothing)
    assert engine.handlers["message"] is _do_nothing
    assert (server.environ, engine.sockets) == ({}, {})


async def test_an_engineio_session_uses_the_servers_queue_and_says_how_far_its_upgrade_is() -> None:
    engine = EngineServer(async_mode="asgi")
    queue: asyncio.Queue[Any] = asyncio.Queue()
    engine.create_queue = lambda: queue
    session = AsyncSocket(engine, "some-id")
    assert session.queue is queue
    assert (session.upgraded, session.upgrading, session.closed) == (False, False, False)
    assert (session.sid, session.server) == ("some-id", engine)


async def test_none_in_an_engineio_queue_ends_its_writer() -> None:
    engine = EngineServer(async_mode="asgi")
    session = AsyncSocket(engine, "some-id")
    session.queue.put_nowait(None)
    assert await session.poll() == []


def test_an_engineio_message_is_encoded_as_its_type_and_text() -> None:
    assert Packet(MESSAGE, "2[]").encode() == "42[]"


async def test_an_engineio_environ_has_the_asgi_scope() -> None:
    engine = EngineServer(async_mode="asgi")
    environs: list[dict[str, Any]] = []
    engine.on("connect", lambda session_id, environ: environs.append(environ))
    scope = {
        "type": "http",
        "method": "GET",
        "path": "/socket.io/",
        "raw_path": b"/socket.io/",
        "query_string": b"EIO=4&transport=polling",
        "headers": [],
        "http_version": "1.1",
        "scheme": "http",
    }
    await engine.handle_request(scope, _request, _do_nothing)
    assert environs[0]["asgi.scope"] is scope
    assert len(engine.sockets) == 1


async def test_a_channels_consumer_sends_through_base_send() -> None:
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    consumer = AsyncConsumer()
    consumer.base_send = send
    await consumer.send({"type": "websocket.accept"})
    assert sent == [{"type": "websocket.accept"}]


def test_channels_redis_has_a_serializer_of_the_default_format() -> None:
    serializer = registry.get_serializer("msgpack", symmetric_encryption_keys=None)
    assert serializer.deserialize(serializer.serialize({"data": b"\xff"})) == {"data": b"\xff"}


async def test_a_redis_pubsub_says_whether_it_is_subscribed() -> None:
    client = Redis.from_url(settings.REDIS_URL)
    pubsub: PubSub = client.pubsub()
    assert not pubsub.subscribed
    await pubsub.subscribe("upstream")
    assert pubsub.subscribed
    await pubsub.aclose()
    await client.aclose()


def test_djangos_wrapper_takes_connections_from_its_pool_and_returns_them_to_theirs() -> None:
    assert isinstance(PostgisWrapper.pool, property)
    assert isinstance(PostgisWrapper._connection_pools, dict)
    names = inspect.unwrap(cast(Any, PostgresqlWrapper).get_new_connection).__code__.co_names
    assert {"pool", "open", "getconn"} <= set(names)
    assert {"_pool", "putconn"} <= set(cast(Any, PostgresqlWrapper)._close.__code__.co_names)


def test_the_documentation_lists_each_name() -> None:
    page = (settings.BASE_DIR / "docs" / "upgrading.md").read_text()
    assert [name for name in SIGNATURES if f"`{name}`" not in page] == []


async def _do_nothing(*args: Any) -> None:
    pass


async def _request() -> dict[str, Any]:
    return {"type": "http.request", "body": b"", "more_body": False}
