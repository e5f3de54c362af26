"""What a person wants to hear of: settings over REST."""

from datetime import time
from typing import Any

import pytest

from accounts.tests.factories import client_for, make_user
from notifications.kinds import KINDS
from notifications.models import NotificationSettings
from notifications.services.digests import stop_digests

pytestmark = pytest.mark.django_db
URL = "/api/v1/notifications/settings"
NIGHT = {"from": "22:00", "until": "07:00"}


def test_everything_is_on_without_quiet_hours_until_it_is_changed() -> None:
    data = client_for(make_user()).get(URL).json()["data"]
    assert (data["time_zone"], data["quiet_hours"]) == ("Asia/Dubai", None)
    assert set(data["kinds"]) == set(KINDS)
    assert all(kind["inbox"] and kind["push"] and kind["email"] for kind in data["kinds"].values())
    assert data["kinds"]["password_changed"]["is_mandatory"] is True
    assert not NotificationSettings.objects.exists()


def test_only_what_is_sent_changes() -> None:
    me = make_user()
    client = client_for(me)
    kinds = {"stream_live": {"push": False}, "offer_new": {"email": False, "inbox": True}}
    client.patch(URL, {"kinds": kinds, "quiet_hours": NIGHT})
    data = client.patch(URL, {"time_zone": "Europe/London"}).json()["data"]
    assert (data["time_zone"], data["quiet_hours"]) == ("Europe/London", NIGHT)
    assert (data["kinds"]["stream_live"]["push"], data["kinds"]["stream_live"]["inbox"]) == (False, True)
    settings = NotificationSettings.objects.get(user=me)
    assert settings.off == ["email:offer_new", "push:stream_live"]
    assert (settings.quiet_from, settings.quiet_until) == (time(22), time(7))
    client.patch(URL, {"kinds": {"stream_live": {"push": True}}, "quiet_hours": None})
    settings.refresh_from_db()
    assert (settings.off, settings.quiet_from) == (["email:offer_new"], None)
    assert client.get(URL).json()["data"]["quiet_hours"] is None


@pytest.mark.parametrize("name", ["UTC", "Etc/GMT-4", "America/Argentina/Ushuaia"])
def test_a_place_or_utc_is_a_time_zone(name: str) -> None:
    assert client_for(make_user()).patch(URL, {"time_zone": name}).json()["data"]["time_zone"] == name


def test_kinds_are_named_in_the_persons_language() -> None:
    client = client_for(make_user(language="ar"))
    assert client.get(URL).json()["data"]["kinds"]["message_new"]["label"] == "الرسائل الجديدة"


def test_emails_that_a_link_has_ended_come_again_once_they_are_switched_on() -> None:
    me = make_user()
    client = client_for(me)
    assert client.get(URL).json()["data"]["daily_email"] is True
    client.patch(URL, {"kinds": {"offer_new": {"email": False}}})
    stop_digests(user_id=me.pk)
    data = client.get(URL).json()["data"]
    assert (data["daily_email"], data["kinds"]["price_drop"]["email"]) == (False, True)
    for is_on, off in ((True, ["email:offer_new"]), (False, ["email:*", "email:offer_new"])):
        for _ in range(2):
            data = client.patch(URL, {"daily_email": is_on}).json()["data"]
            assert data["daily_email"] is is_on
        assert NotificationSettings.objects.get(user=me).off == off


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "non_field_errors"),
        ({"time_zone": "Dubai"}, "time_zone"),
        ({"time_zone": "../etc/passwd"}, "time_zone"),
        ({"time_zone": 4}, "time_zone"),
        ({"time_zone": "localtime"}, "time_zone"),
        ({"time_zone": "Factory"}, "time_zone"),
        ({"time_zone": "EST"}, "time_zone"),
        ({"quiet_hours": {"from": "22:00"}}, "quiet_hours"),
        ({"quiet_hours": {"from": "22:00", "until": "22:00"}}, "quiet_hours"),
        ({"quiet_hours": {"from": "24:00", "until": "07:00"}}, "quiet_hours"),
        ({"quiet_hours": "22:00-07:00"}, "quiet_hours"),
        ({"quiet_hours": NIGHT | {"x": 1}}, "quiet_hours"),
        ({"kinds": {"nothing": {"push": False}}}, "kinds"),
        ({"kinds": {"offer_new": {"sms": False}}}, "kinds"),
        ({"kinds": {"offer_new": {"push": "perhaps"}}}, "kinds"),
        ({"kinds": {"offer_new": False}}, "kinds"),
        ({"kinds": ["offer_new"]}, "kinds"),
        ({"daily_email": "perhaps"}, "daily_email"),
        ({"kinds": {"password_changed": {"push": False}}}, "kinds"),
        ({"language": "ar"}, "non_field_errors"),
    ],
)
def test_wrong_settings_are_refused_and_change_nothing(body: dict[str, Any], field: str) -> None:
    answer = client_for(make_user()).patch(URL, body)
    assert answer.status_code == 400
    assert field in answer.json()["error"]["details"]
    assert not NotificationSettings.objects.exists()
