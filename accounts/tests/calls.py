"""Calls of the API of accounts that several tests make."""

from typing import Any

import jwt
from procrastinate.contrib.django.models import ProcrastinateJob

from accounts.tasks import deliver_code
from accounts.tests.factories import PASSWORD
from soukloop.core.redis.client import redis_client

AUTH = "/api/v1/auth"
EMAIL = "testbuyer@soukloop.com"
PHONE = "+971501234567"


def log_in(client: Any, identifier: Any, password: Any = PASSWORD) -> Any:
    return client.post(f"{AUTH}/login", {"identifier": identifier, "password": password})


def me_with(client: Any, token: Any) -> Any:
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {token}")
    answer = client.get(f"{AUTH}/me")
    client.credentials()
    return answer


def refresh(client: Any, token: Any) -> Any:
    return client.post(f"{AUTH}/refresh", {"refresh_token": token})


def code_of(answer: Any) -> Any:
    return answer.status_code, answer.json()["error"]["code"]


def send(client: Any, identifier: Any = EMAIL, **extra: Any) -> Any:
    return client.post(f"{AUTH}/send-otp", {"identifier": identifier, **extra})


def verify(client: Any, code: Any, identifier: Any = EMAIL) -> Any:
    return client.post(f"{AUTH}/verify-otp", {"identifier": identifier, "otp_code": code})


def code_in_redis(identifier: Any = EMAIL) -> Any:
    stored = redis_client().get(f"otp:{identifier}")
    assert isinstance(stored, bytes)
    return stored.decode()


def wrong(code: Any) -> Any:
    return f"{(int(code) + 1) % 1_000_000:06}"


def deliver() -> None:
    for job in ProcrastinateJob.objects.filter(task_name="accounts.deliver_code").order_by("id"):
        deliver_code(**job.args)


def claims_of(token: Any) -> Any:
    return jwt.decode(token, options={"verify_signature": False, "verify_aud": False})
