"""Django's PostGIS backend, for connections that a pool lends to each request anew."""
