"""How dates read on the staff's pages, by language."""
