"""What is for sale: products, categories, feeds, search."""
