"""Accounts: their rules, their rows, and what signing in leaves in store and trail."""

import datetime as dt
import stat
from concurrent.futures import ThreadPoolExecutor

import pytest
import sqlalchemy as sa
from accounts_fixtures import now, without_accounts
from hypothesis import given
from hypothesis import strategies as st

from gridmap import accounts, credentials, jobs, store
from gridmap import tables as t
from gridmap.errors import (
    AccountNotFound,
    CodeError,
    Conflict,
    InputError,
    NotFound,
    OutsideScope,
    PasswordWeak,
    SignInNeeded,
    SignInRefused,
    StoreError,
)
from gridmap.model import WHOLE, Role

NOON = dt.datetime(2026, 11, 28, 12, 0, tzinfo=dt.UTC)
MINUTE = dt.timedelta(minutes=1)
GOOD = "plum tree by the gate"
OTHER = "eleven grey herons"

# --- the rules


@pytest.mark.parametrize(
    "name", ["", " ", "-a", "a-", "a b", "a/b", "<b>", "a'--", "a\x00b", "x" * 65, "\u202eabc", "_"]
)
def test_what_is_no_name_is_refused(name):
    with pytest.raises(InputError, match="letters and digits"):
        accounts.account_name(name)


def test_a_name_has_one_form_on_every_keyboard():
    assert (
        accounts.account_name("Ｇrid－００１") == accounts.account_name(" grid-001") == "grid-001"
    )
    assert accounts.account_name("STRASSE") == accounts.account_name("straße")


@pytest.mark.parametrize(
    ("password", "reason"),
    [
        ("short", "short"),
        ("123456789", "short"),
        ("x" * 201, "long"),
        ("grid-leader", "name"),
        ("Grid-Leader1", "name"),
        ("grid-leadergrid-leader", "name"),
        ("Password123", "common"),
        ("ＰＡＳＳＷＯＲＤ１２３", "common"),
        ("aaaaaaaaaaaa", "common"),
        ("1212121212", "common"),
    ],
)
def test_a_weak_password_is_refused_and_why(password, reason):
    with pytest.raises(PasswordWeak) as caught:
        accounts.check_password(password, "grid-leader")
    assert caught.value.reason == reason
    assert password not in str(caught.value)


def test_a_good_password_of_any_script_is_taken():
    assert accounts.check_password("长江边上的黄葛树很老了", "li") == "长江边上的黄葛树很老了"


def test_every_listed_password_would_pass_otherwise():
    assert len(accounts._COMMON) >= 40
    assert all(len(one) >= accounts.PASSWORD_LENGTH for one in accounts._COMMON)


def test_five_failures_lock_for_a_quarter_of_an_hour():
    state, told = (0, None), []
    for _ in range(5):
        state = accounts.after_failure(*state, NOON)
        told.append(accounts.is_locked(state[1], NOON))
    assert told == [False, False, False, False, True]
    assert state == (5, NOON + 15 * MINUTE)
    assert accounts.after_failure(*state, NOON + 14 * MINUTE) == state, "trying holds nobody locked"
    assert not accounts.is_locked(state[1], NOON + 15 * MINUTE)
    assert accounts.after_failure(*state, NOON + 15 * MINUTE) == (1, None), "it starts anew"


def test_a_session_ends_idle_or_old():
    end = NOON + accounts.LASTS
    assert accounts.is_live(NOON, end, NOON + accounts.IDLE - MINUTE)
    assert not accounts.is_live(NOON, end, NOON + accounts.IDLE)
    assert accounts.is_live(end - MINUTE, end, end - MINUTE)
    assert not accounts.is_live(end - MINUTE, end, end)


CODE = st.sampled_from(
    ["", "500108", "500109", "500108001", "500108002", "500108001001", "500108001001001"]
)
ROW = st.text("0123456789", max_size=16) | CODE.map(lambda code: code + "001")


