"""Five requests of the API as FastAPI, SQLAlchemy and asyncpg answer them, in the project's shapes.

The checks, the rows, the counts in Redis and the events are the project's; the statements are written by
hand, each sent once. What a client could send wrong is left to pydantic.
"""

import asyncio
import os
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Annotated, Any, Literal
from uuid import UUID

import jwt
import orjson
from fastapi import Depends, FastAPI, HTTPException, Query, Request, Response
from pydantic import BaseModel, StringConstraints
from redis.asyncio import Redis
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine

HIT = os.environ["API_RATE_SCRIPT"]
MEDIA_URL = os.environ["MEDIA_URL"]
engine = create_async_engine(
    os.environ["API_DATABASE_URL"],
    pool_size=20,
    max_overflow=0,
    pool_use_lifo=True,
    connect_args={"server_settings": {"max_parallel_workers_per_gather": "0", "jit": "off"}},
)
redis = Redis.from_url(os.environ["REDIS_URL"])
tasks: set[asyncio.Task[Any]] = set()
tokens: dict[str, tuple[UUID, int, float]] = {}


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    yield
    await engine.dispose()
    await redis.aclose()


app = FastAPI(lifespan=lifespan)


async def connection() -> AsyncIterator[AsyncConnection]:
    async with engine.connect() as link:
        yield link


Link = Annotated[AsyncConnection, Depends(connection)]

USER = """
SELECT id, email, username, phone, full_name, role, bio, avatar, neighborhood,
  ST_Y(location::geometry) AS latitude, ST_X(location::geometry) AS longitude,
  email_confirmed_at, phone_confirmed_at, is_verified, has_verified_badge, is_active, banned_at, deleted_at,
  token_version, last_login_at, created_at, updated_at
FROM accounts_user WHERE id = $1
"""


async def current_user(request: Request, link: Link) -> Any:
    """Verify the token, read whose it is, and count the request."""
    token = request.headers.get("authorization", "").removeprefix("Bearer ")
    known = tokens.get(token)
    if known is None:
        claims = jwt.decode(
            token, os.environ["SECRET_KEY"], algorithms=["HS256"], audience="soukloop", issuer="soukloop"
        )
        if claims["token_type"] != "access":
            raise HTTPException(401)
        known = tokens[token] = UUID(claims["sub"]), claims["ver"], claims["exp"]
    user_id, version, expires_at = known
    if expires_at <= datetime.now(UTC).timestamp():
        raise HTTPException(401)
    user = (await link.exec_driver_sql(USER, (user_id,))).first()
    if user is None or user.deleted_at or user.banned_at or user.token_version != version:
        raise HTTPException(401)
    wait: list[int] = await redis.eval(
        HIT, 1, f"rate:default:user:{user_id}", uuid.uuid4().hex, 1, 60_000, 1_000_000
    )
    if wait[0]:
        raise HTTPException(429)
    return user


User = Annotated[Any, Depends(current_user)]


@app.get("/api/v1/auth/me")
async def me(user: User) -> Response:
    place = user.latitude is not None
    return answer(
        {
            "id": user.id,
            "email": user.email,
            "is_email_confirmed": user.email_confirmed_at is not None,
            "username": user.username,
            "phone": user.phone,
            "is_phone_confirmed": user.phone_confirmed_at is not None,
            "full_name": user.full_name,
            "role": user.role,
            "bio": user.bio,
            "avatar_url": media(user.avatar),
            "neighborhood": user.neighborhood,
            "location": {"latitude": user.latitude, "longitude": user.longitude} if place else None,
            "is_verified": user.is_verified,
            "has_verified_badge": user.has_verified_badge,
            "is_active": user.is_active,
            "last_login_at": user.last_login_at,
            "created_at": user.created_at,
            "updated_at": user.updated_at,
        }
    )


