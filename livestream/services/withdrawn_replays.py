"""Withdrawing replays: of streams that staff ended, and of sellers whose accounts are closed.

A withdrawn replay's files are moved to a folder that is not served, and deleted after REPLAY_WITHDRAWN_KEPT.
"""

import logging
import shutil
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from livestream import access
from livestream.error_codes import LivestreamErrorCode
from livestream.media import recordings, replay_files
from livestream.models import Replay, Stream
from livestream.notification_kinds import REPLAY_WITHDRAWN
from notifications.services.notify import notify
from soukloop.core.db.clock import database_now
from soukloop.core.errors import Conflict, Forbidden
from soukloop.core.jobs.queue import enqueue
from soukloop.core.staff.history import log_staff_action

logger = logging.getLogger(__name__)


def job_lock(stream_id: UUID) -> str:
    """Return the lock of the jobs on a stream's replay, of which one runs at a time."""
    return f"livestream.replay:{stream_id}"


def withdraw_replay(replay: Replay, reason: Replay.Reason) -> bool:
    """Withdraw a replay in the caller's transaction, and enqueue hiding its files; False if it has none.

    The seller of a replay that staff removed is notified; one whose stream staff ended was notified of that,
    and the owner of a closed account can't read it.
    """
    now = database_now()
    has_video = ~Q(state__in=[Replay.State.WITHDRAWN, Replay.State.EMPTY])
    withdrawn = Replay.objects.filter(has_video, pk=replay.pk).update(
        state=Replay.State.WITHDRAWN, reason=reason, withdrawn_at=now, updated_at=now
    )
    if not withdrawn:
        return False
    enqueue("livestream.hide_replay", lock=job_lock(replay.pk), stream_id=str(replay.pk))
    if reason == Replay.Reason.REMOVED_BY_STAFF:
        notify(
            user_ids=[replay.stream.seller_id],
            kind=REPLAY_WITHDRAWN,
            params={"stream": replay.stream.title, "reason": {"label": reason}},
            data={"stream_id": str(replay.pk), "reason": reason},
        )
    return True


@transaction.atomic
def withdraw_replay_by_staff(*, actor: User, stream_id: UUID, reason: str) -> None:
    """Withdraw the replay of an ended stream as staff; the reason is logged.

    Raises Forbidden, Conflict (`no_replay_to_withdraw`).
    """
    if not actor.is_staff:
        raise Forbidden
    stream = access.lock_stream(stream_id)
    replay = Replay.objects.filter(stream=stream, stream__status=Stream.Status.ENDED).first()
    if replay is None or not withdraw_replay(replay, Replay.Reason.REMOVED_BY_STAFF):
        raise Conflict(_("There is no replay to withdraw."), code=LivestreamErrorCode.NO_REPLAY_TO_WITHDRAW)
    log_staff_action(actor=actor, row=stream, message=f"Replay withdrawn: {reason}")


@transaction.atomic
def make_replay_again(*, actor: User, stream_id: UUID, reason: str) -> None:
    """Restore a replay that staff removed, or repeat one that failed or has errors; the reason is logged.

    Raises Forbidden, Conflict (`replay_not_repeatable`).
    """
    if not actor.is_staff:
        raise Forbidden
    stream = access.lock_stream(stream_id)
    replay = Replay.objects.filter(stream=stream).first()
    if replay is None or not is_repeatable(replay):
        raise Conflict(_("This replay can't be made again."), code=LivestreamErrorCode.REPLAY_NOT_REPEATABLE)
    changes = {"state": Replay.State.WAITING, "reason": "", "withdrawn_at": None, "attempts": 0, "error": ""}
    if replay.state != Replay.State.WITHDRAWN:
        changes |= {"step": "", "progress": 0}
    Replay.objects.filter(pk=replay.pk).update(**changes, updated_at=database_now())
    enqueue("livestream.make_replay", lock=job_lock(replay.pk), stream_id=str(replay.pk))
    log_staff_action(actor=actor, row=stream, message=f"Replay made again: {reason}")