@given(st.lists(CODE, max_size=4), st.lists(CODE, max_size=4), ROW)
def test_common_ranges_have_what_both_have(one, other, row):
    def has(ranges):
        return any(row.startswith(prefix) for prefix in ranges)

    assert has(accounts.common_ranges(one, other)) == (has(one) and has(other))


@given(st.lists(CODE, max_size=4), st.lists(CODE, max_size=4), ROW)
def test_what_is_within_never_widens(one, other, row):
    try:
        accounts.require_within(one, other)
    except OutsideScope:
        return
    if any(row.startswith(prefix) for prefix in one):
        assert any(row.startswith(prefix) for prefix in other)


@pytest.mark.parametrize("wider", ["", "500108", "500108002", "50010800"])
def test_a_wider_range_is_refused(wider):
    with pytest.raises(OutsideScope, match="not in what the account may see"):
        accounts.require_within([wider], ["500108001"])


# --- hashes, tokens, the secret


def test_a_hash_is_argon2id_and_salted():
    one, two = credentials.hash_password(GOOD), credentials.hash_password(GOOD)
    assert one != two
    assert one.startswith("$argon2id$v=19$m=65536,t=3,p=4$")
    assert credentials.verify_password(GOOD, one) == (True, None)
    assert credentials.verify_password(OTHER, one) == (False, None)
    assert credentials.verify_password(GOOD, "no hash") == (False, None)


def test_a_hash_of_former_parameters_is_renewed():
    weak = credentials.PasswordHash((credentials.Argon2Hasher(time_cost=1, memory_cost=8192),))
    good, renewed = credentials.verify_password(GOOD, weak.hash(GOOD))
    assert good
    assert renewed.startswith("$argon2id$v=19$m=65536,t=3,p=4$")


def test_tokens_are_random_and_known_by_their_form():
    tokens = {credentials.new_token(credentials.TOKEN) for _ in range(100)}
    assert len(tokens) == 100
    assert all(credentials.is_token(token, credentials.TOKEN) for token in tokens)
    assert not any(credentials.is_token(token) for token in tokens)
    assert credentials.is_token(credentials.new_token())
    for wrong in ("", "gm_", "gm_" + "a" * 42, "gm_" + "a" * 44, "gm_" + "é" * 43):
        assert not credentials.is_token(wrong, credentials.TOKEN)


def test_the_secret_is_made_once_and_is_nobody_elses(tmp_path):
    folder = tmp_path / "data"
    secret = credentials.signing_secret(None, folder)
    assert len(secret) >= credentials.SECRET_LENGTH
    assert credentials.signing_secret(None, folder) == secret
    assert stat.S_IMODE((folder / "secret").stat().st_mode) == 0o600
    assert [path.name for path in folder.iterdir()] == ["secret"]
    assert credentials.signing_secret("given" * 10, folder) == "given" * 10
    (folder / "secret").chmod(0o644)
    with pytest.raises(InputError, match="read by others"):
        credentials.signing_secret(None, folder)
    (folder / "secret").chmod(0o600)
    (folder / "secret").write_text("short")
    with pytest.raises(InputError, match="no secret of 32"):
        credentials.signing_secret(None, folder)
    with pytest.raises(InputError, match="GRIDMAP_SECRET"):
        credentials.signing_secret(None, folder / "secret" / "deeper")


# --- the store

pytestmark = pytest.mark.db


@pytest.fixture(scope="module")
def shared_url(new_database):
    return new_database()


@pytest.fixture
def engine(shared_url):
    engine = store.connect(without_accounts(shared_url))
    engine.dialect.begun = jobs.verify_audit(engine).events
    yield engine
    engine.dispose()


def add(engine, name="li", role=Role.OFFICER, ranges=("500108001",), password=GOOD):
    jobs.add_account(
        engine, name, role=role, ranges=ranges, now=NOON, actor="admin", password=password
    )
    return name


