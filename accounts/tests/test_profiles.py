"""The current user's own account: profile, avatar, deletion (contract 1.6)."""

import io
from pathlib import Path
from typing import Any

import pytest
from django.contrib.gis.geos import Point
from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils import timezone
from PIL import Image

from accounts import demo, hooks
from accounts.models import Block, Follow, OtpChallenge, RefreshFamily, User
from accounts.services import deletion, profiles
from accounts.services.moderation import ban_user
from accounts.tests.calls import code_of, log_in
from accounts.tests.factories import PASSWORD, block, client_for, follow, make_staff, make_user
from soukloop.core.errors import NotAuthenticated
from soukloop.core.images import picture
from soukloop.core.redis.client import redis_client

pytestmark = pytest.mark.django_db

ME = "/api/v1/auth/me"


@pytest.fixture
def storage(settings: Any, tmp_path: Path) -> Any:
    settings.STORAGES = settings.STORAGES | {
        "default": {
            "BACKEND": "django.core.files.storage.FileSystemStorage",
            "OPTIONS": {"location": str(tmp_path), "base_url": "https://media.example/"},
        }
    }
    return tmp_path


def photo(kind: Any = "JPEG", size: Any = (1000, 500)) -> Any:
    output = io.BytesIO()
    Image.new("RGB", size, "teal").save(output, kind)
    return SimpleUploadedFile("me.jpg", output.getvalue(), content_type="image/jpeg")


def test_me_has_the_fields_of_the_contract(client: Any, user: Any) -> None:
    answer = client.get(ME)
    assert answer.status_code == 200
    data = answer.json()["data"]
    assert (
        data.items()
        >= {
            "id": str(user.pk),
            "email": user.email,
            "username": user.username,
            "full_name": user.full_name,
            "role": "buyer",
            "is_verified": True,
            "is_active": True,
            "phone": None,
            "avatar_url": None,
            "location": None,
            "last_login_at": None,
            "created_at": user.created_at.strftime("%Y-%m-%dT%H:%M:%SZ"),
        }.items()
    )
    assert not {"password", "token_version", "is_staff", "ban_reason"} & set(data)


def test_a_profile_is_changed_field_by_field(client: Any, user: Any) -> None:
    changes = {
        "username": "New.Name",
        "full_name": "نور الكتبي",
        "bio": "Sneakers, mostly size 42.",
        "role": "seller",
        "neighborhood": "Dubai Marina",
        "location": {"latitude": 25.0772, "longitude": 55.1369},
    }
    data = client.patch(ME, changes).json()["data"]
    assert data.items() >= changes.items()
    user.refresh_from_db()
    assert (user.username, user.role, user.location.coords) == ("New.Name", "seller", (55.1369, 25.0772))
    assert user.is_verified

    assert client.patch(ME, {"location": None, "bio": ""}).json()["data"]["location"] is None
    user.refresh_from_db()
    assert (user.bio, user.full_name) == ("", "نور الكتبي")


@pytest.mark.parametrize(
    "change",
    [
        {"username": "x"},
        {"username": None},
        {"full_name": "x" * 151},
        {"full_name": "\u200b"},
        {"full_name": "two\x08lines"},
        {"full_name": "esc \x1b[31m"},
        {"full_name": 7},
        {"bio": "x" * 501},
        {"bio": "\u3164"},
        {"bio": "bell \x07"},
        {"role": "admin"},
        {"location": {"latitude": 91, "longitude": 0}},
        {"location": {"latitude": 25}},
        {"location": [25, 55]},
        {"location": {"latitude": "NaN", "longitude": 0}},
        {"location": {"latitude": "inf", "longitude": 0}},
        {"email": "nobody"},
        {"phone": "12"},
    ],
)
def test_an_invalid_change_is_refused_as_a_whole(client: Any, user: Any, change: Any) -> None:
    answer = client.patch(ME, {"neighborhood": "Elsewhere", **change})
    assert code_of(answer) == (400, "validation_error")
    assert list(answer.json()["error"]["details"]) == list(change)
    user.refresh_from_db()
    assert user.neighborhood == ""


@pytest.mark.parametrize("neighborhood", ["\u200f", "Al Barsha\x1b1", "JLT\x00Cluster V", ["JLT"]])
def test_a_neighborhood_with_control_characters_is_refused(client: Any, user: Any, neighborhood: Any) -> None:
    assert code_of(client.patch(ME, {"neighborhood": neighborhood})) == (400, "validation_error")
    user.refresh_from_db()
    assert user.neighborhood == ""