def is_repeatable(replay: Replay) -> bool:
    """Return whether staff can have a replay made again: what is needed for it is still kept."""
    state = Replay.State
    if replay.state == state.WITHDRAWN:
        return replay.reason == Replay.Reason.REMOVED_BY_STAFF and _is_kept(replay)
    return replay.state == state.FAILED or (replay.state == state.READY and replay.checked_at is None)


def _is_kept(replay: Replay) -> bool:
    withdrawn_at = replay.withdrawn_at
    return withdrawn_at is not None and database_now() - withdrawn_at < settings.REPLAY_WITHDRAWN_KEPT


def withdraw_replays_of(seller: User) -> None:
    """Withdraw all replays of a seller whose account was just banned or deleted."""
    reason = Replay.Reason.ACCOUNT_BANNED if seller.banned_at else Replay.Reason.ACCOUNT_DELETED
    for replay in Replay.objects.select_related("stream").filter(stream__seller=seller).order_by("pk"):
        withdraw_replay(replay, reason)


def restore_replays_of(seller: User) -> None:
    """Make the replays of a seller whose ban was lifted public again, if their files are still kept."""
    kept_since = database_now() - settings.REPLAY_WITHDRAWN_KEPT
    withdrawn = Replay.objects.filter(
        stream__seller=seller,
        state=Replay.State.WITHDRAWN,
        reason=Replay.Reason.ACCOUNT_BANNED,
        withdrawn_at__gt=kept_since,
    )
    for replay_id in withdrawn.order_by("pk").values_list("pk", flat=True):
        Replay.objects.filter(pk=replay_id).update(
            state=Replay.State.WAITING, reason="", withdrawn_at=None, attempts=0, updated_at=database_now()
        )
        enqueue("livestream.make_replay", lock=job_lock(replay_id), stream_id=str(replay_id))


def hide_replay(*, stream_id: UUID) -> None:
    """Move the files of a withdrawn replay out of viewers' reach. Raises OSError.

    Its job has the lock of the job that makes or restores the replay, which does the same when it notices.
    """
    replay = Replay.objects.select_related("stream").filter(pk=stream_id).first()
    if replay is not None and replay.state == Replay.State.WITHDRAWN:
        replay_files.withdraw(replay.stream.public_id)
        shutil.rmtree(recordings.work_folder(replay.stream.public_id), ignore_errors=True)


def withdraw_missed_replays() -> int:
    """Withdraw the replays that should have been, such as those from before this rule; return how many."""
    missed = Replay.objects.select_related("stream__seller").exclude(
        state__in=[Replay.State.WITHDRAWN, Replay.State.EMPTY]
    )
    missed = missed.filter(
        Q(stream__status=Stream.Status.ENDED, stream__end_reason=Stream.EndReason.STAFF)
        | Q(stream__seller__is_active=False)
    )
    count = 0
    for replay in missed:
        seller = replay.stream.seller
        if seller.is_active:
            reason = Replay.Reason.ENDED_BY_STAFF
        elif seller.banned_at:
            reason = Replay.Reason.ACCOUNT_BANNED
        else:
            reason = Replay.Reason.ACCOUNT_DELETED
        with transaction.atomic():
            count += withdraw_replay(replay, reason)
    return count


def withdraw_deleted_streams() -> int:
    """Withdraw the files of streams whose rows are gone; return of how many streams."""
    stored = replay_files.public_ids()
    known = set(Stream.objects.filter(public_id__in=stored).values_list("public_id", flat=True))
    for public_id in stored - known:
        replay_files.withdraw(public_id)
    return len(stored - known)


def delete_withdrawn_files() -> int:
    """Delete the withdrawn files that were kept for REPLAY_WITHDRAWN_KEPT; return of how many replays."""
    root = recordings.withdrawn_folder("")
    found = {path.name: path for path in root.iterdir()} if root.exists() else {}
    kept_since = database_now() - settings.REPLAY_WITHDRAWN_KEPT
    # A replay that is being restored isn't withdrawn any more, and its files are still there.
    needed = set(
        Replay.objects.filter(stream__public_id__in=found)
        .exclude(state=Replay.State.WITHDRAWN, withdrawn_at__lte=kept_since)
        .values_list("stream__public_id", flat=True)
    )
    for public_id in found.keys() - needed:
        shutil.rmtree(found[public_id], ignore_errors=True)
    return len(found.keys() - needed)