def events(engine, *actions):
    rows = reversed(jobs.audit_events(engine, limit=1000))
    return [
        (row["action"], row["subject"], row["actor"])
        for row in rows
        if row["number"] > engine.dialect.begun and (not actions or row["action"] in actions)
    ]


def dump(engine):
    """Return all that the tables of accounts and the trail hold, as text."""
    with store.transaction(engine) as conn:
        tables = (t.account, t.session, t.api_token, t.sign_in_link, t.audit_event)
        return "\n".join(str(conn.execute(sa.select(table)).all()) for table in tables)


def test_a_life_of_an_account(engine):
    add(engine)
    token = jobs.sign_in(engine, " LI ", GOOD, now=NOON)
    signed = jobs.session_scope(engine, token, now=NOON)
    assert (signed.scope.account, signed.scope.role, signed.scope.ranges) == (
        "li",
        Role.OFFICER,
        ("500108001",),
    )
    assert signed.must_change, "a first password"
    fresh = jobs.change_password(engine, token, current=GOOD, new=OTHER, now=NOON)
    assert jobs.session_scope(engine, token, now=NOON) is None, "former sessions have ended"
    assert not jobs.session_scope(engine, fresh, now=NOON).must_change
    with pytest.raises(SignInRefused):
        jobs.sign_in(engine, "li", GOOD, now=NOON)
    jobs.sign_out(engine, fresh)
    jobs.sign_out(engine, fresh)
    assert jobs.session_scope(engine, fresh, now=NOON) is None
    jobs.disable_account(engine, "li", now=NOON, actor="admin")
    with pytest.raises(SignInRefused):
        jobs.sign_in(engine, "li", OTHER, now=NOON)
    jobs.enable_account(engine, "li", actor="admin")
    assert jobs.sign_in(engine, "li", OTHER, now=NOON)
    assert events(engine) == [
        ("account_added", "li", "admin"),
        ("sign_in", "li", "li"),
        ("password_changed", "li", "li"),
        ("sign_in_refused", "li", None),
        ("sign_out", "li", "li"),
        ("account_disabled", "li", "admin"),
        ("sign_in_refused", "li", None),
        ("account_enabled", "li", "admin"),
        ("sign_in", "li", "li"),
    ]
    assert jobs.verify_audit(engine).breaks == ()


def test_nothing_that_opens_is_kept(engine):
    made = jobs.add_account(engine, "chen", role=Role.ADMIN, ranges=WHOLE, now=NOON, actor="admin")
    add(engine)
    session = jobs.sign_in(engine, "li", GOOD, now=NOON)
    token = jobs.add_token(engine, "li", "gis", now=NOON, days=1, actor="admin")
    link = jobs.one_time_link(engine, "li", now=NOON, actor="admin")
    for wrong in ("wrong password 17", "li"):
        with pytest.raises(SignInRefused):
            jobs.sign_in(engine, "li", wrong, now=NOON)
    with pytest.raises(SignInRefused):
        jobs.sign_in(engine, "my-password-in-the-name", "x", now=NOON)
    kept = dump(engine)
    for open_ in (made, GOOD, session, token, link, "wrong password 17", "my-password-in-the-name"):
        assert open_ not in kept
    assert credentials.token_hash(session) in kept


def test_an_unknown_name_costs_a_hash_too(engine, monkeypatch):
    hashed = []
    verify = credentials._HASHER.verify_and_update

    def watched(password, kept):
        hashed.append(kept)
        return verify(password, kept)

    monkeypatch.setattr(credentials._HASHER, "verify_and_update", watched)
    add(engine)
    jobs.add_account(
        engine, "wu", role=Role.LEADER, ranges=WHOLE, now=NOON, actor=None, by_oidc=True
    )
    told = set()
    for name in ("li", "nobody", "wu", "<script>", ""):
        with pytest.raises(SignInRefused) as caught:
            jobs.sign_in(engine, name, OTHER, now=NOON)
        told.add(str(caught.value))
    assert len(hashed) == 5
    assert all(kept.startswith("$argon2id$v=19$m=65536,t=3,p=4$") for kept in hashed)
    assert len(told) == 1, "and all are told the same"
    assert [subject for _, subject, _ in events(engine, "sign_in_refused")] == [
        "li", None, "wu", None, None,
    ]  # fmt: skip


