"""Request and response shapes of products and their lists."""
