"""JSON encoding and decoding: exact decimals, UTC times with `Z`, strict input."""

from datetime import datetime
from decimal import Decimal
from typing import Any

import orjson
from django.utils.encoding import force_str
from django.utils.functional import Promise

_OPTIONS = orjson.OPT_UTC_Z | orjson.OPT_NON_STR_KEYS | orjson.OPT_OMIT_MICROSECONDS


def dumps(value: Any) -> bytes:
    """Encode to UTF-8 JSON. Decimals become numbers that keep their decimal places: `850.00`, not `850.0`."""
    return orjson.dumps(value, default=_encode, option=_OPTIONS)


def loads(raw: bytes | str) -> Any:
    """Decode strictly: UTF-8 only, no NaN, no lone surrogates, bounded depth.

    Raises ValueError.
    """
    return orjson.loads(raw)


def isoformat(moment: datetime) -> str:
    """Return ISO 8601 in UTC with `Z`, in whole seconds as in all that clients receive."""
    return orjson.dumps(moment, option=_OPTIONS).decode().strip('"')


def _encode(value: Any) -> Any:
    if isinstance(value, Decimal):
        if not value.is_finite():
            raise TypeError("JSON cannot represent infinity or NaN")
        return orjson.Fragment(format(value, "f"))
    if isinstance(value, Promise):
        return force_str(value)
    if isinstance(value, (set, frozenset, tuple)):
        return list(value)
    if hasattr(value, "tolist"):
        return value.tolist()
    return str(value)
