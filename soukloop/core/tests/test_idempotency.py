"""A request that is sent twice with one Idempotency-Key has one effect and one response."""

import threading
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
import time_machine
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from PIL import Image
from rest_framework.test import APIClient

from accounts.tests.factories import client_for, make_seller
from soukloop.core.models import IdempotencyRecord
from soukloop.core.tests.urls import EFFECT

pytestmark = [pytest.mark.urls("soukloop.core.tests.urls")]

URL = "/api/v1/test/create"


def create(key: str | None = "key-1", **body: Any) -> Any:
    headers = {"idempotency-key": key} if key is not None else {}
    return APIClient(raise_request_exception=False).post(URL, body, headers=headers)


def effects() -> int:
    return IdempotencyRecord.objects.filter(fingerprint=EFFECT).count()


@pytest.mark.django_db
def test_a_repeated_request_gets_the_first_response_unchanged() -> None:
    first, second = create(a=1), create(a=1)
    assert (first.status_code, second.status_code) == (201, 201)
    assert first.content == second.content
    assert b'"price":850.00' in second.content
    assert "Idempotent-Replayed" not in first
    assert second["Idempotent-Replayed"] == "true"
    assert effects() == 1


@pytest.mark.django_db
def test_requests_without_a_key_are_each_carried_out() -> None:
    create(key=None)
    create(key=None)
    assert effects() == 2


@pytest.mark.django_db
def test_another_body_with_the_same_key_is_422_and_changes_nothing() -> None:
    create(a=1)
    response = create(a=2)
    assert response.status_code == 422
    assert response.json()["error"]["code"] == "idempotency_mismatch"
    assert effects() == 1


@pytest.mark.django_db
def test_another_upload_with_the_same_key_is_422(settings: Any, tmp_path: Path) -> None:
    settings.MEDIA_ROOT = tmp_path
    client = client_for(make_seller())

    def upload(colour: str) -> Any:
        picture = BytesIO()
        Image.new("RGB", (20, 10), colour).save(picture, "PNG")
        file = SimpleUploadedFile("picture.png", picture.getvalue(), "image/png")
        url, headers = "/api/v1/uploads/images", {"idempotency-key": "u1"}
        return client.post(url, {"image": file}, format="multipart", headers=headers)

    first, again, other = upload("red"), upload("red"), upload("blue")
    assert (first.status_code, again.status_code, other.status_code) == (201, 201, 422)
    assert first.content == again.content


@pytest.mark.django_db
def test_a_refused_request_may_be_retried_with_the_same_key() -> None:
    assert create(refuse=True).status_code == 409
    assert create(a=1).status_code == 201
    assert effects() == 1


@pytest.mark.django_db(transaction=True)
def test_a_crash_rolls_back_the_effect_and_the_key() -> None:
    assert create(crash=True).status_code == 500
    assert effects() == 0
    assert create(a=1).status_code == 201


@pytest.mark.django_db
@pytest.mark.parametrize("key", ["", " ", "x" * 256, "\u200f"])
def test_an_invalid_key_is_refused(key: str) -> None:
    response = create(key=key)
    assert response.status_code == 400
    assert response.json()["error"]["code"] == "bad_idempotency_key"


@pytest.mark.django_db
def test_a_key_expires_after_a_day() -> None:
    with time_machine.travel("2026-01-01T10:00:00Z", tick=False) as clock:
        create(a=1)
        IdempotencyRecord.objects.update(created_at="2026-01-01T10:00:00Z")
        clock.shift(86_401)
        assert create(a=2).status_code == 201
    assert effects() == 2


@pytest.mark.django_db(transaction=True)
def test_concurrent_requests_with_one_key_have_one_effect_and_the_same_response() -> None:
    answers: list[bytes] = []
    barrier = threading.Barrier(8)

    def send() -> None:
        barrier.wait()
        answers.append(create(a=1).content)
        connection.close()

    threads = [threading.Thread(target=send) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(answers) == 8
    assert len(set(answers)) == 1
    assert effects() == 1
