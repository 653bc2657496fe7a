"""Tables. Every change of this file comes with a migration in `migrations/versions`."""

from sqlalchemy import BigInteger, Boolean, Column, Float, Index, Integer, MetaData, String, Table, Text

metadata = MetaData()

#: Revision that this version of assay writes; `migrations/versions` holds the way to it.
REVISION = "0001"

ledger = Table(
    "ledger",
    metadata,
    Column("seq", Integer, primary_key=True, autoincrement=False),
    Column("time", String(32), nullable=False),
    Column("kind", String(32), nullable=False),
    Column("body", Text, nullable=False),
    Column("previous", String(64), nullable=False),
    Column("hash", String(64), nullable=False),
)

#: One row: the newest entry, so that a ledger cut short at its end is noticed.
ledger_head = Table(
    "ledger_head",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("seq", Integer, nullable=False),
    Column("hash", String(64), nullable=False),
)

recipes = Table(
    "recipes",
    metadata,
    Column("hash", String(16), primary_key=True),
    Column("body", Text, nullable=False),
)

runs = Table(
    "runs",
    metadata,
    Column("hash", String(16), primary_key=True),
    Column("recipe", String(16), nullable=False),
    Column("scale", String(64), nullable=False),
    Column("seed_init", BigInteger, nullable=False),
    Column("seed_data", BigInteger, nullable=False),
    Column("repeat", Integer, nullable=False),
    Column("trainer", String(128), nullable=False),
    Column("status", String(16), nullable=False),
    Column("score", Float),
    Column("domains", Text, nullable=False, default="{}"),
    Column("flops", Float, nullable=False, default=0.0),
    Column("seconds", Float, nullable=False, default=0.0),
    Column("step_ms", Float, nullable=False, default=0.0),
    Column("memory_mb", Float, nullable=False, default=0.0),
    Column("half_loss", Float),
    Column("message", Text, nullable=False, default=""),
    Column("checkpoint_kept", Boolean, nullable=False, default=True),
    Column("spec", Text, nullable=False),
)

metrics = Table(
    "metrics",
    metadata,
    Column("run", String(16), primary_key=True),
    Column("step", Integer, primary_key=True),
    Column("tokens", Float),
    Column("loss", Float),
    Column("lr", Float),
    Column("grad_norm", Float),
)

exchanges = Table(
    "exchanges",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("time", String(32), nullable=False),
    Column("author", String(128), nullable=False),
    Column("cost_usd", Float, nullable=False, default=0.0),
    Column("body", Text, nullable=False),
)

#: Requests by other processes to the one controller: proposals and cancellations.
inbox = Table(
    "inbox",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("time", String(32), nullable=False),
    Column("kind", String(16), nullable=False),
    Column("body", Text, nullable=False),
    Column("handled", Boolean, nullable=False, default=False),
    Column("answer", Text, nullable=False, default=""),
)

Index("inbox_open", inbox.c.handled)