PRODUCT = """
SELECT p.id, p.title, p.description, p.price, p.currency, p.category_id, p.condition, p.feed_type, p.status,
  p.platform_fee, p.seller_payout, p.neighborhood, p.image_urls, p.thumbnail_url, p.video_url,
  p.video_thumbnail_url, p.tags, p.live_stream_id, p.accepts_offers, p.favorite_count, p.view_count,
  p.created_at, p.updated_at, p.sold_at, p.seller_closed, p.min_offer_price, p.auto_accept_price,
  s.id AS seller_id, s.username, s.full_name, s.avatar, s.is_verified, s.is_active
FROM listings_product p JOIN accounts_user s ON s.id = p.seller_id
  JOIN listings_category c ON c.slug = p.category_id
WHERE p.id = $1 AND p.status <> 'deleted'
"""
BLOCKED = """
SELECT 1 FROM accounts_block
WHERE blocker_id = $1 AND blocked_id = $2 OR blocker_id = $2 AND blocked_id = $1 LIMIT 1
"""
FAVORITE = "SELECT 1 FROM listings_favorite WHERE user_id = $1 AND product_id = $2 LIMIT 1"


async def visible_product(link: AsyncConnection, user: Any, product_id: UUID) -> Any:
    product = (await link.exec_driver_sql(PRODUCT, (product_id,))).first()
    if product is None or product.status not in ("active", "reserved") or product.seller_closed:
        raise HTTPException(404)
    people = (user.id, product.seller_id)
    if product.seller_id != user.id and (await link.exec_driver_sql(BLOCKED, people)).first():
        raise HTTPException(404)
    return product


@app.get("/api/v1/products/{product_id}")
async def product_page(product_id: UUID, user: User, link: Link) -> Response:
    product = await visible_product(link, user, product_id)
    if product.seller_id != user.id:
        await redis.hincrby("product_views", str(product_id), 1)
    is_favorite = (await link.exec_driver_sql(FAVORITE, (user.id, product_id))).first() is not None
    return answer(
        {
            "id": product.id,
            "title": product.title,
            "description": product.description,
            "price": product.price,
            "currency": product.currency,
            "category": product.category_id,
            "condition": product.condition,
            "feed_type": product.feed_type,
            "status": product.status,
            "is_available": product.status == "active",
            "platform_fee": product.platform_fee,
            "seller_payout": product.seller_payout,
            "neighborhood": product.neighborhood,
            "image_urls": product.image_urls,
            "thumbnail_url": product.thumbnail_url or None,
            "video_url": product.video_url or None,
            "video_thumbnail_url": product.video_thumbnail_url or None,
            "tags": product.tags,
            "is_live": product.live_stream_id is not None,
            "live_stream_id": product.live_stream_id,
            "accepts_offers": product.accepts_offers,
            "favorite_count": product.favorite_count,
            "view_count": product.view_count,
            "is_favorite": is_favorite,
            "created_at": product.created_at,
            "updated_at": product.updated_at,
            "sold_at": product.sold_at,
            "seller": {
                "id": product.seller_id,
                "username": f"@{product.username}",
                "avatar_url": media(product.avatar),
                "is_verified": product.is_verified,
            },
        }
    )


HIDDEN = """
SELECT blocked_id FROM accounts_block WHERE blocker_id = $1
UNION ALL SELECT blocker_id FROM accounts_block WHERE blocked_id = $1
"""
MINE = """
FROM chat_conversation c WHERE (c.buyer_id = $1 OR c.seller_id = $1)
AND NOT (c.buyer_id = $1 AND c.buyer_archived OR c.seller_id = $1 AND c.seller_archived)
AND c.buyer_id <> ALL ($2) AND c.seller_id <> ALL ($2)
"""
COUNT = f"SELECT count(*) {MINE}"
CONVERSATIONS = f"""
SELECT c.id, c.buyer_id, c.seller_id, c.product_id, c.unread_count_buyer, c.unread_count_seller,
  c.buyer_read_seq, c.seller_read_seq, c.last_seq, c.last_message_at, c.created_at, o.id AS other_id,
  o.username, o.full_name, o.avatar, o.is_verified, p.title, p.price, p.currency, p.thumbnail_url, p.status,
  m.id AS message_id, m.seq, m.sender_id, m.message_type, m.content, m.data,
  m.client_message_id, m.hidden_at, m.created_at AS said_at
FROM (SELECT * {MINE} ORDER BY coalesce(c.last_message_at, c.created_at) DESC, c.id DESC LIMIT $3 OFFSET $4) c
JOIN accounts_user o ON o.id = CASE WHEN c.buyer_id = $1 THEN c.seller_id ELSE c.buyer_id END
LEFT JOIN listings_product p ON p.id = c.product_id LEFT JOIN chat_message m ON m.id = c.last_message_id
ORDER BY coalesce(c.last_message_at, c.created_at) DESC, c.id DESC
"""


