"""Row policies and grants: what each role of the database may read, made from ``tables.guards``.

Belongs here: making them, and finding what is amiss. Does not belong here: which table's rows are
in which unit (``tables``), a request's scope (``scopes``).

There are five roles, which own nothing. ``gridmap_app`` reads and writes all; ``gridmap_whole``
reads the whole district, ``gridmap_scoped`` the rows of a signed scope; both once more with
``_cameras`` for those who may know where cameras stand.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from gridmap import tables as t

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Connection, Table

APP_ROLE = "gridmap_app"
WHOLE_ROLE, SCOPED_ROLE = "gridmap_whole", "gridmap_scoped"
CAMERAS = "_cameras"
READING_ROLES = (WHOLE_ROLE, SCOPED_ROLE, WHOLE_ROLE + CAMERAS, SCOPED_ROLE + CAMERAS)

# Functions of PostGIS that tell of rows which a policy hides (reliability.md 2).
STATISTICS = ("st_estimatedextent", "st_findextent", "_postgis_stats", "_postgis_selectivity")

_IN_SCOPE = (
    "{0} >= current_setting('gridmap.lo', true) AND {0} < current_setting('gridmap.hi', true)"
    " AND {0} <@ (SELECT scope_ranges())"
)
_MINE = "actor = current_setting('gridmap.account', true)"

Policy = tuple[str, str, str, str]
"""Name, command, role, condition."""


def policies_of(table: Table, owner: str) -> tuple[Policy, ...]:
    """Return the policies that a table should have.

    Parameters
    ----------
    table
        Any table of the store.
    owner
        Who owns it, and is kept out by its own policies otherwise.

    Returns
    -------
    tuple of (name, command, role, condition)
        Conditions of roles that see the whole are the constant true, which the planner drops.
    """
    found: list[Policy] = [("owner", "ALL", owner, "true"), ("app", "ALL", APP_ROLE, "true")]
    if table in t.UNIT_COLUMN:
        found.append(("whole", "SELECT", WHOLE_ROLE, "true"))
        found.append(("scope", "SELECT", SCOPED_ROLE, _IN_SCOPE.format(t.UNIT_COLUMN[table])))
    elif table in t.OPEN or table in t.ONLY_COLUMNS:
        found += [("whole", "SELECT", WHOLE_ROLE, "true"), ("open", "SELECT", SCOPED_ROLE, "true")]
    elif table in t.WHOLE_ONLY:
        found.append(("whole", "SELECT", WHOLE_ROLE, "true"))
    elif table is t.OWN:
        found.append(("mine", "INSERT", WHOLE_ROLE, _MINE))
        found.append(("mine_too", "INSERT", SCOPED_ROLE, _MINE))
    return tuple(found)


def grants_of(table: Table) -> dict[str, tuple[str, tuple[str, ...]]]:
    """Return what reading roles may do with a table.

    Parameters
    ----------
    table
        Any table of the store.

    Returns
    -------
    dict
        By role: the command and the columns, none for all.
    """
    if table is t.OWN:
        mine = ("INSERT", ("actor", "action", "subject", "details"))
        return {WHOLE_ROLE: mine, SCOPED_ROLE: mine}
    plain = [WHOLE_ROLE] if table in t.WHOLE_ONLY else [WHOLE_ROLE, SCOPED_ROLE]
    if table in t.CAMERAS:
        return {role + CAMERAS: ("SELECT", ()) for role in plain}
    if table in t.ONLY_COLUMNS:
        grants = dict.fromkeys(plain, ("SELECT", t.ONLY_COLUMNS[table]))
        if table in t.UNIT_COLUMN:
            grants |= {role + CAMERAS: ("SELECT", ()) for role in plain}
        return grants
    known = table in t.UNIT_COLUMN or table in t.OPEN or table in t.WHOLE_ONLY
    return dict.fromkeys(plain, ("SELECT", ())) if known else {}


def write_guards(conn: Connection) -> None:
    """Make every table's policies and grants anew, and the marks where we may.

    Parameters
    ----------
    conn
        An open connection of the tables' owner.
    """
    owner, roles, superuser = conn.execute(
        sa.text(
            "SELECT current_user::text, ARRAY(SELECT rolname::text FROM pg_roles),"
            " (SELECT rolsuper FROM pg_roles WHERE rolname = current_user)"
        )
    ).one()
    quoted = conn.dialect.identifier_preparer.quote
    for table in t.metadata.sorted_tables:
        for statement in _statements(table, owner, set(roles), quoted):
            conn.exec_driver_sql(statement)
    if superuser:
        conn.exec_driver_sql(MARKS)


MARKS = """
ALTER FUNCTION geometry_overlaps(geometry, geometry) LEAKPROOF;
DO $$
DECLARE
    one regprocedure;
