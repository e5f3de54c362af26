"""While a key is replaced, what was made with the old one is accepted; afterwards it isn't."""

from collections.abc import Callable
from typing import Any

import pytest
from django.conf import settings as configured
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils import timezone
from rest_framework.test import APIClient

from accounts import tokens
from accounts.models import OtpChallenge
from accounts.services import otp
from accounts.services.known_addresses import is_known_address, remember_address
from accounts.tests.factories import make_user
from listings.locations import offset_degrees
from livestream.media import playback_tokens, stream_keys
from notifications.emails import unsubscribe_url, user_id_of_unsubscribe_token
from orders import codes
from orders.tests.factories import make_order
from payments.models import Payment, SavedCard
from payments.serializers import CLIENT_SECRET
from payments.services.advance.accounts import CARD_SETUP
from soukloop.core import encryption
from soukloop.core.encryption import encrypt
from soukloop.core.errors import BadRequest, NotAuthenticated

pytestmark = pytest.mark.django_db

NEW = "new-key-" * 8
Use = Callable[[], object]


@pytest.fixture(autouse=True)
def no_token_verified_before(monkeypatch: pytest.MonkeyPatch) -> None:
    """Processes are restarted with new settings, and so remember nothing."""
    monkeypatch.setattr(tokens, "_verified_tokens", {})
    monkeypatch.setattr(configured, "DEBUG", False)


def replace_key(settings: Any, name: str = "SECRET_KEY") -> None:
    setattr(settings, f"{name}_FALLBACKS", [getattr(settings, name)])
    setattr(settings, name, NEW)
    tokens._verified_tokens.clear()


def forget_old_key(settings: Any, name: str = "SECRET_KEY") -> None:
    setattr(settings, f"{name}_FALLBACKS", [])
    tokens._verified_tokens.clear()


def access_token() -> Use:
    user = make_user()
    token = tokens.access_token_for(user)

    def read() -> object:
        try:
            return tokens.read_access_token(token).user_id == user.pk
        except NotAuthenticated:
            return False

    return read


def unsubscribe_link() -> Use:
    user = make_user()
    token = unsubscribe_url(user.pk).rpartition("/")[2]
    return lambda: user_id_of_unsubscribe_token(token) == user.pk


def stream_key() -> Use:
    stored = stream_keys.digest("sk_1")
    return lambda: stored in stream_keys.digests("sk_1")


def known_address() -> Use:
    remember_address(["layla@example.com"], "203.0.113.7")
    return lambda: is_known_address("layla@example.com", "203.0.113.7")


def one_time_code() -> Use:
    user = make_user(is_verified=False)
    otp.send_code(identifier=str(user.email), ip="203.0.113.7")
    challenge = OtpChallenge.objects.get()
    code = encryption.decrypt(challenge.encrypted_code, purpose=otp._PURPOSE)

    def redeem() -> object:
        try:
            otp.redeem_code(
                identifier=str(user.email),
                code=code,
                ip="203.0.113.7",
                on_success=lambda _: BadRequest("kept"),
            )
        except BadRequest as error:
            OtpChallenge.objects.filter(pk=challenge.pk).update(guesses=0)
            return str(error) == "kept"
        return True

    return redeem


@pytest.mark.parametrize("make", [access_token, unsubscribe_link, stream_key, known_address])
def test_what_secret_key_made_is_accepted_while_it_is_replaced_and_not_afterwards(
    settings: Any, make: Callable[[], Use]
) -> None:
    is_accepted = make()
    assert is_accepted()
    replace_key(settings)
    assert is_accepted()
    forget_old_key(settings)
    assert not is_accepted()


def test_a_one_time_code_from_before_a_rotation_is_accepted(settings: Any) -> None:
    redeem = one_time_code()
    replace_key(settings)
    assert redeem()


def test_tokens_are_signed_with_the_new_key_as_soon_as_it_is_there(settings: Any) -> None:
    replace_key(settings)
    token = tokens.access_token_for(make_user())
    forget_old_key(settings)
    assert tokens.read_access_token(token)


def test_a_process_that_still_signs_with_the_old_key_accepts_the_new_one(settings: Any) -> None:
    """The first step: every process knows the new key before one signs with it."""
    old, user = settings.SECRET_KEY, make_user()
    settings.SECRET_KEY = NEW
    token = tokens.access_token_for(user)
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = old, [NEW]
    assert tokens.read_access_token(token).user_id == user.pk


