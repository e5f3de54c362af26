"""Phase 1: authentication."""

import jwt
import pytest

from accounts.models import User
from soukloop.core.redis.client import redis_client
from soukloop.tests.contract.people import BUYER, SELLER, App, moment

pytestmark = pytest.mark.django_db(transaction=True)


def test_phase_1_authentication(visitor: App) -> None:
    # 1.1 and 1.2: registration
    data = visitor.register(BUYER)
    assert set(data) == {"access_token", "refresh_token", "token_type", "expires_in", "user"}
    assert (data["token_type"], data["expires_in"]) == ("bearer", 1800)
    assert {key: data["user"][key] for key in ("email", "username", "role", "is_verified")} == {
        "email": BUYER["email"],
        "username": "testbuyer",
        "role": "buyer",
        "is_verified": False,
    }
    for token in (data["access_token"], data["refresh_token"]):
        assert jwt.decode(token, options={"verify_signature": False})["sub"] == data["user"]["id"]
    assert User.objects.get(pk=data["user"]["id"]).is_verified is False
    selling = App(str(visitor.http.base_url).removesuffix("/api/v1/"))
    assert selling.register(SELLER)["user"]["role"] == "seller"

    # 1.3: the code is in Redis for ten minutes
    asked = visitor.call("POST", "/auth/send-otp", {"identifier": BUYER["email"], "type": "email"})
    assert asked == {"success": True, "message": f"OTP sent to {BUYER['email']}", "expires_in": 600}
    key = f"otp:{BUYER['email']}"
    code = redis_client().get(key).decode()
    assert len(code) == 6
    assert 590 < redis_client().ttl(key) <= 600

    # 1.4: a code can be used once, and is then deleted
    wrong = "000000" if code != "000000" else "111111"
    verify = {"identifier": BUYER["email"], "otp_code": wrong}
    assert visitor.call("POST", "/auth/verify-otp", verify, expect=400)["error"]["code"] == "otp_invalid"
    verified = visitor.call("POST", "/auth/verify-otp", {**verify, "otp_code": code})
    assert verified == {"success": True, "message": "OTP verified successfully"}
    assert redis_client().get(key) is None
    assert User.objects.get(pk=visitor.user["id"]).is_verified is True

    # 1.5: login by username, or by an email or phone that is confirmed; wrong credentials are refused
    before = User.objects.get(pk=visitor.user["id"]).last_login_at
    by_phone = {"identifier": BUYER["phone"], "password": BUYER["password"]}
    assert visitor.call("POST", "/auth/login", by_phone, expect=401)["error"]["code"] == "invalid_credentials"
    visitor.call("POST", "/auth/send-otp", {"identifier": BUYER["phone"], "type": "phone"})
    phone_code = redis_client().get(f"otp:{BUYER['phone']}").decode()
    visitor.call("POST", "/auth/verify-otp", {"identifier": BUYER["phone"], "otp_code": phone_code})
    for identifier in (BUYER["email"], BUYER["username"], BUYER["phone"]):
        data = visitor.post("/auth/login", {"identifier": identifier, "password": BUYER["password"]})
        assert {"access_token", "refresh_token", "token_type", "expires_in"} <= set(data)
    after = User.objects.get(pk=visitor.user["id"]).last_login_at
    assert after is not None
    assert before is None or after > before
    body = {"identifier": BUYER["email"], "password": "wrong"}
    assert visitor.call("POST", "/auth/login", body, expect=401)["error"]["code"] == "invalid_credentials"

    # 1.6: the current user
    visitor.token = data["access_token"]
    me = visitor.get("/auth/me")
    assert {key: me[key] for key in ("id", "email", "full_name", "role", "is_verified", "is_active")} == {
        "id": visitor.user["id"],
        "email": BUYER["email"],
        "full_name": "Test Buyer",
        "role": "buyer",
        "is_verified": True,
        "is_active": True,
    }
    moment(me["created_at"])
    first, visitor.token = visitor.token, ""
    assert visitor.call("GET", "/auth/me", expect=401)["error"]["code"] == "not_authenticated"

    # 1.7: refresh; the old access token is valid until it expires
    fresh = visitor.post("/auth/refresh", {"refresh_token": data["refresh_token"]})
    for visitor.token in (fresh["access_token"], first):
        assert visitor.get("/auth/me")["id"] == visitor.user["id"]