BEGIN
    FOR one IN SELECT oid FROM pg_proc WHERE proname IN (
        'st_estimatedextent', 'st_findextent', '_postgis_stats', '_postgis_selectivity') LOOP
        EXECUTE 'REVOKE EXECUTE ON FUNCTION ' || one || ' FROM PUBLIC';
    END LOOP;
END $$
"""
"""What only a superuser can do: `geom && box` compares boxes and tells nothing of a row, so that a
policy need not stop its index (reliability.md 0.1); statistics tell of rows that a policy hides."""


def _statements(table: Table, owner: str, roles: set[str], quoted: Any) -> Iterator[str]:
    """Yield what makes a table's guards; every name is of our own declarations."""
    name = quoted(table.name)
    yield f"ALTER TABLE {name} ENABLE ROW LEVEL SECURITY"
    yield f"ALTER TABLE {name} FORCE ROW LEVEL SECURITY"
    for policy in ("owner", "app", "whole", "scope", "open", "mine", "mine_too"):
        yield f"DROP POLICY IF EXISTS {quoted(policy)} ON {name}"
    for policy, command, role, condition in policies_of(table, owner):
        if role not in roles:
            continue
        using = f" USING ({condition})" if command != "INSERT" else ""
        check = f" WITH CHECK ({condition})" if command != "SELECT" else ""
        to = quoted(role)
        yield f"CREATE POLICY {quoted(policy)} ON {name} FOR {command} TO {to}{using}{check}"
    for role in READING_ROLES:
        if role in roles:
            yield f"REVOKE ALL ON {name} FROM {quoted(role)}"
    for role, (command, columns) in grants_of(table).items():
        if role in roles:
            some = f" ({', '.join(map(quoted, columns))})" if columns else ""
            yield f"GRANT {command}{some} ON {name} TO {quoted(role)}"
    if table is t.scope_key and APP_ROLE in roles:
        yield f"GRANT SELECT ON {name} TO {quoted(APP_ROLE)}"


def own_statements(conn: Connection, table: Table) -> list[str]:
    """Return what guards a temporary table that hides one of ours, which has its name.

    Parameters
    ----------
    conn
        An open connection; its role owns the temporary table.
    table
        The table that is hidden.

    Returns
    -------
    list of str
        Statements.
    """
    owner, roles = conn.execute(
        sa.text("SELECT current_user::text, ARRAY(SELECT rolname::text FROM pg_roles)")
    ).one()
    quoted = conn.dialect.identifier_preparer.quote
    every = _statements(table, owner, set(roles), quoted)
    # Not its owner's too, who fills it by COPY, which policies do not allow.
    return [statement for statement in every if "FORCE" not in statement]


def read_faults(conn: Connection) -> list[str]:
    """Read what keeps scopes from being kept apart.

    Parameters
    ----------
    conn
        An open connection.

    Returns
    -------
    list of str
        English phrases, none if all is as `write_guards` leaves it: roles, policies, grants, views.
    """
    roles = set(conn.execute(sa.text("SELECT rolname::text FROM pg_roles")).scalars())
    found = list(_faults_of_roles(conn))
    found += _faults_of_tables(conn, roles)
    found += _faults_of_grants(conn, roles)
    views = conn.execute(
        sa.text(
            "SELECT c.relname::text FROM pg_class c WHERE c.relkind IN ('v', 'm')"
            " AND c.relnamespace = 'public'::regnamespace"
            " AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = c.oid AND d.deptype = 'e')"
            " AND (c.relkind = 'm' OR NOT coalesce("
            "  c.reloptions && ARRAY['security_invoker=true', 'security_invoker=on'], false))"
        )
    ).scalars()
    return [*found, *(f"the view {name} shows what policies hide" for name in views)]


def _faults_of_roles(conn: Connection) -> Iterator[str]:
    """Yield roles that are missing or may too much."""
    rows = conn.execute(
        sa.text(
            "SELECT rolname::text AS name, rolsuper OR rolbypassrls AS free,"
            " EXISTS (SELECT FROM pg_class WHERE relowner = pg_roles.oid) AS owns"
            " FROM pg_roles WHERE rolname = ANY(:names)"
        ),
        {"names": [APP_ROLE, *READING_ROLES]},
    )
    known = {row.name: row for row in rows}
    for name in (APP_ROLE, *READING_ROLES):
        if name not in known:
            yield f"there is no role {name}"
        elif known[name].free or known[name].owns:
            yield f"the role {name} owns tables or is bound by no policy"


