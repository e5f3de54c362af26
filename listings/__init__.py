"""Products for sale, categories, feeds and search."""
