"""A provider's webhooks as FastAPI and asyncpg receive them: the signature, one row once, and a job."""

import hashlib
import hmac
import os
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
import orjson
from fastapi import FastAPI, Request, Response

SECRET = os.environ["WEBHOOK_SECRET"].encode()
TOLERANCE = 300
_STORE = """
WITH stored AS (
    INSERT INTO peer_webhook (event_id, body) VALUES ($1, $2) ON CONFLICT (event_id) DO NOTHING RETURNING id
)
INSERT INTO peer_job (event_id, status) SELECT id, 'todo' FROM stored
"""


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    async with asyncpg.create_pool(os.environ["DATABASE_URL"], min_size=4, max_size=16) as pool:
        app.state.pool = pool
        yield


app = FastAPI(lifespan=lifespan)


@app.post("/webhooks")
async def receive(request: Request) -> Response:
    body = await request.body()
    parts = dict(
        part.split("=", 1) for part in request.headers.get("stripe-signature", "").split(",") if "=" in part
    )
    at = parts.get("t", "0")
    expected = hmac.new(SECRET, at.encode() + b"." + body, hashlib.sha256).hexdigest()
    if not hmac.compare_digest(expected, parts.get("v1", "")) or abs(time.time() - int(at)) > TOLERANCE:
        return Response(b'{"success":false}', status_code=400, media_type="application/json")
    event = orjson.loads(body)
    await app.state.pool.execute(_STORE, event["id"], body.decode())
    return Response(b'{"success":true,"data":{"received":true}}', media_type="application/json")
