"""The files of uploaded videos, and what is made of them. Knows no table."""
