"""Commands on accounts: who may sign in, as what, over which codes."""

from __future__ import annotations

import datetime as dt
import sys
from typing import Annotated, Any

import typer
from rich.text import Text

from gridmap import jobs
from gridmap.accounts import ROLE_NAMES
from gridmap.cli.tables import print_json, print_table
from gridmap.cli.terminal import AsJson, app, err, out
from gridmap.cli.words import ACCOUNT_STATES
from gridmap.errors import InputError
from gridmap.language import translate
from gridmap.model import WHOLE, Role
from gridmap.settings import Settings

account_app = typer.Typer(help="Who may sign in, as what, over which codes.", no_args_is_help=True)
token_app = typer.Typer(help="Tokens by which programs sign in.", no_args_is_help=True)
app.add_typer(account_app, name="account")
account_app.add_typer(token_app, name="token")

Name = Annotated[str, typer.Argument(help="Name of the account.")]
Ranges = Annotated[
    list[str] | None,
    typer.Option("--range", help="Code that may be seen, with all below; may be given often."),
]
FromInput = Annotated[
    bool, typer.Option("--password-stdin", help="Read the first password from standard input.")
]


@account_app.command("add")
def account_add(
    name: Name,
    role: Annotated[Role, typer.Option(help="What the account may.")],
    ranges: Ranges = None,
    whole: Annotated[bool, typer.Option("--whole", help="All of the district.")] = False,
    password_stdin: FromInput = False,
    oidc: Annotated[
        bool, typer.Option("--oidc", help="Signs in at the foreign provider, by the same name.")
    ] = False,
) -> None:
    """Make an account; its first password is printed once and must be changed."""
    settings = Settings()
    if whole == bool(ranges):
        raise InputError("give --range CODE, once or more, or --whole")
    password = _first_password() if password_stdin else None
    with jobs.database(settings) as engine:
        made = jobs.add_account(
            engine,
            name,
            role=role,
            ranges=WHOLE if whole else tuple(ranges or ()),
            now=_now(),
            actor=settings.actor,
            password=password,
            by_oidc=oidc,
        )
    _print_password(made, settings)


@account_app.command("list")
def account_list(as_json: AsJson = False) -> None:
    """List the accounts."""
    settings = Settings()
    with jobs.database(settings) as engine:
        rows = jobs.list_accounts(engine)
    if as_json:
        print_json(rows)
        return
    now = _now()
    told = [
        {
            "account": row["name"],
            "role": translate(ROLE_NAMES[Role(row["role"])], settings.language),
            "ranges": _ranges(row["ranges"], settings.language),
            "state": translate(ACCOUNT_STATES[_state(row, now)], settings.language),
            "last_seen": _minute(row["last_seen"]),
        }
        for row in rows
    ]
    print_table(told, ("account", "role", "ranges", "state", "last_seen"), settings)


@account_app.command("disable")
def account_disable(name: Name) -> None:
    """Let nobody in by an account any more; its sessions end, its tokens and links are void."""
    settings = Settings()
    with jobs.database(settings) as engine:
        jobs.disable_account(engine, name, now=_now(), actor=settings.actor)


@account_app.command("enable")
def account_enable(name: Name) -> None:
    """Let in again by an account; a lock after wrong passwords is taken away too."""
    settings = Settings()
    with jobs.database(settings) as engine:
        jobs.enable_account(engine, name, actor=settings.actor)


@account_app.command("password")
def account_password(name: Name, password_stdin: FromInput = False) -> None:
    """Give an account another first password; whoever is signed in by it no longer is."""
    settings = Settings()
    password = _first_password() if password_stdin else None
    with jobs.database(settings) as engine:
        made = jobs.reset_password(
            engine, name, now=_now(), actor=settings.actor, password=password
        )
    _print_password(made, settings)


@account_app.command("link")
def account_link(name: Name) -> None:
    """Print a link that signs somebody in once, within a quarter of an hour."""
    settings = Settings()
    with jobs.database(settings) as engine:
        link = jobs.one_time_link(engine, name, now=_now(), actor=settings.actor)
    out.print(Text(link_address(settings, link)), soft_wrap=True)


