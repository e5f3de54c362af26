"""`Idempotency-Key`: a request that is sent again gets the first response and has no second effect."""

import functools
import hashlib
from collections.abc import Callable
from typing import Any

import orjson
from django.conf import settings
from django.core.files.uploadedfile import UploadedFile
from django.db import connection, transaction
from django.utils.crypto import salted_hmac
from rest_framework.request import Request
from rest_framework.response import Response

from soukloop.core import jsonlib
from soukloop.core.db.clock import database_now
from soukloop.core.errors import BadRequest, IdempotencyMismatch
from soukloop.core.http.requests import client_ip
from soukloop.core.models import IdempotencyRecord

Handler = Callable[..., Response]


def idempotent(handler: Handler) -> Handler:
    """Wrap a view's `post` so that its effect and its response commit together, once per key and owner.

    A concurrent duplicate waits at the unique index until the first has committed, then gets its response. A
    refused request leaves no record, so it may be corrected and sent again with the same key.
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
            message = "The Idempotency-Key must have 1 to 255 printable characters."
            raise BadRequest(message, code="bad_idempotency_key")
        owner = f"user:{request.user.pk}" if request.user.is_authenticated else f"ip:{client_ip(request)}"
        fingerprint = _fingerprint(request)
        if prepare is not None and not IdempotencyRecord.objects.filter(owner=owner, key=key).exists():
            prepare(request)
        with transaction.atomic():
            record, is_new = _get_or_create_record(owner, key, fingerprint)
            if not is_new:
                if record.fingerprint != fingerprint:
                    raise IdempotencyMismatch
                return Response(
                    orjson.Fragment(record.body),
                    status=record.status,
                    headers={"Idempotent-Replayed": "true"},
                )
            response = handler(view, request, *args, **kwargs)
            record.status = response.status_code
            record.body = jsonlib.dumps(response.data).decode()
            record.save(update_fields=["status", "body"])
            return response

    wrapper.is_idempotent = True  # type: ignore[attr-defined]
    return wrapper


def _get_or_create_record(owner: str, key: str, fingerprint: str) -> tuple[IdempotencyRecord, bool]:
    cutoff = database_now() - settings.IDEMPOTENCY_TTL
    IdempotencyRecord.objects.filter(owner=owner, key=key, created_at__lt=cutoff).delete()
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO core_idempotencyrecord (owner, key, fingerprint, body, created_at)"
            " VALUES (%s, %s, %s, '', now()) ON CONFLICT (owner, key) DO NOTHING",
            [owner, key, fingerprint],
        )
        is_new = cursor.rowcount == 1
    return IdempotencyRecord.objects.get(owner=owner, key=key), is_new


def _digest(file: "UploadedFile[Any]") -> bytes:
    digest = hashlib.sha256()
    for chunk in file.chunks():
        digest.update(chunk)
    file.seek(0)
    return digest.digest()


def _fingerprint(request: Request) -> str:
    body = jsonlib.dumps(request.data) if isinstance(request.data, dict) else b""
    files = [_digest(file) for file in request.FILES.values()]
    message = b"\0".join([str(request.method).encode(), request.path.encode(), body, *files])
    # Keyed: a body may hold a password, which could be guessed from a plain hash in a copy of the table.
    return salted_hmac("core.idempotency", message, algorithm="sha256").hexdigest()