@app.get("/api/v1/conversations")
async def conversations(
    user: User,
    link: Link,
    page: Annotated[int, Query(ge=1)] = 1,
    per_page: Annotated[int, Query(ge=1, le=100)] = 20,
) -> Response:
    hidden = [row[0] for row in await link.exec_driver_sql(HIDDEN, (user.id,))]
    total = (await link.exec_driver_sql(COUNT, (user.id, hidden))).scalar_one()
    offset = (page - 1) * per_page
    rows = (await link.exec_driver_sql(CONVERSATIONS, (user.id, hidden, per_page, offset))).all()
    others = [str(row.other_id) for row in rows]
    online = await redis.smismember("online_users", others) if others else []
    items = [conversation_body(row, user.id, bool(flag)) for row, flag in zip(rows, online, strict=True)]
    return answer(
        {
            "items": items,
            "page": page,
            "per_page": per_page,
            "total": total,
            "has_more": offset + len(items) < total,
        }
    )


def conversation_body(row: Any, user_id: UUID, is_online: bool) -> dict[str, Any]:
    return {
        "id": row.id,
        "buyer_id": row.buyer_id,
        "seller_id": row.seller_id,
        "product_id": row.product_id,
        "unread_count_buyer": row.unread_count_buyer,
        "unread_count_seller": row.unread_count_seller,
        "unread_count": row.unread_count_buyer if row.buyer_id == user_id else row.unread_count_seller,
        "buyer_read_seq": row.buyer_read_seq,
        "seller_read_seq": row.seller_read_seq,
        "last_seq": row.last_seq,
        "last_message": row.message_id
        and {
            "id": row.message_id,
            "conversation_id": row.id,
            "seq": row.seq,
            "sender_id": row.sender_id,
            "message_type": row.message_type,
            "content": "" if row.hidden_at else row.content,
            "data": {} if row.hidden_at else row.data,
            "client_message_id": row.client_message_id,
            "is_hidden": row.hidden_at is not None,
            "created_at": row.said_at,
        },
        "last_message_at": row.last_message_at,
        "is_archived": False,
        "other_user": {
            "id": row.other_id,
            "username": row.username,
            "full_name": row.full_name,
            "avatar_url": media(row.avatar),
            "is_verified": row.is_verified,
            "is_online": is_online,
        },
        "product": row.product_id
        and {
            "id": row.product_id,
            "title": row.title,
            "price": row.price,
            "currency": row.currency,
            "thumbnail_url": row.thumbnail_url,
            "status": row.status,
        },
        "created_at": row.created_at,
    }


MAY_WRITE = """
SELECT o.id, o.is_active AND NOT EXISTS (
  SELECT FROM accounts_block WHERE (blocker_id, blocked_id) IN (($1, o.id), (o.id, $1))) AS is_reachable
FROM chat_conversation c JOIN accounts_user o ON o.id IN (c.buyer_id, c.seller_id) AND o.id <> $1
WHERE c.id = $2 AND $1 IN (c.buyer_id, c.seller_id)
"""
APPEND = """
WITH counted AS (
  UPDATE chat_conversation SET last_seq = last_seq + 1, last_message_id = $1, last_message_at = $2,
    unread_count_buyer = unread_count_buyer + (buyer_id <> $3)::int,
    unread_count_seller = unread_count_seller + (seller_id <> $3)::int,
    buyer_archived = false, seller_archived = false
  WHERE id = $4 AND NOT EXISTS (
    SELECT FROM chat_message WHERE conversation_id = $4 AND sender_id = $3 AND client_message_id = $5)
  RETURNING last_seq, buyer_id, seller_id, unread_count_buyer, unread_count_seller
), said AS (
  INSERT INTO chat_message (id, conversation_id, seq, sender_id, message_type, content, data,
    client_message_id, hidden_reason, created_at)
  SELECT $1, $4, last_seq, $3, $6, $7, $8::jsonb, $5, '', $2 FROM counted
)
SELECT last_seq, buyer_id, seller_id, unread_count_buyer, unread_count_seller FROM counted
"""