def test_a_request_that_is_repeated_during_a_rotation_has_one_effect(settings: Any) -> None:
    client = APIClient(HTTP_IDEMPOTENCY_KEY="same")
    body = {"email": "layla@example.com", "username": "layla", "password": "Test123!@#", "full_name": "Layla"}
    first = client.post("/api/v1/auth/register", body)
    assert first.status_code == 201, first.content
    replace_key(settings)
    again = client.post("/api/v1/auth/register", body)
    assert (again.status_code, again.headers["Idempotent-Replayed"]) == (201, "true")


def test_media_addresses_and_callbacks_are_accepted_while_the_media_secret_is_replaced(settings: Any) -> None:
    settings.MEDIA_SECRET = "old-media-secret" * 3
    token = playback_tokens.make_token("s1", viewer_id=None)
    address = f"/internal/media/publish_done?secret={settings.MEDIA_SECRET}"

    def status() -> int:
        return int(Client().post(address, {"name": "unknown", "clientid": "1"}).status_code)

    accepted = status()
    assert accepted != 403
    replace_key(settings, "MEDIA_SECRET")
    assert playback_tokens.read_token(token, "s1") is not None
    assert status() == accepted
    forget_old_key(settings, "MEDIA_SECRET")
    assert playback_tokens.read_token(token, "s1") is None
    assert status() == 403


def test_public_points_do_not_move_when_the_key_is_replaced(settings: Any) -> None:
    before = offset_degrees(55.27, 25.2, seller_id="s")
    replace_key(settings)
    forget_old_key(settings)
    assert offset_degrees(55.27, 25.2, seller_id="s") == before


@pytest.fixture
def declared(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(encryption, "_declared", [])
    monkeypatch.setattr(encryption, "_BATCH", 2)
    encryption.declare_encrypted_field(OtpChallenge, "encrypted_code", purpose="kept")


def add_row(number: int, token: str) -> OtpChallenge:
    return OtpChallenge.objects.create(
        identifier=f"{number}@example.com",
        nonce="",
        encrypted_code=token,
        guesses=0,
        expires_at=timezone.now(),
    )


def test_declared_fields_are_encrypted_again_and_need_the_old_key_no_more(
    settings: Any, declared: None, capsys: Any
) -> None:
    rows = [add_row(number, encrypt(f"secret {number}", purpose="kept")) for number in range(5)]
    empty = add_row(9, "")
    replace_key(settings)
    newer = add_row(10, encrypt("newer", purpose="kept"))

    call_command("rotate_encryption")
    assert "5 rows encrypted again, 0 can't be read" in capsys.readouterr().out
    call_command("rotate_encryption")
    assert "0 rows encrypted again, 0 can't be read" in capsys.readouterr().out

    forget_old_key(settings)
    for number, row in enumerate(rows):
        row.refresh_from_db()
        assert encryption.decrypt(row.encrypted_code, purpose="kept") == f"secret {number}"
    unchanged = newer.encrypted_code
    newer.refresh_from_db()
    empty.refresh_from_db()
    assert (newer.encrypted_code, empty.encrypted_code) == (unchanged, "")


def test_what_no_key_reads_is_named_left_as_it_is_and_does_not_stop_the_others(
    settings: Any, declared: None
) -> None:
    foreign = add_row(0, encrypt("lost", purpose="other"))
    row = add_row(1, encrypt("kept", purpose="kept"))
    before = row.encrypted_code
    replace_key(settings)
    with pytest.raises(CommandError, match=f"OtpChallenge.encrypted_code of {foreign.pk}"):
        call_command("rotate_encryption")
    row.refresh_from_db()
    foreign.refresh_from_db()
    assert row.encrypted_code != before
    assert foreign.encrypted_code.startswith("gAAAA")


def test_secrets_of_payments_cards_and_orders_are_encrypted_again(settings: Any) -> None:
    order = make_order()
    payment = Payment.objects.get(reference=order.pk)
    card = SavedCard.objects.create(
        user=order.seller,
        provider="sandbox",
        client_secret=encrypt("of the card", purpose=CARD_SETUP),
        created_at=timezone.now(),
    )
    Payment.objects.update(client_secret=encrypt("of the payment", purpose=CLIENT_SECRET))
    code = codes.plain_code(order.hand_over_code)
    replace_key(settings)
    call_command("rotate_encryption")
    forget_old_key(settings)
    for row in (order, payment, card):
        row.refresh_from_db()
    assert codes.plain_code(order.hand_over_code) == code
    assert encryption.decrypt(payment.client_secret, purpose=CLIENT_SECRET) == "of the payment"
    assert encryption.decrypt(card.client_secret, purpose=CARD_SETUP) == "of the card"