@pytest.mark.parametrize("neighborhood", ["Al Barsha\n1", "Al Barsha \u2028 1", "Al Barsha\r\n\n1\x0b"])
def test_line_ends_in_a_neighborhood_become_a_space(client: Any, user: Any, neighborhood: str) -> None:
    assert client.patch(ME, {"neighborhood": neighborhood}).status_code == 200
    user.refresh_from_db()
    assert user.neighborhood == "Al Barsha 1"


def test_a_bio_keeps_line_breaks_and_optional_texts_may_be_blank(client: Any, user: Any) -> None:
    assert client.patch(ME, {"bio": "Sneakers.\r\nSize 42."}).json()["data"]["bio"] == "Sneakers.\nSize 42."
    blank = {"full_name": "", "bio": "", "neighborhood": " "}
    assert client.patch(ME, blank).status_code == 200
    user.refresh_from_db()
    assert (user.full_name, user.bio, user.neighborhood) == ("", "", "")


@pytest.mark.parametrize("body", [{"notify_folowers": True}, {"is_verified": False}, {}])
def test_a_change_without_a_known_field_is_refused(client: Any, body: Any) -> None:
    answer = client.patch(ME, body)
    assert code_of(answer) == (400, "validation_error")
    assert answer.json()["error"]["details"] == {
        "non_field_errors": [
            "Nothing to change. Send at least one of these fields: email, phone, username, full_name,"
            " language, bio, role, neighborhood, location, current_password."
        ]
    }


def test_people_cannot_change_their_own_state(client: Any, user: Any) -> None:
    flags = {
        "is_verified": False,
        "is_staff": True,
        "is_active": False,
        "has_verified_badge": True,
        "id": "x",
    }
    refused = client.patch(ME, flags | {"bio": "Hi"})
    assert (refused.status_code, set(refused.json()["error"]["details"])) == (400, set(flags))
    assert not User.objects.filter(pk=user.pk, bio="Hi").exists()
    assert User.objects.filter(
        pk=user.pk, is_verified=True, is_staff=False, is_active=True, has_verified_badge=False
    ).exists()


@pytest.mark.parametrize(
    ("change", "code"),
    [({"username": "LAYLA"}, "username_taken"), ({"email": "Layla@example.com"}, "email_taken")],
)
def test_a_taken_email_phone_or_username_is_refused(client: Any, user: Any, change: Any, code: Any) -> None:
    make_user(username="layla", email="layla@example.com")
    assert code_of(client.patch(ME, change | {"current_password": PASSWORD})) == (409, code)
    assert client.patch(ME, {"username": user.username.upper()}).status_code == 200  # one's own, in capitals


@pytest.mark.parametrize("change", [{"email": "New@example.com"}, {"phone": "050 123 4567"}])
def test_a_new_contact_needs_the_password_and_is_unconfirmed(client: Any, user: Any, change: Any) -> None:
    assert list(client.patch(ME, change).json()["error"]["details"]) == ["current_password"]
    wrong = client.patch(ME, change | {"current_password": "Wrong123!@#"})
    assert list(wrong.json()["error"]["details"]) == ["current_password"]
    user.refresh_from_db()
    assert (user.is_verified, user.phone) == (True, None)

    answer = client.patch(ME, change | {"current_password": PASSWORD})
    assert answer.status_code == 200
    data = answer.json()["data"]
    if "email" in change:
        assert (data["email"], data["is_email_confirmed"]) == ("new@example.com", False)
    else:
        assert (data["phone"], data["is_phone_confirmed"]) == ("+971501234567", False)
    # The email of this account is confirmed, and remains so while only the phone changes.
    assert data["is_verified"] is data["is_email_confirmed"] is ("phone" in change)


# --- Picture -----------------------------------------------------------------------------------------


def upload(client: Any, file: Any) -> Any:
    return client.post(f"{ME}/avatar", {"image": file}, format="multipart")


def test_an_avatar_is_uploaded_replaced_and_removed(
    client: Any, user: Any, storage: Any, django_capture_on_commit_callbacks: Any
) -> None:
    answer = upload(client, photo())
    assert answer.status_code == 200
    url = answer.json()["data"]["avatar_url"]
    assert url.startswith("https://media.example/avatars/")
    avatar = answer.json()["data"]["avatar"]
    assert (avatar["url"], avatar["width"], avatar["height"]) == (url, 512, 256)
    assert [size["width"] for size in avatar["sizes"]] == [320, 512]
    stored = [path for path in storage.rglob("*") if path.is_file()]
    assert Image.open(storage / url.removeprefix("https://media.example/")).size == (512, 256)
    public = client.get(f"/api/v1/users/{user.pk}").json()["data"]
    assert (public["avatar_url"], public["avatar"]) == (url, avatar)

    with django_capture_on_commit_callbacks(execute=True):
        assert upload(client, photo("PNG")).json()["data"]["avatar_url"] != url
    assert not any(path.exists() for path in stored)
    with django_capture_on_commit_callbacks(execute=True):
        assert client.delete(f"{ME}/avatar").json()["data"]["avatar_url"] is None
    assert [path for path in storage.rglob("*") if path.is_file()] == []


