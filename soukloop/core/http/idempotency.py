"""`Idempotency-Key`: a request that is sent again gets the first response and has no second effect."""

import functools
import hashlib
from collections.abc import Callable
from typing import Any
from uuid import UUID

import orjson
from django.conf import settings
from django.core.files.uploadedfile import UploadedFile
from django.db import connection, transaction
from django.utils.translation import gettext_lazy as _
from rest_framework.request import Request
from rest_framework.response import Response

from soukloop.core import jsonlib
from soukloop.core.db.clock import database_now
from soukloop.core.db.outage import repeat_if_lost
from soukloop.core.encryption import keyed_hashes
from soukloop.core.error_codes import CoreErrorCode
from soukloop.core.errors import BadRequest, IdempotencyMismatch
from soukloop.core.http.requests import client_ip
from soukloop.core.http.stored_bodies import pack_body, unpack_body
from soukloop.core.models import IdempotencyRecord

Handler = Callable[..., Response]
_INPUT_HEADERS = ("Upload-Length", "Upload-Metadata")  # in which tus has what others have in a body


def idempotent(handler: Handler) -> Handler:
    """Wrap a view's `post` so that its effect and its response commit together, once per key and owner.

    A concurrent duplicate waits at an advisory lock until the first has committed, then gets its response. A
    refused request leaves no record, so it may be corrected and sent again with the same key. If the
    connection to PostgreSQL is lost meanwhile, the request is carried out again, as if it had been repeated.
    """
    return _idempotent(handler, None)


def idempotent_after(prepare: Callable[[Request], None]) -> Callable[[Handler], Handler]:
    """Do the same, and call `prepare(request)`, which takes long, before the transaction begins.

    A repeated request is answered without it.
    """
    return functools.partial(_idempotent, prepare=prepare)


def _idempotent(handler: Handler, prepare: Callable[[Request], None] | None) -> Handler:
    @functools.wraps(handler)
    def wrapper(view: Any, request: Request, *args: Any, **kwargs: Any) -> Response:
        key = request.headers.get("Idempotency-Key")
        if key is None:
            return handler(view, request, *args, **kwargs)
        if not key.strip() or len(key) > 255 or not key.isprintable():
            message = _("The Idempotency-Key must have 1 to 255 printable characters.")
            raise BadRequest(message, code=CoreErrorCode.BAD_IDEMPOTENCY_KEY)
        owner = f"user:{request.user.pk}" if request.user.is_authenticated else f"ip:{client_ip(request)}"
        record_id = _record_id(owner, key)
        fingerprints = _fingerprints(request)
        if prepare is not None and _stored(record_id) is None:
            prepare(request)
        call = functools.partial(handler, view, request, *args, **kwargs)
        # Whether the transaction was committed before its connection was lost is then seen by the record.
        return repeat_if_lost(functools.partial(_answer_once, record_id, fingerprints, call))

    wrapper.is_idempotent = True  # type: ignore[attr-defined]
    return wrapper


def _answer_once(record_id: UUID, fingerprints: list[UUID], call: Callable[[], Response]) -> Response:
    """Call the view's handler and store its response, or return the one that is stored."""
    with transaction.atomic():
        _lock(record_id)
        record = _stored(record_id)
        if record is not None:
            if record.fingerprint not in fingerprints:
                raise IdempotencyMismatch
            return Response(
                orjson.Fragment(unpack_body(record.body)),
                status=record.status,
                headers={"Idempotent-Replayed": "true"},
            )
        response = call()
        body = pack_body(jsonlib.dumps(response.data))
        _store(record_id, fingerprints[0], response.status_code, body)
        return response


def _record_id(owner: str, key: str) -> UUID:
    """Return a digest of the owner and the key; the migration 0002 computes the same."""
    return UUID(bytes=hashlib.sha256(f"{owner}\n{key}".encode()).digest()[:16])


def _lock(record_id: UUID) -> None:
    """Wait until no other transaction works on a request with this key.

    A row that is inserted first, for others to wait at, would have to be updated with the response: that
    leaves a dead row for each request.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [(record_id.int >> 64) - (1 << 63)])


def _stored(record_id: UUID) -> IdempotencyRecord | None:
    cutoff = database_now() - settings.IDEMPOTENCY_TTL
    return IdempotencyRecord.objects.filter(pk=record_id, created_at__gte=cutoff).first()


def _store(record_id: UUID, fingerprint: UUID, status: int, body: bytes) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO core_idempotencyrecord (id, fingerprint, created_at, status, body)"
            " VALUES (%s, %s, now(), %s, %s) ON CONFLICT (id) DO UPDATE"  # an expired one
            " SET (fingerprint, created_at, status, body)"
            " = (EXCLUDED.fingerprint, EXCLUDED.created_at, EXCLUDED.status, EXCLUDED.body)",
            [record_id, fingerprint, status, body],
        )


def _digest(file: "UploadedFile[Any]") -> bytes:
    digest = hashlib.sha256()
    for chunk in file.chunks():
        digest.update(chunk)
    file.seek(0)
    return digest.digest()


def _fingerprints(request: Request) -> list[UUID]:
    """Return what the record of this request may have, several while SECRET_KEY is replaced."""
    body = jsonlib.dumps(request.data) if isinstance(request.data, dict) else b""
    files = [_digest(file) for file in request.FILES.values()]
    headers = [request.headers[name].encode() for name in _INPUT_HEADERS if name in request.headers]
    message = b"\0".join([str(request.method).encode(), request.path.encode(), body, *files, *headers])
    # Keyed: a body may hold a password, which could be guessed from a plain hash in a copy of the table.
    return [UUID(bytes=digest[:16]) for digest in keyed_hashes("core.idempotency", message)]