class MessageInput(BaseModel):
    message_type: Literal["text", "image"] = "text"
    content: Annotated[str, StringConstraints(min_length=1, max_length=4000)]
    client_message_id: Annotated[str, StringConstraints(max_length=64)] | None = None


@app.post("/api/v1/conversations/{conversation_id}/messages", status_code=201)
async def send_message(conversation_id: UUID, body: MessageInput, user: User, link: Link) -> Response:
    found = (await link.exec_driver_sql(MAY_WRITE, (user.id, conversation_id))).first()
    if found is None:
        raise HTTPException(404)
    if not found.is_reachable:
        raise HTTPException(403)
    [is_online] = await redis.smismember("online_users", [str(found.id)])
    message, counted = await append(
        link, conversation_id, user, body.message_type, body.content, {}, body.client_message_id
    )
    events = message_events(message, counted, user)
    if not is_online:
        unread = counted.unread_count_seller if counted.buyer_id == user.id else counted.unread_count_buyer
        data = {
            "conversation_id": str(conversation_id),
            "message_id": str(message["id"]),
            "unread_count": unread,
        }
        key = f"conversation:{conversation_id}"
        events += await notify(
            link, found.id, user.id, "message_new", user.full_name, body.content, data, key
        )
    await link.commit()
    publish(events)
    return answer(message, 201)


async def append(
    link: AsyncConnection,
    conversation_id: UUID,
    user: Any,
    message_type: str,
    content: str,
    data: dict[str, Any],
    client_message_id: str | None = None,
) -> tuple[dict[str, Any], Any]:
    message_id, now = uuid.uuid4(), datetime.now(UTC)
    params = (
        message_id,
        now,
        user.id,
        conversation_id,
        client_message_id,
        message_type,
        content,
        orjson.dumps(data).decode(),
    )
    counted = (await link.exec_driver_sql(APPEND, params)).one()
    message = {
        "id": message_id,
        "conversation_id": conversation_id,
        "seq": counted.last_seq,
        "sender_id": user.id,
        "message_type": message_type,
        "content": content,
        "data": data,
        "client_message_id": client_message_id,
        "is_hidden": False,
        "created_at": now,
    }
    return message, counted


Event = tuple[str, str, dict[str, Any]]  # room, name, data


def message_events(message: dict[str, Any], counted: Any, user: Any) -> list[Event]:
    payload = {
        "messageId": message["id"],
        "conversationId": message["conversation_id"],
        "seq": message["seq"],
        "userId": user.id,
        "username": user.username,
        "content": message["content"],
        "messageType": message["message_type"],
        "data": message["data"],
        "clientMessageId": message["client_message_id"],
        "timestamp": message["created_at"],
    }
    return [(f"user.{each}", "message:new", payload) for each in (counted.buyer_id, counted.seller_id)]


RECIPIENT = """
SELECT id FROM accounts_user u WHERE id = $1 AND is_active AND NOT EXISTS (
  SELECT FROM accounts_block WHERE (blocker_id, blocked_id) IN ((u.id, $2), ($2, u.id)))
"""
UNREAD = """
SELECT id FROM notifications_notification
WHERE user_id = $1 AND collapse_key = $2 AND read_at IS NULL FOR UPDATE
"""
RENEW = """
UPDATE notifications_notification
SET params = $2::jsonb, data = $3::jsonb, created_at = $4, version = version + 1 WHERE id = $1
"""
NOTIFY = """
INSERT INTO notifications_notification
    (id, user_id, actor_id, kind, params, data, collapse_key, created_at, version, is_in_inbox)
VALUES ($1, $2, $3, $4, $5::jsonb, $6::jsonb, $7, $8, 1, TRUE) ON CONFLICT DO NOTHING
"""