def test_an_upload_that_is_not_a_picture_is_refused_and_the_avatar_remains(
    client: Any, user: Any, storage: Any
) -> None:
    upload(client, photo())
    user.refresh_from_db()
    before, files = user.avatar, set(storage.rglob("*.*"))
    fake = SimpleUploadedFile("me.jpg", b"<html><script>alert(1)</script>", content_type="image/jpeg")
    assert code_of(upload(client, fake)) == (400, "image_invalid")
    assert code_of(upload(client, SimpleUploadedFile("me.jpg", b""))) == (400, "validation_error")
    assert code_of(client.post(f"{ME}/avatar", {"image": "text"}, format="multipart")) == (
        400,
        "validation_error",
    )
    assert code_of(client.post(f"{ME}/avatar", {}, format="multipart")) == (400, "validation_error")
    assert code_of(client.post(f"{ME}/avatar", {"image": "x"}, format="json")) == (
        415,
        "unsupported_media_type",
    )
    answer = client.generic("POST", f"{ME}/avatar", b"--x\r\n", content_type="multipart/form-data")
    assert answer.status_code == 400
    user.refresh_from_db()
    assert user.avatar == before
    assert set(storage.rglob("*.*")) == files


def test_avatars_of_earlier_versions_get_sizes_once(user: Any, storage: Any) -> None:
    (storage / "avatars").mkdir(parents=True)
    (storage / "avatars" / "old.jpg").write_bytes(photo().read())
    type(user).objects.filter(pk=user.pk).update(avatar="avatars/old.jpg")
    assert profiles.add_sizes_to_avatars() == 1
    user.refresh_from_db()
    shown = picture(user.avatar)
    assert shown is not None
    assert shown["sizes"]
    assert not (storage / "avatars" / "old.jpg").exists()
    assert profiles.add_sizes_to_avatars() == 0


# --- The end -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("method", "path"), [("delete", ME), ("post", f"{ME}/delete")])
def test_an_account_is_deleted_by_delete_or_by_post_with_its_password(method: str, path: str) -> None:
    user = make_user()
    client = client_for(user)
    refused = getattr(client, method)(path, {"password": "Wrong123!@#"})
    assert (refused.status_code, list(refused.json()["error"]["details"])) == (400, ["password"])
    user.refresh_from_db()
    assert user.is_active
    answer = getattr(client, method)(path, {"password": PASSWORD})
    assert (answer.status_code, answer.json()["data"]) == (200, {"message": "Account deleted"})
    user.refresh_from_db()
    assert not user.is_active
    assert user.username.startswith("deleted_")


