"""Recording that the tokens of a login are in use, which ends the time for repeating its refresh."""

from collections.abc import Collection
from uuid import UUID

from django.db import connection

from accounts.tokens import TokenClaims
from soukloop.core.db.reads import Reads, Statement

_RECORDED_MAX = 20_000
# The pairs that this process has recorded: one statement per pair and process, instead of one per request.
_recorded: dict[tuple[UUID, str], None] = {}


def record_use(claims: TokenClaims) -> Reads[None]:
    """Record that an access token was used, before the request is answered.

    Written as reads, because feeds authenticate on the event loop.
    """
    pair = _pair_to_record(claims)
    if pair is None:
        return
    yield Statement(
        "UPDATE accounts_refreshfamily SET is_current_used = TRUE"
        " WHERE id = %s AND current_jti = %s AND NOT is_current_used RETURNING 1",
        list(pair),
        has_one_plan=True,
    )
    _remember([pair])


def record_uses(all_claims: Collection[TokenClaims]) -> None:
    """Record that these access tokens were used, in one statement, for a batch of handshakes."""
    pairs = {pair for claims in all_claims if (pair := _pair_to_record(claims)) is not None}
    if not pairs:
        return
    ids, jtis = zip(*pairs, strict=True)
    with connection.cursor() as cursor:
        # Locked in one order, because another process may record some of the same logins.
        cursor.execute(
            "UPDATE accounts_refreshfamily f SET is_current_used = TRUE FROM ("
            " SELECT id FROM accounts_refreshfamily"
            " WHERE (id, current_jti) IN (SELECT * FROM unnest(%s::uuid[], %s::text[]))"
            " AND NOT is_current_used ORDER BY id FOR UPDATE"
            ") used WHERE f.id = used.id",
            [list(ids), list(jtis)],
        )
    _remember(pairs)


def _pair_to_record(claims: TokenClaims) -> tuple[UUID, str] | None:
    if claims.family_id is None or not claims.pair:
        return None
    pair = claims.family_id, claims.pair
    return None if pair in _recorded else pair


def _remember(pairs: Collection[tuple[UUID, str]]) -> None:
    if len(_recorded) + len(pairs) > _RECORDED_MAX:
        _recorded.clear()
    _recorded.update(dict.fromkeys(pairs))
