"""The first schema."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "ledger",
        sa.Column("seq", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("time", sa.String(32), nullable=False),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.Column("previous", sa.String(64), nullable=False),
        sa.Column("hash", sa.String(64), nullable=False),
    )
    op.create_table(
        "ledger_head",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("seq", sa.Integer, nullable=False),
        sa.Column("hash", sa.String(64), nullable=False),
    )
    op.create_table(
        "recipes",
        sa.Column("hash", sa.String(16), primary_key=True),
        sa.Column("body", sa.Text, nullable=False),
    )
    op.create_table(
        "runs",
        sa.Column("hash", sa.String(16), primary_key=True),
        sa.Column("recipe", sa.String(16), nullable=False),
        sa.Column("scale", sa.String(64), nullable=False),
        sa.Column("seed_init", sa.BigInteger, nullable=False),
        sa.Column("seed_data", sa.BigInteger, nullable=False),
        sa.Column("repeat", sa.Integer, nullable=False),
        sa.Column("trainer", sa.String(128), nullable=False),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("score", sa.Float),
        sa.Column("domains", sa.Text, nullable=False),
        sa.Column("flops", sa.Float, nullable=False),
        sa.Column("seconds", sa.Float, nullable=False),
        sa.Column("step_ms", sa.Float, nullable=False),
        sa.Column("memory_mb", sa.Float, nullable=False),
        sa.Column("half_loss", sa.Float),
        sa.Column("message", sa.Text, nullable=False),
        sa.Column("checkpoint_kept", sa.Boolean, nullable=False),
        sa.Column("spec", sa.Text, nullable=False),
    )
    op.create_table(
        "metrics",
        sa.Column("run", sa.String(16), primary_key=True),
        sa.Column("step", sa.Integer, primary_key=True),
        sa.Column("tokens", sa.Float),
        sa.Column("loss", sa.Float),
        sa.Column("lr", sa.Float),
        sa.Column("grad_norm", sa.Float),
    )
    op.create_table(
        "exchanges",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("time", sa.String(32), nullable=False),
        sa.Column("author", sa.String(128), nullable=False),
        sa.Column("cost_usd", sa.Float, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
    )
    op.create_table(
        "inbox",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("time", sa.String(32), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.Column("handled", sa.Boolean, nullable=False),
        sa.Column("answer", sa.Text, nullable=False),
    )
    op.create_index("inbox_open", "inbox", ["handled"])
