"""Bringing a database to the schema that this version writes. Alembic is loaded only when there is work to do."""

from sqlalchemy import Connection, Engine, inspect, text

from assay.spec.errors import UserError
from assay.store.schema import REVISION


def stored_revision(connection: Connection) -> str | None:
    """Revision of the database; None for an empty one."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    return connection.execute(text("SELECT version_num FROM alembic_version")).scalar()


def upgrade(engine: Engine, name: str, create: bool) -> None:
    """Migrate the database to `REVISION`; with `create` also an empty one.

    Raises:
        UserError: the database was written by a newer version of assay, or is empty.
    """
    with engine.connect() as connection:
        found = stored_revision(connection)
    if found == REVISION:
        return
    if found is None and not create:  # else an emptied store would pass for a lab without a past
        raise UserError(f"{name} is empty, or no store of assay; restore it from a copy (nothing was changed)")
    if found is not None and found > REVISION:
        raise UserError(
            f"{name} has schema {found}, newer than the {REVISION} that this version of assay knows; "
            f"install the newer assay (nothing was changed)"
        )
    from alembic import command
    from alembic.config import Config
    from alembic.util import CommandError

    config = Config()
    config.set_main_option("script_location", "assay:store/migrations")
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        try:
            command.upgrade(config, REVISION)
        except CommandError:
            raise UserError(
                f"{name} is damaged: no version of assay wrote schema {found}; restore it from a copy"
            ) from None
