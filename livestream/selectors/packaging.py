"""Reads for the packager, which knows streams by their public ids."""

from collections.abc import Collection

from livestream.models import Replay, Stream

_WITHDRAWN_REASONS = (Stream.EndReason.STAFF, Stream.EndReason.ACCOUNT_CLOSED)


def closed_broadcasts(public_ids: Collection[str]) -> dict[str, bool]:
    """Return which of these streams are no longer live, each with whether its video was withdrawn.

    That is so for streams that staff ended, of sellers whose account is closed, and for deleted ones.
    """
    rows = Stream.objects.filter(public_id__in=public_ids).values_list(
        "public_id", "status", "end_reason", "seller__is_active", "replay__state"
    )
    found = {}
    deleted = set(public_ids)
    for public_id, status, end_reason, seller_is_active, replay_state in rows:
        deleted.discard(public_id)
        if status != Stream.Status.LIVE:
            found[public_id] = (
                end_reason in _WITHDRAWN_REASONS
                or not seller_is_active
                or replay_state == Replay.State.WITHDRAWN
            )
    return found | dict.fromkeys(deleted, True)