@token_app.command("add")
def token_add(
    name: Name,
    label: Annotated[str, typer.Argument(help="What the token is for.")],
    ranges: Ranges = None,
    days: Annotated[int, typer.Option(help="How long it lasts.")] = 90,
) -> None:
    """Make a token of an account, over its codes or fewer; it is printed once."""
    settings = Settings()
    with jobs.database(settings) as engine:
        token = jobs.add_token(
            engine,
            name,
            label,
            now=_now(),
            days=days,
            actor=settings.actor,
            ranges=tuple(ranges or ()),
        )
    out.print(Text(token), soft_wrap=True)


@token_app.command("list")
def token_list(
    name: Annotated[str | None, typer.Argument(help="Name of the account; all if none.")] = None,
    as_json: AsJson = False,
) -> None:
    """List tokens, the last first; what they are is not kept."""
    settings = Settings()
    with jobs.database(settings) as engine:
        rows = jobs.list_tokens(engine, name)
    if as_json:
        print_json(rows)
        return
    now = _now()
    told = [
        {
            "number": row["id"],
            "account": row["account"],
            "label": row["name"],
            "ranges": _ranges(row["ranges"], settings.language),
            "state": translate(ACCOUNT_STATES[_token_state(row, now)], settings.language),
            "until": _minute(row["expires_at"]),
            "last_seen": _minute(row["last_used_at"]),
        }
        for row in rows
    ]
    columns = ("number", "account", "label", "ranges", "state", "until", "last_seen")
    print_table(told, columns, settings)


@token_app.command("revoke")
def token_revoke(
    number: Annotated[int, typer.Argument(help="Number of the token, as listed.")],
) -> None:
    """Make a token worth nothing."""
    settings = Settings()
    with jobs.database(settings) as engine:
        jobs.revoke_token(engine, number, now=_now(), actor=settings.actor)


def print_links(links: dict[str, str], settings: Settings) -> None:
    """Print the links of the demo's accounts.

    Parameters
    ----------
    links
        Account -> the last part of the address.
    settings
        Where the server listens.
    """
    say = settings.language
    out.print(Text(translate("Each link signs in once, within a day:", say)))
    for name, link in links.items():
        role = translate(ROLE_NAMES[jobs.DEMO_ACCOUNTS[name]], say)
        out.print(Text(f"  {role} ({name}): {link_address(settings, link)}"), soft_wrap=True)


def link_address(settings: Settings, link: str) -> str:
    """Return the address of a link.

    Parameters
    ----------
    settings
        Where the server listens, and what it is called in a network.
    link
        The last part.

    Returns
    -------
    str
        On this machine as it listens; else on TLS, under the first of the allowed names.
    """
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    site = f"http://{host}:{settings.port}"
    if settings.host not in jobs.LOOPBACK:
        site = f"https://{settings.allowed_hosts.partition(',')[0]}"
    return f"{site}/sign-in/link/{link}"


def _first_password() -> str:
    """Read a line: who types it sees no echo of it where it comes from a pipe."""
    password = sys.stdin.readline().rstrip("\r\n")
    if not password:
        raise InputError("there is no password on standard input")
    return password


def _print_password(made: str | None, settings: Settings) -> None:
    """Print a password that was made, where it can be taken by a program too."""
    if made:
        say = translate("First password, to be changed at the first sign-in:", settings.language)
        err.print(Text(say))
        out.print(Text(made), soft_wrap=True)


def _ranges(ranges: list[str], language: str) -> str:
    return ", ".join(one or translate("The whole district", language) for one in ranges)


def _state(row: dict[str, Any], now: dt.datetime) -> str:
    if row["disabled_at"] is not None:
        return "disabled"
    if row["locked_until"] is not None and row["locked_until"] > now:
        return "locked"
    return "first" if row["must_change"] else "active"


def _token_state(row: dict[str, Any], now: dt.datetime) -> str:
    if row["revoked_at"] is not None:
        return "revoked"
    return "active" if row["expires_at"] > now else "expired"


def _minute(at: dt.datetime | None) -> str | None:
    return f"{at:%Y-%m-%d %H:%M%z}" if at is not None else None


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)
