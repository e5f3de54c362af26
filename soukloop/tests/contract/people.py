"""The users of the contract, their products, and an HTTP client for each user."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

import httpx

from soukloop.realtime.testing.clients import SocketIoClient

Connect = Callable[..., SocketIoClient]
BUYER = {
    "email": "testbuyer@soukloop.com",
    "username": "testbuyer",
    "password": "Test123!@#",
    "phone": "+971501234567",
    "full_name": "Test Buyer",
    "role": "buyer",
}
SELLER = {
    "email": "testseller@soukloop.com",
    "username": "testseller",
    "password": "Seller123!@#",
    "phone": "+971507654321",
    "full_name": "Test Seller",
    "role": "seller",
}
JORDAN = {
    "title": "Nike Air Jordan 1 Retro High",
    "description": "Brand new, never worn. Size 42. Original box included.",
    "price": 850.00,
    "currency": "AED",
    "category": "sneakers",
    "condition": "new",
    "feed_type": "community",
    "location": {"latitude": 25.0772, "longitude": 55.1369},
    "neighborhood": "Dubai Marina",
    "image_urls": ["https://example.com/image1.jpg", "https://example.com/image2.jpg"],
    "tags": ["sneakers", "jordan", "nike"],
}
POKEMON = {
    "title": "Live Trading Card Pack Opening - Pokemon 2025",
    "description": "Join me live as I open rare Pokemon packs!",
    "price": 299.00,
    "category": "trading_cards",
    "condition": "new",
    "feed_type": "discover",
    "location": {"latitude": 25.2048, "longitude": 55.2708},
    "neighborhood": "Downtown Dubai",
    "video_url": "https://example.com/video.m3u8",
    "video_thumbnail_url": "https://example.com/thumb.jpg",
    "image_urls": ["https://example.com/img1.jpg"],
}


class App:
    """A user's app: an HTTP client with the user's token."""

    def __init__(self, base_url: str) -> None:
        self.http = httpx.Client(base_url=f"{base_url}/api/v1", timeout=30)
        self.user: dict[str, Any] = {}
        self.token = ""
        self.refresh_token = ""

    def call(self, method: str, path: str, body: Any = None, *, expect: int = 200, **query: Any) -> Any:
        """Send a request, check its status, and return the response body."""
        headers = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        response = self.http.request(method, path, json=body, params=query or None, headers=headers)
        assert response.status_code == expect, f"{method} {path}: {response.status_code} {response.text}"
        assert response.headers["content-type"] == "application/json"
        return response.json()

    def get(self, path: str, **query: Any) -> Any:
        answer = self.call("GET", path, **query)
        assert answer["success"] is True
        return answer["data"]

    def post(self, path: str, body: Any = None, *, expect: int = 200) -> Any:
        answer = self.call("POST", path, body, expect=expect)
        assert answer["success"] is True
        return answer["data"]

    def patch(self, path: str, body: Any = None) -> Any:
        return self.call("PATCH", path, body)["data"]

    def register(self, person: dict[str, str]) -> Any:
        data = self.post("/auth/register", person, expect=201)
        self.user, self.token, self.refresh_token = data["user"], data["access_token"], data["refresh_token"]
        return data


def moment(text: str) -> datetime:
    """Parse a time of the API: ISO 8601 in UTC, with `Z`."""
    assert text.endswith("Z"), text
    return datetime.fromisoformat(text)