async def notify(
    link: AsyncConnection,
    user_id: UUID,
    actor_id: UUID,
    kind: str,
    title: str,
    body: str,
    data: dict[str, Any],
    collapse_key: str | None = None,
) -> list[Event]:
    if (await link.exec_driver_sql(RECIPIENT, (user_id, actor_id))).first() is None:
        return []
    now, encoded = datetime.now(UTC), orjson.dumps(data).decode()
    params = orjson.dumps({"title": title, "body": body}).decode()
    unread = None
    if collapse_key:
        unread = (await link.exec_driver_sql(UNREAD, (user_id, collapse_key))).first()
    if unread:
        notification_id = unread.id
        await link.exec_driver_sql(RENEW, (notification_id, params, encoded, now))
    else:
        notification_id = uuid.uuid4()
        row = (notification_id, user_id, actor_id, kind, params, encoded, collapse_key, now)
        await link.exec_driver_sql(NOTIFY, row)
    payload = {
        "notificationId": notification_id,
        "kind": kind,
        "title": title,
        "body": body,
        "data": data,
        "timestamp": now,
    }
    return [(f"user.{user_id}", "notification:new", payload)]


CONVERSATION = "SELECT id FROM chat_conversation WHERE buyer_id = $1 AND seller_id = $2 AND product_id = $3"
OPEN = """
INSERT INTO chat_conversation (id, buyer_id, seller_id, product_id, last_seq, buyer_read_seq, seller_read_seq,
  unread_count_buyer, unread_count_seller, buyer_archived, seller_archived, created_at)
VALUES ($1, $2, $3, $4, 0, 0, 0, 0, 0, false, false, $5)
"""
LOCKED = """
SELECT status, seller_closed, accepts_offers, price, currency, min_offer_price, auto_accept_price,
  live_stream_id, feed_type
FROM listings_product WHERE id = $1 FOR NO KEY UPDATE
"""
STANDING = """
SELECT id, buyer_id FROM offers_offer WHERE product_id = $1 AND status = 'pending' ORDER BY id FOR UPDATE
"""
OFFER = """
INSERT INTO offers_offer (id, product_id, buyer_id, seller_id, made_by_id, conversation_id, offered_price,
  original_price, currency, message, client_offer_id, status, stream_id, expires_at, close_reason, created_at,
  fee_feed_type)
VALUES ($1, $2, $3, $4, $3, $5, $6, $7, $8, $9, $10, 'pending', $11, $12, '', $13, $14)
"""
ENTRY = """
INSERT INTO offers_offerevent (offer_id, kind, actor_id, reason, created_at)
VALUES ($1, 'created', $2, '', $3)
"""


class OfferInput(BaseModel):
    product_id: UUID
    offered_price: Decimal
    message: Annotated[str, StringConstraints(max_length=1000)] = ""
    client_offer_id: Annotated[str, StringConstraints(max_length=64)] = ""


