"""Bodies of responses as they are kept for a day: compressed, because there are millions of them."""

import zlib

# Every body has these names and words, which then cost a byte or two each. A body that is stored can only be
# read with the dictionary it was written with: a change needs a second dictionary.
_DICTIONARY = (
    b'"is_verified":false,"avatar_url":null,"full_name":"","username":"","reviewed":false,"expires_at":'
    b'"cancelled","completed","declined","accepted","pending","countered","offer_price":"currency":"AED",'
    b'"thumbnail_url":null,"image_urls":["https://"category":"brand":"","condition":"size":null,"tags":[],'
    b'"allow_offers":true,"delivery_available":false,"is_active":true,"view_count":0,"favorite_count":0,'
    b'"feed_type":"community","feed_type":"discover","title":"","description":"","price":"seller":{"id":"'
    b'"product":{"id":"","buyer":{"id":"","stream_id":null,"product_id":"","status":"active",'
    b'"message_type":"system","message_type":"offer","message_type":"image","data":{"offer_id":"",'
    b'"updated_at":"2026-11-27T00:00:00Z","conversation_id":null,"created_at":"2026-11-27T00:00:00Z"}'
    b'{"id":"","conversation_id":"","seq":1,"sender_id":"","message_type":"text","content":"","data":{},'
    b'"client_message_id":null,"is_hidden":false,"created_at":"2026-11-2'
)
_FIRST_BYTE = b"\x78"  # of compressed data; JSON cannot begin with it


def pack_body(body: bytes) -> bytes:
    """Return the body compressed, or as it is if that is smaller."""
    packer = zlib.compressobj(level=6, zdict=_DICTIONARY)
    packed = packer.compress(body) + packer.flush()
    return packed if len(packed) < len(body) else body


def unpack_body(stored: bytes | memoryview) -> bytes:
    """Return a body that `pack_body` has stored."""
    stored = bytes(stored)
    if not stored.startswith(_FIRST_BYTE):
        return stored
    return zlib.decompressobj(zdict=_DICTIONARY).decompress(stored)
