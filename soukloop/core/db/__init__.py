"""Reading from PostgreSQL where the ORM is too slow or an event loop is waiting."""