def test_a_locked_account_does_not_open_to_its_own_password(engine):
    add(engine)
    for _ in range(5):
        with pytest.raises(SignInRefused):
            jobs.sign_in(engine, "li", OTHER, now=NOON)
    for later in (NOON, NOON + 14 * MINUTE):
        with pytest.raises(SignInRefused):
            jobs.sign_in(engine, "li", GOOD, now=later)
    assert jobs.sign_in(engine, "li", GOOD, now=NOON + 15 * MINUTE)
    with pytest.raises(SignInRefused):
        jobs.sign_in(engine, "li", OTHER, now=NOON + 16 * MINUTE)
    assert jobs.sign_in(engine, "li", GOOD, now=NOON + 16 * MINUTE), "counting began anew"


def test_wrong_present_passwords_lock_too(engine):
    add(engine)
    token = jobs.sign_in(engine, "li", GOOD, now=NOON)
    for _ in range(5):
        with pytest.raises(SignInRefused):
            jobs.change_password(engine, token, current="guessed at", new=OTHER, now=NOON)
    with pytest.raises(SignInRefused):
        jobs.change_password(engine, token, current=GOOD, new=OTHER, now=NOON)
    with pytest.raises(SignInRefused):
        jobs.sign_in(engine, "li", GOOD, now=NOON)


def test_a_password_cannot_be_changed_to_itself_or_by_nobody(engine):
    add(engine)
    token = jobs.sign_in(engine, "li", GOOD, now=NOON)
    with pytest.raises(Conflict, match="present one"):
        jobs.change_password(engine, token, current=GOOD, new=GOOD, now=NOON)
    with pytest.raises(PasswordWeak):
        jobs.change_password(engine, token, current=GOOD, new="short", now=NOON)
    assert jobs.session_scope(engine, token, now=NOON).must_change
    with pytest.raises(SignInNeeded):
        jobs.change_password(engine, "x" * 43, current=GOOD, new=OTHER, now=NOON)


def test_sessions_end_idle_old_or_when_their_account_is_disabled(engine):
    add(engine)
    token = jobs.sign_in(engine, "li", GOOD, now=NOON)
    assert jobs.session_scope(engine, token, now=NOON + accounts.IDLE - MINUTE)
    assert jobs.session_scope(engine, token, now=NOON + 2 * accounts.IDLE - 2 * MINUTE)
    assert jobs.session_scope(engine, token, now=NOON + 3 * accounts.IDLE) is None
    token, seen = jobs.sign_in(engine, "li", GOOD, now=NOON), NOON
    while seen < NOON + accounts.LASTS - 7 * 60 * MINUTE:
        seen += 7 * 60 * MINUTE
        assert jobs.session_scope(engine, token, now=seen)
    assert jobs.session_scope(engine, token, now=NOON + accounts.LASTS) is None
    token = jobs.sign_in(engine, "li", GOOD, now=NOON)
    with store.transaction(engine, owner=True) as conn:
        conn.execute(t.account.update().values(disabled_at=NOON))
    assert jobs.session_scope(engine, token, now=NOON) is None


def test_old_sessions_are_thrown_away_at_the_next_sign_in(engine):
    add(engine)
    for day in range(3):
        jobs.sign_in(engine, "li", GOOD, now=NOON + dt.timedelta(days=day))
    with store.transaction(engine) as conn:
        assert conn.execute(sa.select(sa.func.count()).select_from(t.session)).scalar_one() == 1


