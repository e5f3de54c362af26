"""Orders: what is bought, its way to the buyer, disputes and reviews."""
