"""Request bodies of the contract."""

COMMUNITY_BODY = {
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

DISCOVER_BODY = {
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