def test_a_change_of_the_account_counts_at_once_not_as_it_was_at_sign_in(engine):
    add(engine)
    session = jobs.sign_in(engine, "li", GOOD, now=NOON)
    token = jobs.add_token(
        engine, "li", "x", now=NOON, days=1, actor=None, ranges=("500108001", "500108001002")
    )
    with store.transaction(engine, owner=True) as conn:
        conn.execute(t.account.update().values(ranges=["500108001002"], role="leader"))
    for signed in (
        jobs.session_scope(engine, session, now=NOON),
        jobs.token_scope(engine, token, now=NOON),
    ):
        assert (signed.scope.role, signed.scope.ranges) == (Role.LEADER, ("500108001002",))
    with store.transaction(engine, owner=True) as conn:
        conn.execute(t.account.update().values(ranges=["500108003"]))
    assert jobs.token_scope(engine, token, now=NOON).scope.ranges == (), "nothing is left of it"


def test_a_token_has_the_codes_of_its_account_or_fewer(engine):
    add(engine)
    for wider in ("", "500108", "500108002", "500109"):
        with pytest.raises(OutsideScope):
            jobs.add_token(engine, "li", "x", now=NOON, days=1, actor=None, ranges=(wider,))
    with pytest.raises(CodeError):
        jobs.add_token(engine, "li", "x", now=NOON, days=1, actor=None, ranges=("5001080010",))
    for days in (0, -1, 367):
        with pytest.raises(InputError):
            jobs.add_token(engine, "li", "x", now=NOON, days=days, actor=None)
    narrow = jobs.add_token(
        engine, "li", "x", now=NOON, days=1, actor=None, ranges=("500108001003",)
    )
    scope = jobs.token_scope(engine, narrow, now=NOON).scope
    assert scope.has("500108001003001")
    assert not scope.has("500108001"), "nor what is above it"
    assert not scope.has("500108001030"), "nor what only begins with fewer of its digits"


def test_a_code_is_not_a_prefix_of_ten_digits(engine):
    """5001080010 begins with 500108001: as a row it is in it, as a range it is refused."""
    with pytest.raises(CodeError):
        add(engine, ranges=("5001080010",))
    add(engine, "zhao", ranges=("500108001",))
    scope = jobs.session_scope(engine, jobs.sign_in(engine, "zhao", GOOD, now=NOON), now=NOON).scope
    assert scope.has("5001080010")
    assert scope.spans == (("500108001", "500108001:"),)
    assert not scope.has("500108010")


def test_tokens_end_by_day_revocation_and_account(engine):
    add(engine)
    token = jobs.add_token(engine, "li", "gis", now=NOON, days=1, actor="admin")
    assert jobs.token_scope(engine, token, now=NOON + 23 * 60 * MINUTE)
    assert jobs.token_scope(engine, token, now=NOON + 24 * 60 * MINUTE) is None
    number = jobs.list_tokens(engine, "li")[0]["id"]
    assert jobs.list_tokens(engine)[0]["last_used_at"] is not None
    jobs.revoke_token(engine, number, now=NOON, actor="admin")
    assert jobs.token_scope(engine, token, now=NOON) is None
    for wrong in (number, 999):
        with pytest.raises(NotFound):
            jobs.revoke_token(engine, wrong, now=NOON, actor="admin")
    other = jobs.add_token(engine, "li", "gis", now=NOON, days=1, actor="admin")
    jobs.disable_account(engine, "li", now=NOON, actor="admin")
    assert jobs.token_scope(engine, other, now=NOON) is None
    jobs.enable_account(engine, "li", actor="admin")
    assert jobs.token_scope(engine, other, now=NOON), "it was the account that was closed"