@app.post("/api/v1/offers", status_code=201)
async def make_offer(body: OfferInput, user: User, link: Link) -> Response:
    product = await visible_product(link, user, body.product_id)
    locked = (await link.exec_driver_sql(LOCKED, (body.product_id,))).one()
    if locked.status != "active" or locked.seller_closed or not locked.accepts_offers:
        raise HTTPException(409)
    if product.seller_id == user.id or not product.is_active:
        raise HTTPException(403)
    if not 0 < body.offered_price <= locked.price:
        raise HTTPException(400)
    if locked.min_offer_price or locked.auto_accept_price:
        raise HTTPException(501)  # not in this benchmark
    now = datetime.now(UTC)
    people = (user.id, product.seller_id, body.product_id)
    conversation = (await link.exec_driver_sql(CONVERSATION, people)).first()
    conversation_id = conversation.id if conversation else uuid.uuid4()
    if conversation is None:
        await link.exec_driver_sql(OPEN, (conversation_id, *people, now))
    standing = (await link.exec_driver_sql(STANDING, (body.product_id,))).all()
    if any(each.buyer_id == user.id for each in standing):
        raise HTTPException(501)  # not in this benchmark
    offer_id, expires_at = uuid.uuid4(), now + timedelta(hours=24)
    await link.exec_driver_sql(
        OFFER,
        (
            offer_id,
            body.product_id,
            user.id,
            product.seller_id,
            conversation_id,
            body.offered_price,
            locked.price,
            locked.currency,
            body.message,
            body.client_offer_id,
            locked.live_stream_id,
            expires_at,
            now,
            locked.feed_type,
        ),
    )
    await link.exec_driver_sql(ENTRY, (offer_id, user.id, now))
    amount = f"{locked.currency} {body.offered_price}"
    data = {
        "offer_id": str(offer_id),
        "offered_price": str(body.offered_price),
        "currency": locked.currency,
        "parent_id": None,
    }
    message, counted = await append(
        link, conversation_id, user, "offer", body.message or f"Offer: {amount}", data
    )
    payload = {
        "offerId": offer_id,
        "productId": body.product_id,
        "conversationId": conversation_id,
        "buyerId": user.id,
        "sellerId": product.seller_id,
        "madeBy": user.id,
        "parentId": None,
        "offeredPrice": body.offered_price,
        "originalPrice": locked.price,
        "currency": locked.currency,
        "message": body.message,
        "status": "pending",
        "closeReason": None,
        "streamId": locked.live_stream_id,
        "transactionId": None,
        "expiresAt": expires_at,
        "createdAt": now,
        "timestamp": now,
    }
    feed = {
        "productId": body.product_id,
        "streamId": locked.live_stream_id,
        "offeredPrice": body.offered_price,
        "currency": locked.currency,
        "status": "pending",
        "timestamp": now,
    }
    told = {
        "offer_id": str(offer_id),
        "product_id": str(body.product_id),
        "conversation_id": str(conversation_id),
    }
    title = f"@{user.username} offers {amount}"
    events = [
        (f"user.{user.id}", "offer:created", payload),
        (f"user.{product.seller_id}", "offer:new", payload),
        *message_events(message, counted, user),
        (f"product.{body.product_id}", "offer:feed", feed),
        *await notify(link, product.seller_id, user.id, "offer_new", title, product.title, told),
    ]
    await link.commit()
    publish(events)
    return answer(
        {
            "id": offer_id,
            "product_id": body.product_id,
            "buyer_id": user.id,
            "seller_id": product.seller_id,
            "made_by": user.id,
            "conversation_id": conversation_id,
            "parent_id": None,
            "offered_price": body.offered_price,
            "original_price": locked.price,
            "currency": locked.currency,
            "message": body.message,
            "status": "pending",
            "close_reason": None,
            "stream_id": locked.live_stream_id,
            "transaction_id": None,
            "client_offer_id": body.client_offer_id or None,
            "expires_at": expires_at,
            "closed_at": None,
            "created_at": now,
            "product": {
                "id": body.product_id,
                "title": product.title,
                "price": product.price,
                "currency": product.currency,
                "thumbnail_url": product.thumbnail_url,
                "status": product.status,
            },
            "other_user": {
                "id": product.seller_id,
                "username": product.username,
                "full_name": product.full_name,
                "avatar_url": media(product.avatar),
                "is_verified": product.is_verified,
            },
        },
        201,
    )


def publish(events: list[Event]) -> None:
    """Send the events of a transaction that has committed, without making its client wait."""
    task = asyncio.create_task(_send(events))
    tasks.add(task)
    task.add_done_callback(tasks.discard)


async def _send(events: list[Event]) -> None:
    pipeline = redis.pipeline(transaction=False)
    for room, event, data in events:
        message = {"type": "event", "room": room, "event": event, "data": data}
        pipeline.publish(f"soukloop__group__{room}", dumps(message))
    await pipeline.execute()


def answer(data: Any, status: int = 200) -> Response:
    return Response(dumps({"success": True, "data": data}), status, media_type="application/json")


def dumps(value: Any) -> bytes:
    return orjson.dumps(value, default=_encoded, option=orjson.OPT_UTC_Z | orjson.OPT_OMIT_MICROSECONDS)


def _encoded(value: Any) -> Any:
    # asyncpg's UUIDs are a subclass, which orjson leaves to its caller.
    return float(value) if isinstance(value, Decimal) else str(value)


def media(name: str) -> str | None:
    return f"{MEDIA_URL}uploads/{name}" if name else None
