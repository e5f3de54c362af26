"""Request and response shapes of products and lists."""
