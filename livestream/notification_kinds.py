"""Kinds of notification about streams and replays."""

from datetime import timedelta

from django.utils.translation import gettext_lazy as _

from livestream.models import Replay
from notifications.kinds import Kind, declare_kind

_DATA = {"stream_id": "3f0b6f86-0a3e-4a77-9c5b-9f6d7f2d6a10"}
# In words for the seller; the API has the same in English.
_REPLAY_REASONS = {
    Replay.Reason.UNSUPPORTED_CODEC.value: _(
        "The encoder sent a format that can't be shown. Set it to H.264 video and AAC audio."
    ),
    Replay.Reason.RECORDING_UNREADABLE.value: _("What the encoder sent can't be read."),
    Replay.Reason.RECORDING_MISSING.value: _("The stream could not be recorded."),
    Replay.Reason.PROCESSING_FAILED.value: _("The replay could not be made. Our staff have been told."),
    Replay.Reason.ENDED_BY_STAFF.value: _("Our staff ended this stream, so it has no replay."),
    Replay.Reason.REMOVED_BY_STAFF.value: _("Our staff removed this replay."),
    Replay.Reason.ACCOUNT_BANNED.value: _("The seller's account is banned."),
    Replay.Reason.ACCOUNT_DELETED.value: _("The seller's account was deleted."),
}

STREAM_LIVE = declare_kind(
    Kind(
        name="stream_live",
        label=_("Live streams"),
        when="Somebody you follow, or who lives near you, goes live",
        title=_("%(actor)s is live"),
        body="%(stream)s",
        link="streams/{stream_id}",
        collapse_key="stream:{stream_id}",
        expires_after=timedelta(hours=1),
        example_params={"actor": "@noura", "stream": "Friday sneaker drop"},
        example_data=_DATA
        | {
            "seller_id": "9d1c7b62-6f0f-4a3b-8d69-3b1f6f0a9b22",
            "category": "sneakers",
        },
    )
)
STREAM_SCHEDULED = declare_kind(
    Kind(
        name="stream_scheduled",
        label=_("Planned streams"),
        when="Somebody you follow plans a stream, or changes its time; of one stream at most once an hour",
        title=_("%(actor)s goes live: %(time)s"),
        body="%(stream)s",
        link="streams/{stream_id}",
        collapse_key="schedule:{stream_id}",
        replaces_unread=True,
        example_params={
            "actor": "@noura",
            "stream": "Friday sneaker drop",
            "time": {"at": "2026-11-27T16:00:00Z"},
        },
        example_data=_DATA | {"seller_id": "9d1c7b62-6f0f-4a3b-8d69-3b1f6f0a9b22"},
    )
)
REPLAY_READY = declare_kind(
    Kind(
        name="replay_ready",
        label=_("Finished replays"),
        when="The replay of your stream can be watched",
        title=_("Your replay is ready"),
        body="%(stream)s",
        link="streams/{stream_id}",
        collapse_key="replay:{stream_id}",
        replaces_unread=True,
        example_params={"stream": "Friday sneaker drop"},
        example_data=_DATA,
    )
)
REPLAY_FAILED = declare_kind(
    Kind(
        name="replay_failed",
        label=_("Replays that failed"),
        when="The replay of your stream could not be made",
        title=_("Your replay could not be made"),
        body="%(reason)s",
        link="streams/{stream_id}",
        collapse_key="replay:{stream_id}",
        labels=_REPLAY_REASONS,
        replaces_unread=True,
        example_params={"reason": {"label": "unsupported_codec"}},
        example_data=_DATA | {"reason": "unsupported_codec"},
    )
)
REPLAY_WITHDRAWN = declare_kind(
    Kind(
        name="replay_withdrawn",
        label=_("Withdrawn replays"),
        when="Staff removed the replay of your stream",
        title=_("Your stream has no replay"),
        body="%(stream)s: %(reason)s",
        link="streams/{stream_id}",
        collapse_key="replay:{stream_id}",
        labels=_REPLAY_REASONS,
        replaces_unread=True,
        example_params={"stream": "Friday sneaker drop", "reason": {"label": "removed_by_staff"}},
        example_data=_DATA | {"reason": "removed_by_staff"},
    )
)
STREAM_ENDED_BY_STAFF = declare_kind(
    Kind(
        name="stream_ended_by_staff",
        label=_("Streams ended by our staff"),
        when="Staff ended your stream, which has no replay then",
        title=_("Our staff ended your stream"),
        body="%(stream)s: %(reason)s",
        link="streams/{stream_id}",
        collapse_key="replay:{stream_id}",
        replaces_unread=True,
        example_params={"stream": "Friday sneaker drop", "reason": "Counterfeit products"},
        example_data=_DATA | {"reason": "ended_by_staff"},
    )
)
