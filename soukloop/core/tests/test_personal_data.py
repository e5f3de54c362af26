"""The export of a person's data: all of theirs, nothing of others', nothing secret."""

import json
from pathlib import Path
from typing import Any

import pytest
from django.apps import apps
from django.contrib.gis.geos import Point
from django.core.management import CommandError, call_command

from accounts.models import User
from accounts.tests.factories import block, follow, make_seller, make_user
from chat.tests.factories import make_conversation, make_message
from listings.tests.factories import make_product
from livestream.models import ChatMessage
from livestream.tests.factories import make_stream
from notifications.models import Notification
from notifications.tests.factories import make_device
from offers.tests.factories import make_offer, make_sale
from soukloop.core.domain import domain_apps
from soukloop.core.personal_data import personal_tables, tables_not_exported

pytestmark = pytest.mark.django_db


def export(who: Any, tmp_path: Path) -> Any:
    path = tmp_path / "person.json"
    path.unlink(missing_ok=True)
    call_command("export_person", str(who), str(path))
    assert path.stat().st_mode & 0o777 == 0o600
    return json.loads(path.read_text())


def test_each_table_that_refers_to_people_is_exported_or_says_why_not() -> None:
    models = [model for app in domain_apps() for model in apps.get_app_config(app.label).get_models()]
    about_people = {
        model
        for model in models
        for column in model._meta.get_fields()
        if column.concrete and column.related_model is User
    }
    declared = {table.model for table in personal_tables()}
    missing = {model._meta.label for model in about_people - declared - tables_not_exported().keys()}
    assert not missing, f"add {missing} to TABLES or NOT_EXPORTED in `personal_data.py` of the app"
    assert not declared & tables_not_exported().keys()
    names = [table.name for table in personal_tables()]
    assert len(set(names)) == len(names)


SECRETS = {"password", "token", "auth", "p256dh", "client_secret", "key_digest", "hand_over_code", "ban_note"}


def test_no_secret_is_exported() -> None:
    for table in personal_tables():
        assert not SECRETS & {column.rpartition("__")[2] for column in table.columns}, table.name
        for column in table.columns:
            assert not column.rpartition("__")[2].startswith(("encrypted_", "current_jti", "external_")), (
                column
            )


def test_an_export_has_a_persons_rows_of_each_app_and_nobody_elses(tmp_path: Path) -> None:
    layla = make_seller(
        username="layla", email="layla@example.com", phone="+971501234567", location=Point(55, 25, srid=4326)
    )
    omar = make_user(
        username="omar", email="omar@example.com", full_name="Omar Secret", phone="+971509999999"
    )
    follow(layla, omar), follow(omar, layla), block(layla, make_user(username="blocked"))
    block(make_user(username="hater"), layla)
    product = make_product(seller=layla, title="Lamp", min_offer_price="100.00")
    conversation = make_conversation(product=product, buyer=omar, seller=layla)
    make_message(conversation, sender=layla, content="It is yours for 900")
    make_message(conversation, sender=omar, content="My address is private")
    make_offer(product=product, buyer=omar, message="Omar's words")
    make_sale(make_product(seller=layla))
    make_device(layla, token="push-token-of-layla")
    stream = make_stream(seller=layla)
    Notification.objects.create(user=layla, kind="offer_new", created_at=stream.created_at)
    for person, text in ((layla, "Welcome"), (omar, "Omar in chat")):
        ChatMessage.objects.create(
            stream=stream, seq=len(text), user=person, message=text, created_at=stream.created_at
        )

    data = export("layla", tmp_path)

    assert set(data) == {table.name for table in personal_tables()}
    assert [row["email"] for row in data["account"]] == ["layla@example.com"]
    assert data["account"][0]["location"] == {"longitude": 55.0, "latitude": 25.0}
    assert [row["followed_username"] for row in data["following"]] == ["omar"]
    assert [row["blocked_username"] for row in data["blocked"]] == ["blocked"]
    assert "It is yours for 900" in [row["content"] for row in data["messages_sent"]]
    assert "Lamp" in [row["product_title"] for row in data["offers_received"]]
    assert [row["min_offer_price"] for row in data["products"] if row["title"] == "Lamp"] == [100.00]
    assert (len(data["sales"]), len(data["devices"])) == (1, 1)
    assert len(data["notifications"]) == Notification.objects.filter(user=layla).count() > 0
    assert [row["message"] for row in data["stream_chat_messages"]] == ["Welcome"]
    text = json.dumps(data)
    for private in (
        "omar@example.com",
        "Omar Secret",
        "+971509999999",
        "My address is private",
        "Omar's words",
        "hater",
        "Omar in chat",
        "push-token-of-layla",
        layla.password,
    ):
        assert private not in text, private

    other = export(omar.pk, tmp_path)
    assert [row["message"] for row in other["offers_made"]] == ["Omar's words"]
    assert other["sales"] == other["products"] == other["blocked"] == []
    assert "100.00" not in json.dumps(other["offers_made"])


def test_an_export_writes_over_no_file_and_names_nobody_unknown(tmp_path: Path) -> None:
    path = tmp_path / "person.json"
    path.write_text("kept")
    make_user(username="layla")
    with pytest.raises(CommandError, match="exists already"):
        call_command("export_person", "layla", str(path))
    assert path.read_text() == "kept"
    with pytest.raises(CommandError, match="no account nobody"):
        call_command("export_person", "nobody", str(tmp_path / "other.json"))


@pytest.mark.django_db(transaction=True)
def test_an_export_is_of_one_moment(tmp_path: Path) -> None:
    make_user(username="layla")
    assert len(export("@Layla", tmp_path)["account"]) == 1
