"""What the staff's admin screens are made of."""
