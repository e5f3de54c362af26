"""HTTP requests and responses: parsing, validation, rendering, and the OpenAPI description."""