def test_a_link_opens_once_and_not_for_long(engine):
    add(engine)
    link = jobs.one_time_link(engine, "li", now=NOON, actor="admin")
    for wrong in (link[:-1] + "_", "x" * 43):
        with pytest.raises(SignInRefused):
            jobs.use_link(engine, wrong, now=NOON)
    with pytest.raises(SignInRefused):
        jobs.use_link(engine, link, now=NOON + 15 * MINUTE)
    token = jobs.use_link(engine, link, now=NOON + 14 * MINUTE)
    with pytest.raises(SignInRefused):
        jobs.use_link(engine, link, now=NOON + 14 * MINUTE)
    # Who has a link has forgotten the password: it is not asked for.
    fresh = jobs.change_password(engine, token, current=None, new=OTHER, now=NOON)
    assert jobs.session_scope(engine, fresh, now=NOON)
    assert jobs.sign_in(engine, "li", OTHER, now=NOON)


def test_of_many_who_use_a_link_at_once_one_gets_in(engine):
    add(engine)
    link = jobs.one_time_link(engine, "li", now=NOON, actor=None)

    def use(_number):
        try:
            return jobs.use_link(engine, link, now=NOON)
        except SignInRefused:
            return None

    with ThreadPoolExecutor(6) as pool:
        assert sum(one is not None for one in pool.map(use, range(12))) == 1
    assert len(events(engine, "sign_in")) == 1


def test_guesses_at_once_are_all_counted(engine):
    add(engine)

    def guess(number):
        try:
            return jobs.sign_in(engine, "li", f"guess number {number}", now=NOON)
        except SignInRefused:
            return None

    with ThreadPoolExecutor(6) as pool:
        assert list(pool.map(guess, range(6))) == [None] * 6
    with store.transaction(engine) as conn:
        account = store.read_account(conn, "li")
    assert (account["failed_count"], account["locked_until"]) == (5, NOON + 15 * MINUTE)


def test_links_end_with_a_new_password_and_with_the_account(engine):
    add(engine)
    link = jobs.one_time_link(engine, "li", now=NOON, actor=None)
    made = jobs.reset_password(engine, "li", now=NOON, actor="admin")
    with pytest.raises(SignInRefused):
        jobs.use_link(engine, link, now=NOON)
    signed = jobs.session_scope(engine, jobs.sign_in(engine, "li", made, now=NOON), now=NOON)
    assert signed.must_change
    link = jobs.one_time_link(engine, "li", now=NOON, actor=None)
    jobs.disable_account(engine, "li", now=NOON, actor="admin")
    with pytest.raises(SignInRefused):
        jobs.use_link(engine, link, now=NOON)
    with pytest.raises(InputError, match="disabled"):
        jobs.one_time_link(engine, "li", now=NOON, actor=None)


def test_a_foreign_account_is_bound_once_and_none_is_made(engine):
    add(engine, "zhang")  # has a password: a name elsewhere does not open it
    jobs.add_account(
        engine, "wu", role=Role.PLANNER, ranges=WHOLE, now=NOON, actor=None, by_oidc=True
    )
    for name in ("zhang", "nobody", None, "<b>"):
        with pytest.raises(SignInRefused):
            jobs.sign_in_foreign(engine, "https://id 7", name, now=NOON)
    token = jobs.sign_in_foreign(engine, "https://id 1", "Wu", now=NOON)
    assert jobs.session_scope(engine, token, now=NOON).scope.account == "wu"
    with pytest.raises(SignInRefused):
        jobs.sign_in_foreign(engine, "https://id 2", "wu", now=NOON)
    assert jobs.sign_in_foreign(engine, "https://id 1", "renamed", now=NOON)
    with pytest.raises(InputError, match="without a password"):
        jobs.reset_password(engine, "wu", now=NOON, actor=None)
    jobs.disable_account(engine, "wu", now=NOON, actor=None)
    with pytest.raises(SignInRefused):
        jobs.sign_in_foreign(engine, "https://id 1", "wu", now=NOON)
    assert [row["name"] for row in jobs.list_accounts(engine)] == ["wu", "zhang"]


