"""Reading from PostgreSQL where the ORM is too slow; the database backend."""
