"""The ids that the examples of events share."""

EXAMPLE_STREAM_ID = "4f1f8a3e-6a53-4f0e-9f5b-1d5ac0a3c9d2"
EXAMPLE_USER_ID = "c0a8d7b2-3c1d-4a55-8f43-0f8f8a7b6c11"
EXAMPLE_PRODUCT_ID = "0b4f4e9e-2a86-4c0f-9a8e-d0a3a4f1c7aa"