def _faults_of_tables(conn: Connection, roles: set[str]) -> Iterator[str]:
    """Yield tables that lack row-level security, or have other policies than they should."""
    rows = conn.execute(
        sa.text(
            "SELECT c.relname::text AS name, c.relrowsecurity AND c.relforcerowsecurity AS forced,"
            " pg_get_userbyid(c.relowner)::text AS owner,"
            " coalesce((SELECT jsonb_agg(jsonb_build_array(policyname, cmd, roles::text[],"
            "  coalesce(qual, with_check))) FROM pg_policies p"
            "  WHERE p.schemaname = 'public' AND p.tablename = c.relname), '[]') AS policies"
            " FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace"
            " AND c.relkind IN ('r', 'p') AND c.relname = ANY(:names)"
        ),
        {"names": list(t.metadata.tables)},
    )
    for row in rows:
        table = t.metadata.tables[row.name]
        every = policies_of(table, row.owner)
        should = {(n, c, r, _plain(q)) for n, c, r, q in every if r in roles}
        are = {(n, c, ",".join(to), _plain(q)) for n, c, to, q in row.policies}
        if not row.forced:
            yield f"the table {row.name} is without row-level security"
        elif should != are:
            yield f"the table {row.name} has other policies than it should"


def _plain(condition: str) -> str:
    """Return a condition without what the server adds when it tells it."""
    return re.sub(r"\s|[()]|::text|ASscope_ranges", "", re.sub(r"\sAS\s", "AS", condition))


def _faults_of_grants(conn: Connection, roles: set[str]) -> Iterator[str]:
    """Yield tables that a reading role can read more of, or write more to, than it should."""
    tables = conn.execute(
        sa.text(
            "SELECT c.relname::text, coalesce(r.rolname, 'public')::text, g.privilege_type::text"
            " FROM pg_class c CROSS JOIN aclexplode(c.relacl) g"
            " LEFT JOIN pg_roles r ON r.oid = g.grantee"
            " WHERE c.relnamespace = 'public'::regnamespace"
            " AND (g.grantee = 0 OR r.rolname = ANY(:roles))"
        ),
        {"roles": list(READING_ROLES)},
    )
    are = {tuple(row) for row in tables if row[0] in t.metadata.tables}
    should = {
        (table.name, role, command)
        for table in t.metadata.tables.values()
        for role, (command, columns) in grants_of(table).items()
        if not columns and role in roles
    }
    for name in sorted({one[0] for one in are ^ should}):
        yield f"the table {name} has other grants than it should"
    columns = conn.execute(
        sa.text(
            "SELECT DISTINCT a.attrelid::regclass::text AS name, a.attname::text AS column,"
            " r.rolname::text AS role FROM pg_attribute a, aclexplode(a.attacl) g"
            " JOIN pg_roles r ON r.oid = g.grantee WHERE r.rolname = ANY(:roles)"
        ),
        {"roles": list(READING_ROLES)},
    )
    shown = {tuple(row) for row in columns}
    wanted = {
        (table.name, column, role)
        for table in t.metadata.tables.values()
        for role, (_, names) in grants_of(table).items()
        if role in roles
        for column in names
    }
    for name in sorted({one[0] for one in shown ^ wanted}):
        yield f"the table {name} shows other columns than it should"


def read_marks(conn: Connection) -> dict[str, bool]:
    """Read what only a superuser can set.

    Parameters
    ----------
    conn
        An open connection.

    Returns
    -------
    dict
        ``overlaps``: the operator && may use its index under a policy; ``statistics``: functions
        that tell of hidden rows are revoked.
    """
    row = conn.execute(
        sa.text(
            "SELECT (SELECT proleakproof FROM pg_proc WHERE oid ="
            " to_regprocedure('geometry_overlaps(geometry,geometry)')) AS overlaps,"
            " NOT EXISTS (SELECT FROM pg_proc WHERE proname = ANY(:names)"
            "  AND has_function_privilege(:role, oid, 'EXECUTE')) AS statistics"
        ),
        {"names": list(STATISTICS), "role": SCOPED_ROLE},
    ).one()
    return {"overlaps": bool(row.overlaps), "statistics": bool(row.statistics)}
