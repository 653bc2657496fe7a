"""All durable state of a lab: one SQLite file (or another SQLAlchemy database) and the append-only ledger."""