def test_a_deleted_account_leaves_an_anonymous_row(
    guest: Any,
    storage: Any,
    captured_events: Any,
    django_capture_on_commit_callbacks: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    closed: list[User] = []
    monkeypatch.setattr(hooks.account_closed, "_callbacks", [closed.append])
    user = make_user(
        email="layla@example.com",
        username="layla",
        phone="+971501234567",
        bio="Hello",
        neighborhood="JBR",
        location=Point(55, 25, srid=4326),
        role="seller",
    )
    friend = make_user()
    follow(user, friend), follow(friend, user), block(user, make_user()), block(make_user(), user)
    tokens = log_in(guest, "layla").json()["data"]
    guest.post("/api/v1/auth/send-otp", {"identifier": "layla@example.com"})
    client = client_for(user)
    upload(client, photo())

    answer = client.delete(ME, {"password": "Wrong123!@#"})
    assert list(answer.json()["error"]["details"]) == ["password"]
    assert client.delete(ME).status_code == 400
    assert client.get(ME).status_code == 200

    with django_capture_on_commit_callbacks(execute=True):
        answer = client.delete(ME, {"password": PASSWORD})
    assert (answer.status_code, answer.json()["data"]) == (200, {"message": "Account deleted"})

    row = User.objects.filter(pk=user.pk).values().get()
    kept = {
        "id",
        "role",
        "language",
        "is_verified",
        "created_at",
        "updated_at",
        "last_login_at",
        "token_version",
        "rating_sum",  # reviews about the person stay
        "rating_count",
    }
    assert {key: value for key, value in row.items() if key not in kept} | {"deleted_at": None} == {
        "email": f"{user.pk.hex}@deleted.invalid",
        "username": f"deleted_{user.pk.hex[:22]}",
        "password": row["password"],
        "email_confirmed_at": None,
        "phone": None,
        "phone_confirmed_at": None,
        "email_has_proven_owner": False,
        "phone_has_proven_owner": False,
        "full_name": "Deleted user",
        "bio": "",
        "avatar": "",
        "neighborhood": "",
        "location": None,
        "is_active": False,
        "is_staff": False,
        "is_superuser": False,
        "has_verified_badge": False,
        "banned_at": None,
        "ban_reason": "",
        "deleted_at": None,
    }
    assert row["deleted_at"] is not None
    assert row["password"].startswith("!")
    assert not RefreshFamily.objects.exists()
    assert not Follow.objects.exists()
    assert not Block.objects.exists()
    assert not OtpChallenge.objects.exists()
    assert redis_client().keys("otp:*") == []
    assert [path for path in storage.rglob("*") if path.is_file()] == []
    assert [person.pk for person in closed] == [user.pk]
    assert captured_events == [(f"user.{user.pk}", "close", {"reason": "This account was deleted."})]

    assert code_of(client.get(ME)) == (401, "account_deleted")
    refreshed = guest.post("/api/v1/auth/refresh", {"refresh_token": tokens["refresh_token"]})
    assert code_of(refreshed) == (401, "account_deleted")
    assert code_of(log_in(guest, "layla@example.com")) == (401, "invalid_credentials")
    assert guest.get(f"/api/v1/users/{user.pk}").status_code == 404
    make_user(email="layla@example.com", username="layla", phone="+971501234567")  # free again


def test_the_demo_people_are_created_once() -> None:
    demo.seed_people()
    people = demo.seed_people()
    assert len(people) == len(demo.PEOPLE) == User.objects.count()
    sellers = User.objects.filter(role="seller")
    assert Follow.objects.count() == len(sellers) * User.objects.filter(role="buyer", is_staff=False).count()
    assert all(
        user.check_password(person.password) for user, person in zip(people[:3], demo.PEOPLE, strict=False)
    )
    assert not User.objects.filter(location=None).exists()
    # The contract's first steps register these, also on a server with demo data.
    assert not User.objects.filter(email__in=["testbuyer@soukloop.com", "testseller@soukloop.com"]).exists()
    assert not User.objects.filter(phone__in=["+971501234567", "+971507654321"]).exists()


def test_a_banned_person_cannot_delete_the_account(user: Any) -> None:
    client = client_for(user)
    User.objects.filter(pk=user.pk).update(is_active=False, banned_at=timezone.now())
    assert code_of(client.delete(ME, {"password": PASSWORD})) == (401, "account_banned")


# As in a request that was authenticated before the account was closed, and then waited for its row.
_CHANGES_BY_THE_OWNER = {
    "name": lambda user: profiles.update_profile(actor=user, current_password=None, full_name="Layla"),
    "username": lambda user: profiles.update_profile(actor=user, current_password=None, username="layla2"),
    "contact": lambda user: profiles.update_profile(
        actor=user, current_password=PASSWORD, email="new@example.com"
    ),
    "avatar": lambda user: profiles.set_avatar(actor=user, upload=photo()),
    "no avatar": lambda user: profiles.remove_avatar(actor=user),
    "deletion": lambda user: deletion.delete_account(actor=user, password=PASSWORD),
}


@pytest.mark.parametrize("change", _CHANGES_BY_THE_OWNER)
@pytest.mark.parametrize("end", ["deleted", "banned"])
def test_an_account_that_was_closed_meanwhile_is_not_changed(change: str, end: str, storage: Any) -> None:
    user = make_user(email="layla@example.com", username="layla", full_name="Layla")
    same_person = User.objects.get(pk=user.pk)
    if end == "deleted":
        deletion.delete_account(actor=same_person, password=PASSWORD)
    else:
        ban_user(actor=make_staff(), user_id=user.pk, reason="Counterfeits")
    before = User.objects.filter(pk=user.pk).values().get()
    with pytest.raises(NotAuthenticated) as refused:
        _CHANGES_BY_THE_OWNER[change](user)
    assert refused.value.code == f"account_{end}"
    assert User.objects.filter(pk=user.pk).values().get() == before
    assert [path for path in storage.rglob("*") if path.is_file()] == []
