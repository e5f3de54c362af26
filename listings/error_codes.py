"""The stable codes of this app's errors."""

from soukloop.core.error_codes import ErrorCode


class ListingsErrorCode(ErrorCode):
    """Explained in docs/errors.md."""

    PRODUCT_NOT_FOUND = "product_not_found"
    CATEGORY_NOT_FOUND = "category_not_found"
    NOT_YOUR_PRODUCT = "not_your_product"
    SELLERS_ONLY = "sellers_only"
    PRODUCT_INACTIVE = "product_inactive"
    ACTIVE_PRODUCTS_LIMIT = "active_products_limit"
    PRODUCT_ACTIVE = "product_active"
    PRODUCT_RESERVED = "product_reserved"
    PRODUCT_SOLD = "product_sold"
    PRODUCT_HIDDEN = "product_hidden"
    PRODUCT_DELETED = "product_deleted"
    VIDEO_NOT_FOUND = "video_not_found"
    TOO_MANY_VIDEOS = "too_many_videos"
    VIDEO_OFFSET_MISMATCH = "video_offset_mismatch"
    VIDEO_IN_USE = "video_in_use"
    TUS_VERSION_UNSUPPORTED = "tus_version_unsupported"
