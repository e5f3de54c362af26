"""The responses in `docs/contract.md`, as examples for `/openapi.json`; example requests are in the views."""

from typing import Any

_USER = "c0a8d7b2-3c1d-4a55-8f43-0f8f8a7b6c11"
_SELLER = "5d1f3b0a-8f1e-4c3b-9f0a-1f7f6f0f2b22"
_PRODUCT = "0b4f4e9e-2a86-4c0f-9a8e-d0a3a4f1c7aa"
_CONVERSATION = "8a6a1f3e-6f0e-4f0b-8a55-2a7f0b1c9d33"
_STREAM = "4f1f8a3e-6a53-4f0e-9f5b-1d5ac0a3c9d2"
_OFFER = "9a1de3d4-98c1-4b70-8dd3-0f9b1c0f2e44"
_AT = "2025-10-18T10:00:00Z"

_CARD = {
    "id": _PRODUCT,
    "title": "Nike Air Jordan 1 Retro High",
    "price": 850.00,
    "thumbnail_url": "https://example.com/image1.jpg",
    "is_live": False,
    "seller": {"username": "@testseller", "avatar_url": None, "is_verified": True},
}
_NEARBY = {"distance_km": 0.5, "distance_label": "Walking distance", "neighborhood": "Dubai Marina"}
_PAGE = {"page": 1, "per_page": 20, "total": 1, "has_more": False}

CONTRACT_RESPONSES: dict[str, Any] = {
    "POST /api/v1/products": {  # 2.1
        "id": _PRODUCT,
        "title": "Nike Air Jordan 1 Retro High",
        "price": 850.00,
        "feed_type": "community",
        "platform_fee": 42.50,
        "seller_payout": 807.50,
        "is_available": True,
        "created_at": _AT,
    },
    "GET /api/v1/feeds/discover": {  # 2.3
        "items": [{**_CARD, "video_url": "https://example.com/video.m3u8"}],
        **_PAGE,
    },
    "GET /api/v1/feeds/community": {"items": [{**_CARD, **_NEARBY}], **_PAGE},  # 2.4
    "GET /api/v1/search": {  # 2.5
        "items": [_CARD],
        "facets": {
            "categories": [{"category": "sneakers", "count": 1}],
            "price_ranges": [{"label": "AED 500-1000", "min_price": 500, "max_price": 1000, "count": 1}],
        },
        "total": 1,
    },
    "GET /api/v1/categories": [  # 2.6
        {
            "slug": "trading_cards",
            "name": "Trading Card Games",
            "icon": "🎴",
            "color": "#9333EA",
            "secondary_color": "#EC4899",
            "total_products": 1,
            "live_streams_count": 0,
            "active_listings_count": 1,
        }
    ],
    "POST /api/v1/conversations": {  # 3.1
        "id": _CONVERSATION,
        "buyer_id": _USER,
        "seller_id": _SELLER,
        "product_id": _PRODUCT,
        "unread_count_buyer": 0,
        "unread_count_seller": 1,
        "created_at": _AT,
    },
    "POST /api/v1/conversations/{conversation_id}/messages": {  # 3.2
        "id": "7e57d004-2b97-4e7a-b45f-5387367791cd",
        "conversation_id": _CONVERSATION,
        "sender_id": _SELLER,
        "message_type": "text",
        "content": "Yes! It's available. Would you like to see more photos?",
        "created_at": "2025-10-18T10:05:00Z",
    },
    "POST /api/v1/offers": {  # 3.6
        "id": _OFFER,
        "product_id": _PRODUCT,
        "offered_price": 750.00,
        "original_price": 850.00,
        "status": "pending",
        "expires_at": "2025-10-19T10:00:00Z",
        "created_at": _AT,
    },
    "POST /api/v1/streams": {  # 4.1
        "streamId": _STREAM,
        "title": "Flash Sale - Up to 50% Off Sneakers!",
        "status": "scheduled",
        "audience": "everyone",
        "estimatedDuration": 30,
        "productCount": 2,
        "createdAt": _AT,
    },
    "POST /api/v1/streams/{stream_id}/go-live": {  # 4.3
        "streamId": _STREAM,
        "status": "live",
        "rtmpUrl": "rtmp://live.soukloop.com/live",
        "streamKey": "sk_abc123xyz",
        "hlsUrl": "https://video.soukloop.com/live/stream_abc123/index.m3u8",
        "dashUrl": "https://video.soukloop.com/live/stream_abc123/manifest.mpd",
        "startedAt": "2025-10-18T10:10:00Z",
        "notificationsSent": 1247,
    },
    "POST /api/v1/streams/{stream_id}/end": {  # 4.8
        "streamId": _STREAM,
        "status": "ended",
        "duration": 1847,
        "stats": {
            "peakViewers": 234,
            "uniqueViewers": 567,
            "totalLikes": 892,
            "chatMessages": 456,
            "averageWatchTime": 412,
            "productsTagged": 2,
            "clicksOnProducts": 31,
        },
        "vodUrl": "https://video.soukloop.com/vods/stream_abc123.m3u8",
        "endedAt": "2025-10-18T10:40:47Z",
    },
    "GET /api/v1/streams/{stream_id}/analytics": {  # 4.9
        "basicStats": {"duration": 1847, "peakViewers": 234, "uniqueViewers": 567, "averageWatchTime": 412},
        "engagement": {
            "totalLikes": 892,
            "totalReactions": {"❤️": 450, "🔥": 220, "👍": 122, "😂": 100},
            "chatMessages": 456,
            "newFollowers": 12,
        },
        "products": [
            {
                "productId": _PRODUCT,
                "title": "Nike Air Jordan 1",
                "clicks": 31,
                "views": 180,
                "inquiries": 4,
                "purchases": 1,
                "revenue": 750.00,
            }
        ],
        "revenue": {"totalSales": 1, "grossRevenue": 750.00, "platformFee": 37.50, "netRevenue": 712.50},
    },
}


def add_contract_responses(result: dict[str, Any], **kwargs: Any) -> dict[str, Any]:
    """Add the contract's example response to each of its operations; runs before `wrap_in_envelope`."""
    for name, response in CONTRACT_RESPONSES.items():
        method, path = name.split()
        responses = result["paths"][path][method.lower()]["responses"]
        status = next(status for status in ("201", "200") if status in responses)
        content = responses[status]["content"]["application/json"]
        content.setdefault("examples", {})["Contract"] = {"summary": "As in the contract", "value": response}
    return result