def test_wrong_calls_say_what_is_wrong(engine):
    add(engine)
    with pytest.raises(Conflict, match="already"):
        add(engine, "LI")
    with pytest.raises(InputError, match="which codes"):
        add(engine, "wu", ranges=())
    with pytest.raises(CodeError):
        add(engine, "wu", ranges=("50010",))
    with pytest.raises(PasswordWeak):
        add(engine, "wu", password="short")
    for call in (
        lambda: jobs.disable_account(engine, "wu", now=NOON, actor=None),
        lambda: jobs.enable_account(engine, "wu", actor=None),
        lambda: jobs.reset_password(engine, "wu", now=NOON, actor=None),
        lambda: jobs.one_time_link(engine, "wu", now=NOON, actor=None),
        lambda: jobs.add_token(engine, "wu", "x", now=NOON, days=1, actor=None),
        lambda: jobs.list_tokens(engine, "wu"),
    ):
        with pytest.raises(AccountNotFound):
            call()
    assert events(engine) == [("account_added", "li", "admin")], "what failed leaves no event"


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM account",
        "UPDATE account SET role = 'admin'",
        "UPDATE account SET ranges = '{\"\"}'",
        "UPDATE account SET demo = false",
        "UPDATE session SET account = 'chen'",
        "UPDATE session SET expires_at = now() + interval '1 year'",
        "UPDATE api_token SET ranges = '{\"\"}'",
        "UPDATE api_token SET expires_at = now() + interval '1 year'",
        "UPDATE sign_in_link SET account = 'chen'",
        "DELETE FROM sign_in_link",
        "DROP TABLE account",
    ],
)
def test_the_application_cannot_widen_what_was_given(engine, statement):
    with pytest.raises(StoreError), store.transaction(engine) as conn:
        conn.execute(sa.text(statement))


def test_no_other_role_has_anything_of_accounts(engine):
    with store.transaction(engine, owner=True) as conn:
        granted = conn.execute(
            sa.text(
                "SELECT DISTINCT grantee FROM information_schema.column_privileges"
                " WHERE table_name IN ('account', 'session', 'api_token', 'sign_in_link')"
            )
        ).scalars()
        assert set(granted) == {"gridmap", "gridmap_app"}


def test_the_demo_has_three_accounts_and_new_links_each_time(town):
    first = jobs.demo_links(town, now=NOON, actor=None)
    assert set(first) == set(jobs.DEMO_ACCOUNTS)
    scopes = {}
    for name, link in jobs.demo_links(town, now=NOON, actor=None).items():
        token = jobs.use_link(town, link, now=NOON + dt.timedelta(hours=23))
        scopes[name] = jobs.session_scope(town, token, now=NOON + dt.timedelta(hours=23)).scope
    assert {name: scope.role for name, scope in scopes.items()} == jobs.DEMO_ACCOUNTS
    assert scopes["demo-grid-leader"].ranges == ("990101001001001",)
    assert scopes["demo-planner"].whole
    assert jobs.use_link(town, first["demo-planner"], now=NOON)
    with pytest.raises(SignInRefused):
        jobs.use_link(town, first["demo-leadership"], now=NOON + dt.timedelta(days=1))
    assert len(jobs.list_accounts(town)) == 3


def test_a_network_is_served_with_a_secret_and_without_the_demo(town):
    def guard(host, secret):
        return jobs.require_guarded(town, host=host, secret=secret)

    assert guard("127.0.0.1", None) is False
    with pytest.raises(InputError, match="GRIDMAP_SECRET"):
        guard("0.0.0.0", None)
    assert guard("0.0.0.0", "s" * 32) is False
    jobs.demo_links(town, now=now(), actor=None)
    assert guard("localhost", None) is True
    with pytest.raises(InputError, match="accounts of the demo"):
        guard("192.0.2.1", "s" * 32)
    for name in jobs.DEMO_ACCOUNTS:
        jobs.disable_account(town, name, now=now(), actor=None)
    assert guard("192.0.2.1", "s" * 32) is False
    assert jobs.demo_links(town, now=now(), actor=None) == {}
