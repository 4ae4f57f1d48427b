"""The embedded PostGIS, for real: its programs, its crashes, its disks.

As root and as anyone else; where only root can make the situation (a small disk, another
account), others get the nearest one that they can make. Nothing is skipped.
"""

import ctypes
import errno
import os
import pwd
import re
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import time
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from unittest.mock import Mock

import psycopg2
import pytest
import sqlalchemy as sa

from gridmap import cluster
from gridmap.cluster import State
from gridmap.errors import ClusterError, Conflict, InputError

ROOT = os.geteuid() == 0
NOBODY = 65534
HERE = Path(cluster.__file__).parents[2]

HOLD = """
import os
import sys
from pathlib import Path
from gridmap import cluster
if len(sys.argv) > 2:
    # Only now: Python itself may stand in root's home, where no other account can start it.
    os.setgroups([]), os.setgid(int(sys.argv[2])), os.setuid(int(sys.argv[2]))
with cluster.running(Path(sys.argv[1])) as url:
    print(url, flush=True)
    sys.stdin.readline()
"""


def short_folder(parent=None):
    """A folder with a short name (sockets) that the server's account may enter."""
    folder = Path(tempfile.mkdtemp(prefix="gm-", dir=parent))
    folder.chmod(0o755)
    return folder


def memory():
    """The disk in memory, where it has room: killing does not need a real one, and it is busy."""
    shm = Path("/dev/shm")
    return shm if shm.is_dir() and shutil.disk_usage(shm).free > 10**9 else None


@pytest.fixture
def spot():
    """A place for clusters, which are stopped in the end."""
    folder = short_folder(memory())
    yield folder
    for lock in [*folder.glob("*/start.lock"), *folder.glob("*/*/start.lock")]:
        with suppress(ClusterError):
            cluster.stop(lock.parent, force=True)
    shutil.rmtree(folder)


@pytest.fixture
def tools():
    """A place for programs, which a disk in memory may refuse to run."""
    folder = short_folder()
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="session")
def template():
    """One cluster for all tests that leave it whole: a new one takes 2 s."""
    folder = short_folder(memory())
    with cluster.running(folder / "made"):
        pass
    yield folder / "made"
    shutil.rmtree(folder)


@pytest.fixture
def made(template):
    """A stopped cluster with an empty database."""
    yield template
    cluster.stop(template, force=True)


@contextmanager
def moved(data_dir, target):
    """The cluster in another place for a while."""
    shutil.move(data_dir, target)
    try:
        yield target
    finally:
        cluster.stop(target, force=True)
        shutil.move(target, data_dir)


def ask(url, *statements):
    """Run statements, committed; return the rows of the last."""
    engine = sa.create_engine(url, poolclass=sa.NullPool)
    with engine.begin() as conn:
        for statement in statements:
            result = conn.execute(sa.text(statement))
        return [tuple(row) for row in result] if result.returns_rows else None


@contextmanager
def holder(data_dir, *account):
    """Another gridmap program that uses the database until its input ends."""
    command = [sys.executable, "-c", HOLD, str(data_dir), *map(str, account)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, cwd=HERE, **pipes) as program:
        try:
            yield program
        finally:
            program.stdin.close()
            program.wait(30)


@contextmanager
def session(data_dir):
    """The superuser's session beside the database."""
    place = cluster.status(data_dir)
    where = {"host": str(place.socket_dir), "dbname": "postgres", "user": "postgres"}
    with closing(psycopg2.connect(**where)) as conn, conn.cursor() as cursor:
        conn.autocommit = True
        yield cursor


def listing(folder):
    """Everything below a folder with size, owner, mode and both times."""
    paths = [folder, *sorted(folder.rglob("*"))]
    facts = [(p, p.lstat()) for p in paths]
    return [(p, s.st_size, s.st_uid, s.st_mode, s.st_mtime_ns, s.st_ctime_ns) for p, s in facts]


def family(pid):
    """A process and its children."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [pid, *map(int, children)]


def kill(pids):
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


# ---- The programs


def fake_prefix(folder, versions):
    """An installation tree; ``versions`` maps a PostgreSQL to its PostGIS, or None."""
    for major, postgis in versions.items():
        programs = folder / f"lib/postgresql/{major}/bin"
        programs.mkdir(parents=True)
        (programs / "postgres").touch()
        if postgis:
            extension = folder / f"share/postgresql/{major}/extension"
            extension.mkdir(parents=True)
            (extension / "postgis.control").write_text(f"default_version = '{postgis}'\n")
    return folder


def test_find_binaries_takes_the_newest_or_the_named(tmp_path, monkeypatch):
    tree = {9: "3.3.2", 14: "3.3.2", 15: "3.3.2", 16: "3.4.0", 17: "3.2.0", 18: None}
    monkeypatch.setattr(cluster.binaries, "_PREFIX", fake_prefix(tmp_path, tree))
    assert cluster.find_binaries().major == 16
    found = cluster.find_binaries(15)
    assert (found.major, found.postgis) == (15, "3.3.2")
    assert found.program("initdb") == f"{tmp_path}/lib/postgresql/15/bin/initdb"


PGDG = "/usr/share/postgresql-common/pgdg/apt.postgresql.org.sh -y && apt-get install "


@pytest.mark.parametrize(
    ("release", "tree", "major", "command"),
    [
        (("debian", "12"), {}, None, "-y postgresql-15 postgresql-15-postgis-3"),
        (("debian", "12"), {15: None}, None, "-y postgresql-15 postgresql-15-postgis-3"),
        (("debian", "12"), {13: "3.3.2"}, None, "-y postgresql-15 postgresql-15-postgis-3"),
        (("debian", "12"), {17: None}, None, "-y postgresql-17 postgresql-17-postgis-3"),
        (("debian", "13"), {}, 15, PGDG + "-y postgresql-15 postgresql-15-postgis-3"),
        (("ubuntu", "24.04"), {}, None, "-y postgresql-16 postgresql-16-postgis-3"),
        (("ubuntu", "22.04"), {}, None, PGDG + "-y postgresql-17 postgresql-17-postgis-3"),
        (("", ""), {}, None, "-y postgresql postgis postgresql-postgis"),
    ],
)  # fmt: skip
def test_missing_programs_name_the_command(tmp_path, monkeypatch, release, tree, major, command):
    monkeypatch.setattr(cluster.binaries, "_PREFIX", fake_prefix(tmp_path, tree))
    monkeypatch.setattr(cluster.binaries, "_distribution", lambda: release)
    with pytest.raises(ClusterError) as caught:
        cluster.find_binaries(major)
    assert str(caught.value).endswith(command)
    assert "apt-get install -y postgresql" in str(caught.value)


def test_missing_programs_touch_nothing(tmp_path, spot, monkeypatch):
    monkeypatch.setattr(cluster.binaries, "_PREFIX", tmp_path)
    with pytest.raises(ClusterError, match="apt-get install"), cluster.running(spot / "new"):
        pass
    assert not (spot / "new").exists()


# ---- Create, start, share, stop


@pytest.mark.db
def test_a_new_cluster_is_what_gridmap_needs(spot):
    with cluster.running(spot / "new") as url:
        extensions = {name for (name,) in ask(url, "SELECT extname FROM pg_extension")}
        assert extensions >= {"postgis", "btree_gist", "pg_trgm", "pgcrypto"}
        assert ask(url, "SELECT array_length(show_trgm('幸福路'), 1) > 0") == [(True,)]
        settings = dict(ask(url, "SELECT name, setting FROM pg_settings"))
        database = ask(
            url,
            "SELECT datcollate, datctype, pg_encoding_to_char(encoding),"
            " pg_get_userbyid(datdba), current_user::text, rolsuper FROM pg_database, pg_roles"
            " WHERE datname = current_database() AND rolname = current_user",
        )
        versions = ask(url, "SELECT postgis_lib_version(), ST_AsText(ST_Point(1, 2))")
    assert settings["listen_addresses"] == ""
    durable = ("fsync", "full_page_writes", "synchronous_commit", "data_checksums")
    assert {settings[name] for name in durable} == {"on"}
    assert (settings["jit"], settings["max_connections"]) == ("off", "40")
    assert database == [("C.UTF-8", "C.UTF-8", "UTF8", "gridmap", "gridmap", False)]
    assert versions[0][1] == "POINT(1 2)"


@pytest.mark.db
def test_nothing_listens_on_the_network(made):
    with cluster.running(made):
        sockets = set()
        for pid in family(cluster.status(made).pid):
            for handle in Path(f"/proc/{pid}/fd").iterdir():
                with suppress(FileNotFoundError):
                    sockets.add(str(handle.readlink()))
        tables = [Path(f"/proc/net/{kind}").read_text() for kind in ("tcp", "tcp6")]
        rows = [line.split() for table in tables for line in table.splitlines()[1:]]
        listening = {f"socket:[{row[9]}]" for row in rows if row[3] == "0A"}
        assert any(name.startswith("socket:") for name in sockets)
        assert not sockets & listening


@pytest.mark.db
def test_only_root_and_the_owner_may_connect(made):
    with cluster.running(made):
        place = cluster.status(made)
        owner = pwd.getpwuid((made / "data").stat().st_uid).pw_name
        with session(made) as cursor:
            cursor.execute("SELECT type, auth_method FROM pg_hba_file_rules")
            rules = cursor.fetchall()
            cursor.execute("SELECT sys_name, pg_username FROM pg_ident_file_mappings")
            names = set(cursor.fetchall())
        roles = {"gridmap", "postgres", cluster.APP_ROLE, *cluster.READING_ROLES}
        assert set(rules) == {("local", "peer")}
        assert names == {(n, r) for n in {"root", owner} for r in roles}
        assert stat.S_IMODE(place.socket_dir.stat().st_mode) == 0o700
        if ROOT:  # even where the folder is opened by mistake
            place.socket_dir.chmod(0o755)
            psql = [cluster.find_binaries().program("psql"), "-h", str(place.socket_dir)]
            psql += ["-U", "gridmap", "-d", "gridmap", "-c", "SELECT 1"]
            refused = subprocess.run(
                psql, user=NOBODY, group=NOBODY, extra_groups=[], cwd="/", capture_output=True
            )
            assert b"authentication failed" in refused.stderr


@pytest.mark.db
def test_a_second_use_shares_and_the_last_one_stops(made):
    with cluster.running(made) as url:
        first = cluster.status(made)
        with cluster.running(made) as same:
            assert same == url
            assert cluster.status(made).users == 2
        assert cluster.status(made).pid == first.pid
        assert first.state is State.RUNNING
        assert first.url == url
        assert first.users == 1
        assert int(first.version) == cluster.find_binaries().major
        assert first.size_bytes > 30_000_000
    after = cluster.status(made)
    assert (after.state, after.pid, after.url, after.users) == (State.STOPPED, None, None, 0)


@pytest.mark.db
def test_programs_share_and_the_last_one_stops(made):
    with holder(made) as second:
        with holder(made) as first:
            urls = {first.stdout.readline().strip(), second.stdout.readline().strip()}
            assert len(urls) == 1
            assert cluster.status(made).users == 2
            pid = cluster.status(made).pid
        assert cluster.status(made).pid == pid
        assert ask(urls.pop(), "SELECT 1") == [(1,)]
    assert cluster.status(made).state is State.STOPPED


@pytest.mark.db
@pytest.mark.slow
def test_two_programs_may_create_it_at_the_same_instant(spot):
    data_dir = spot / "新 区"
    with holder(data_dir) as one, holder(data_dir) as two:
        urls = {one.stdout.readline().strip(), two.stdout.readline().strip()}
        assert len(urls) == 1
        assert ask(urls.pop(), "SELECT ST_X(ST_Point(1, 2))") == [(1.0,)]
    assert cluster.status(data_dir).state is State.STOPPED
    assert not list(data_dir.glob("initdb-*"))


@pytest.mark.db
def test_start_stays_until_stop(made):
    begun = cluster.start(made)
    assert (begun.state, begun.users, begun.stays) == (State.RUNNING, 0, True)
    with cluster.running(made) as url:
        assert cluster.status(made).pid == begun.pid
        with pytest.raises(Conflict, match="1 gridmap programs use"):
            cluster.stop(made)
    assert ask(url, "SELECT 1") == [(1,)]
    after = cluster.stop(made)
    assert (after.state, after.stays) == (State.STOPPED, False)


@pytest.mark.db
def test_stop_by_force_ends_it_under_its_users(made):
    with cluster.running(made):
        assert cluster.stop(made, force=True).state is State.STOPPED


@pytest.mark.db
def test_what_does_not_run_can_be_stopped(spot, made):
    assert cluster.stop(made).state is State.STOPPED
    assert cluster.stop(spot / "absent").state is State.ABSENT
    assert cluster.status(spot / "absent").state is State.ABSENT
    assert not (spot / "absent").exists()


@pytest.mark.db
def test_errors_inside_pass_and_the_server_stops(made):
    with pytest.raises(FileNotFoundError), cluster.running(made):
        (made / "no such file").read_text()
    assert cluster.status(made).state is State.STOPPED


@pytest.mark.db
@pytest.mark.slow
def test_an_ordinary_account_needs_no_root(spot):
    folder, user = spot / "own", NOBODY if ROOT else os.geteuid()
    folder.mkdir()
    os.chown(folder, user, -1)
    with holder(folder, *([NOBODY] if ROOT else [])) as program:
        assert program.stdout.readline().startswith("postgresql+psycopg2://gridmap@/gridmap?")
        assert (folder / "data").stat().st_uid == user
    assert not (folder / "data/postmaster.pid").exists()


# ---- Crashes


@pytest.mark.db
@pytest.mark.parametrize("whole", [False, True])
def test_a_killed_server_comes_back_with_what_was_committed(made, whole):
    with cluster.running(made) as url:
        ask(url, "CREATE TABLE kept (n int)", "INSERT INTO kept VALUES (7)")
        pid = cluster.status(made).pid
        kill(family(pid) if whole else [pid])
        begun = time.monotonic()
        with cluster.running(made) as again:
            assert ask(again, "SELECT n FROM kept") == [(7,)]
            ask(again, "DROP TABLE kept")
        assert time.monotonic() - begun < 15
        assert cluster.status(made).pid != pid
    assert cluster.status(made).state is State.STOPPED


@pytest.mark.db
def test_a_killed_program_leaves_a_server_to_reuse(made):
    with holder(made) as program:
        url = program.stdout.readline().strip()
        pid = cluster.status(made).pid
        program.kill()
        program.wait()
        assert cluster.status(made).users == 0
        with cluster.running(made) as same:
            assert same == url
            assert cluster.status(made).pid == pid
    assert cluster.status(made).state is State.STOPPED


@pytest.mark.db
def test_the_number_of_a_dead_server_may_be_anothers(made):
    account = (made / "data").stat()
    with cluster.running(made):
        record = (made / "data/postmaster.pid").read_text().partition("\n")[2]
    drop = {"user": account.st_uid, "group": account.st_gid, "extra_groups": []} if ROOT else {}
    with subprocess.Popen(["sleep", "60"], cwd="/", **drop) as other:
        stale = made / "data/postmaster.pid"
        stale.write_text(f"{other.pid}\n{record}")
        os.chown(stale, account.st_uid, account.st_gid)
        assert cluster.status(made).state is State.STOPPED
        with cluster.running(made) as url:
            assert ask(url, "SELECT 1") == [(1,)]
        assert other.poll() is None
        other.kill()


@pytest.mark.db
def test_a_server_started_by_hand_is_not_doubled(made):
    """The lock does not know it, PostgreSQL's own guard does."""
    programs = cluster.find_binaries()
    account = (made / "data").stat()
    drop = {"user": account.st_uid, "group": account.st_gid, "extra_groups": []} if ROOT else {}
    options = ["-c", "listen_addresses=", "-k", str(made / "data")]
    command = [programs.program("postgres"), "-D", str(made / "data"), *options]
    with subprocess.Popen(command, cwd="/", stderr=subprocess.DEVNULL, **drop) as other:
        deadline = time.monotonic() + 10
        while not (made / "data/.s.PGSQL.5432").exists() and time.monotonic() < deadline:
            time.sleep(0.02)
        with pytest.raises(ClusterError, match="another server works on the data folder"):
            cluster.start(made)
        assert other.poll() is None
        other.send_signal(signal.SIGINT)


@pytest.mark.db
def test_a_server_that_does_not_start_says_why(made):
    own = made / "data/postgresql.auto.conf"
    before = own.read_text()
    own.write_text("max_connections = 'many'\n")
    with pytest.raises(ClusterError, match="could not start") as caught, cluster.running(made):
        pass
    own.write_text(before)
    assert "its last words: FATAL: " in str(caught.value)
    assert str(made / "start.log") in str(caught.value)
    assert cluster.status(made).state is State.STOPPED


@pytest.mark.db
@pytest.mark.slow
def test_a_creation_that_was_killed_is_done_again(spot):
    with holder(spot / "new") as program:
        deadline = time.monotonic() + 10
        while not list(spot.glob("new/initdb-*/base")) and time.monotonic() < deadline:
            time.sleep(0.01)
        program.kill()
    assert list(spot.glob("new/initdb-*"))
    with cluster.running(spot / "new") as url:
        assert ask(url, "SELECT ST_X(ST_Point(1, 2))") == [(1.0,)]
    assert not list(spot.glob("new/initdb-*"))


@pytest.mark.db
def test_a_database_that_was_not_completed_is_made_again(made):
    with cluster.running(made):
        with session(made) as cursor:
            cursor.execute("ALTER DATABASE gridmap RENAME TO gridmap_new")
        with cluster.running(made) as url:
            assert ask(url, "SELECT ST_X(ST_Point(1, 2))") == [(1.0,)]
        assert databases(made) == {"postgres", "gridmap"}


@pytest.mark.db
def test_a_server_that_nobody_reaps_is_no_obstacle(made):
    """As in a container whose first process does not reap: the dead server stays a zombie."""
    become_reaper = ctypes.CDLL(None).prctl
    become_reaper(36, 1, 0, 0, 0)  # PR_SET_CHILD_SUBREAPER
    with cluster.running(made):
        pids = family(cluster.status(made).pid)
        kill(pids)
        with cluster.running(made) as url:
            assert Path(f"/proc/{pids[0]}/stat").read_text().split()[2] == "Z"
            assert ask(url, "SELECT 1") == [(1,)]
            pids += family(cluster.status(made).pid)
    become_reaper(36, 0, 0, 0, 0)
    for pid in pids:  # and no other child: the browser of other tests is one
        with suppress(ChildProcessError):
            os.waitpid(pid, 0)


# ---- Folders


@pytest.mark.parametrize("version", ["14", "99"])
def test_another_version_is_refused_and_untouched(spot, tmp_path, monkeypatch, version):
    monkeypatch.setattr(cluster.binaries, "_PREFIX", fake_prefix(tmp_path, {15: "3.3.2"}))
    data_dir = spot / "old"
    (data_dir / "data/base").mkdir(parents=True)
    (data_dir / "data/PG_VERSION").write_text(f"{version}\n")
    (spot / "backup").touch()
    before = listing(spot)
    for use in (
        lambda: cluster.start(data_dir),
        lambda: cluster.running(data_dir).__enter__(),
        lambda: cluster.backup(data_dir, spot / "new"),
        lambda: cluster.restore(data_dir, spot / "backup"),
    ):
        with pytest.raises(ClusterError, match="nothing was changed") as caught:
            use()
        assert f"PostgreSQL {version}" in str(caught.value)
        assert "PostgreSQL 15" in str(caught.value)
    assert cluster.stop(data_dir).version == version
    assert listing(spot) == before


def test_half_a_cluster_is_refused_and_untouched(spot):
    (spot / "half/data/base").mkdir(parents=True)
    before = listing(spot)
    with pytest.raises(ClusterError, match="no complete PostgreSQL data folder"):
        cluster.start(spot / "half")
    with pytest.raises(ClusterError, match="no complete PostgreSQL data folder"):
        cluster.status(spot / "half")
    assert listing(spot) == before


def test_a_bare_postgresql_folder_is_refused_and_untouched(spot):
    (spot / "PG_VERSION").write_text("15\n")
    before = listing(spot)
    with pytest.raises(ClusterError, match="is itself a PostgreSQL data folder"):
        cluster.start(spot)
    assert listing(spot) == before


def test_a_folder_of_another_account_is_refused(spot):
    folder = Path("/usr")
    if ROOT:
        folder = spot / "foreign"
        folder.mkdir()
        os.chown(folder, NOBODY, NOBODY)
    with pytest.raises(ClusterError, match="belongs to the account"):
        cluster.start(folder)


@pytest.mark.db
def test_a_closed_folder_says_what_to_do(spot):
    spot.chmod(0o500)
    folder = Path("/sys/gridmap") if ROOT else spot / "new"  # closed even to root
    with pytest.raises(ClusterError, match="closed to this account; open it or choose another"):
        cluster.start(folder)
    spot.chmod(0o755)


@pytest.mark.db
def test_a_file_in_the_way_says_what_to_do(spot):
    (spot / "file").touch()
    with pytest.raises(ClusterError, match="not a folder; choose another path"):
        cluster.start(spot / "file/new")


@pytest.mark.db
def test_a_folder_below_a_closed_one_is_refused(spot):
    (spot / "closed").mkdir(mode=0o700 if ROOT else 0)
    words = "cannot be reached by the account postgres" if ROOT else "closed to this account"
    with pytest.raises(ClusterError, match=words):
        cluster.start(spot / "closed/new")
    (spot / "closed").chmod(0o700)


@pytest.mark.db
@pytest.mark.parametrize("name", ["网格 数据,'东\"区\\", "deep" * 40])
def test_long_and_strange_paths_work(made, spot, name):
    with moved(made, spot / name) as data_dir:
        with cluster.running(data_dir) as url:
            socket_dir = cluster.status(data_dir).socket_dir
            assert data_dir not in socket_dir.parents
            assert ask(url, "SELECT 1") == [(1,)]
            assert list((data_dir / "log").glob("server-*.log"))
            assert cluster.backup(data_dir, spot / "备份.dump").exists()
        assert not socket_dir.exists()


@pytest.mark.db
def test_a_socket_folder_made_by_another_is_refused(made, spot):
    with moved(made, spot / ("deep" * 40)) as data_dir:
        socket_dir = cluster.status(data_dir).socket_dir
        socket_dir.symlink_to(spot)
        with pytest.raises(ClusterError, match=re.escape(str(socket_dir))):
            cluster.start(data_dir)
        socket_dir.unlink()
        if ROOT:
            socket_dir.mkdir()
            os.chown(socket_dir, NOBODY, NOBODY)
            with pytest.raises(ClusterError, match="belongs to another account"):
                cluster.start(data_dir)
            socket_dir.rmdir()


# ---- Disks


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.ENOSPC, "the disk is full"),
        (errno.EROFS, "the disk is read-only"),
        (errno.EACCES, "closed to this account"),
        (errno.EIO, "the system says EIO"),
    ],
)
def test_errors_of_the_system_are_explained(tmp_path, number, words):
    with pytest.raises(ClusterError, match=words), cluster.failures.explained(tmp_path):
        raise OSError(number, "in any language")


@pytest.mark.db
def test_creation_wants_room(spot, monkeypatch):
    monkeypatch.setattr(cluster.place, "_ROOM_BYTES", 10**18)
    with pytest.raises(ClusterError, match="the disk is full: a new database"):
        cluster.start(spot / "new")
    assert cluster.status(spot / "new").state is State.ABSENT


@pytest.fixture
def disk(spot):
    """A disk of 150 MB of its own, or None where this machine mounts none."""
    folder = spot / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=150m,mode=755", "tmpfs", folder]
    mounted = subprocess.run(mount, capture_output=True).returncode == 0
    yield folder if mounted else None
    for lock in folder.glob("*/start.lock"):
        cluster.stop(lock.parent, force=True)
    if mounted:
        subprocess.run(["umount", folder], check=True)


def break_program(folder, monkeypatch, name, words):
    """Let one program of PostgreSQL fail with the words it has for a full disk."""
    found = cluster.find_binaries()
    fake = fake_prefix(folder, {found.major: found.postgis}) / f"lib/postgresql/{found.major}/bin"
    (fake / "postgres").unlink()
    for program in found.folder.iterdir():
        (fake / program.name).symlink_to(program)
    (fake / name).unlink()
    (fake / name).write_text(f"#!/bin/sh\necho '{words}' >&2; exit 1\n")
    (fake / name).chmod(0o755)
    monkeypatch.setattr(cluster.binaries, "_PREFIX", folder)


def fill(disk):
    """Leave no byte free."""
    with (disk / "ballast").open("wb", buffering=0) as file, suppress(OSError):
        while True:
            file.write(bytes(4096))


@pytest.mark.db
def test_a_disk_that_fills_during_creation(disk, spot, tools, monkeypatch):
    monkeypatch.setattr(cluster.place, "_ROOM_BYTES", 0)
    data_dir = (disk or spot) / "new"
    if disk:
        (disk / "most").write_bytes(bytes(120_000_000))
    else:
        break_program(tools, monkeypatch, "initdb", "initdb: error: No space left on device")
    with pytest.raises(ClusterError, match="could not create the database: the disk is full"):
        cluster.start(data_dir)
    assert cluster.status(data_dir).state is State.ABSENT
    assert not list(data_dir.glob("initdb-*"))


@pytest.mark.db
def test_a_full_disk_at_the_start_then_room_again(disk, made, tools, monkeypatch):
    data_dir = made
    with monkeypatch.context() as patch:
        if disk:
            data_dir = disk / "made"
            subprocess.run(["cp", "-a", made, data_dir], check=True)
            fill(disk)
        else:
            words = "FATAL:  could not write lock file: No space left on device"
            break_program(tools, patch, "postgres", words)
        with pytest.raises(ClusterError, match="the disk is full"):
            cluster.start(data_dir)
    if disk:
        (disk / "ballast").unlink()
    with cluster.running(data_dir) as url:
        assert ask(url, "SELECT 1") == [(1,)]


@pytest.mark.db
def test_a_read_only_disk(disk, made, monkeypatch):
    data_dir = made
    with monkeypatch.context() as patch:
        if disk:
            data_dir = disk / "made"
            subprocess.run(["cp", "-a", made, data_dir], check=True)
            subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
        else:
            patch.setattr(os, "open", Mock(side_effect=OSError(errno.EROFS, "", str(made))))
        with pytest.raises(ClusterError, match="the disk is read-only"):
            cluster.start(data_dir)
    if disk:
        subprocess.run(["mount", "-o", "remount,rw", disk], check=True)
    assert cluster.status(data_dir).state is State.STOPPED


# ---- Backup and restore

CONTENT = (
    "CREATE TABLE place (code text PRIMARY KEY, name text, geom geometry(Point, 4490))",
    "COMMENT ON TABLE place IS '地点'",
    "CREATE INDEX ON place USING gist (geom)",
    "CREATE INDEX ON place USING gin (name gin_trgm_ops)",
    "INSERT INTO place SELECT lpad(n::text, 9, '0'), '幸福路' || n,"
    " ST_SetSRID(ST_Point(106 + n / 1e4, 29), 4490) FROM generate_series(1, 3000) n",
    "ALTER TABLE place ENABLE ROW LEVEL SECURITY",
    "ALTER TABLE place FORCE ROW LEVEL SECURITY",
    "CREATE POLICY few ON place USING (code < '000000100')",
    "CREATE SCHEMA more",
    "CREATE MATERIALIZED VIEW more.counted AS SELECT count(*) AS n FROM place",
)  # fmt: skip
STATE = (
    "SELECT count(*), (SELECT n FROM more.counted), obj_description('place'::regclass),"
    " (SELECT count(*) FROM pg_indexes WHERE tablename = 'place') FROM place"
)


@pytest.fixture
def filled(made):
    """A running cluster with content, and the place for its backups."""
    with cluster.running(made) as url:
        ask(url, *CONTENT)
        yield made, url
        with session(made) as cursor:
            for name in databases(made) - {"postgres"}:
                cursor.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


def databases(data_dir):
    with session(data_dir) as cursor:
        cursor.execute("SELECT datname FROM pg_database WHERE NOT datistemplate")
        return {name for (name,) in cursor.fetchall()}


@pytest.mark.db
def test_backup_and_restore(filled, spot):
    data_dir, url = filled
    target = cluster.backup(data_dir, spot / "备份 1.dump")
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    before = ask(url, STATE)
    assert before == [(99, 99, "地点", 3)]
    ask(url, "DROP TABLE place CASCADE")
    kept = cluster.restore(data_dir, target)
    assert ask(url, STATE) == before
    ask(url, "ALTER TABLE place NO FORCE ROW LEVEL SECURITY")
    assert ask(url, "SELECT count(*) FROM place") == [(3000,)]
    assert ask(url.replace("/gridmap?", f"/{kept}?"), "SELECT to_regclass('place')") == [(None,)]
    assert databases(data_dir) == {"postgres", "gridmap", kept}
    assert re.fullmatch(r"gridmap_\d{8}_\d{6}_\d{6}", kept)
    assert not list(spot.glob(".gridmap*"))


@pytest.mark.db
@pytest.mark.slow
def test_restore_into_a_new_folder(filled, spot):
    data_dir, url = filled
    target = cluster.backup(data_dir, spot / "one")
    cluster.restore(spot / "new", target)
    with cluster.running(spot / "new") as new:
        assert ask(new, STATE) == ask(url, STATE)


@pytest.mark.db
def test_backup_overwrites_only_when_told(filled, spot):
    data_dir, _ = filled
    (spot / "one").write_text("precious")
    with pytest.raises(InputError, match="exists"):
        cluster.backup(data_dir, spot / "one")
    assert (spot / "one").read_text() == "precious"
    cluster.backup(data_dir, spot / "one", overwrite=True)
    assert (spot / "one").read_bytes().startswith(b"PGDMP")


@pytest.mark.db
def test_a_backup_that_fails_leaves_nothing(filled, spot, disk, tools, monkeypatch):
    data_dir, _ = filled
    folder = disk or spot
    if disk:
        fill(disk)
    else:
        break_program(tools, monkeypatch, "pg_dump", "could not write: No space left on device")
    (folder / "old").touch()
    with pytest.raises(ClusterError, match="could not write the backup: the disk is full"):
        cluster.backup(data_dir, folder / "old", overwrite=True)
    assert (folder / "old").stat().st_size == 0
    assert not list(folder.glob(".gridmap*"))


def test_nothing_to_back_up(spot):
    with pytest.raises(ClusterError, match="nothing to back up"):
        cluster.backup(spot / "new", spot / "one")
    assert not list(spot.iterdir())


def broken(archive):
    """The archive with its last third cut off."""
    return archive[: len(archive) * 2 // 3]


def flipped(archive):
    """The archive with bytes of the compressed rows turned round."""
    middle = len(archive) // 2
    turned = bytes(255 - byte for byte in archive[middle : middle + 64])
    return archive[:middle] + turned + archive[middle + 64 :]


@pytest.mark.db
@pytest.mark.parametrize("damage", [broken, flipped])
def test_a_damaged_backup_changes_nothing(filled, spot, damage):
    data_dir, url = filled
    source = cluster.backup(data_dir, spot / "one")
    source.write_bytes(damage(source.read_bytes()))
    before = ask(url, STATE)
    with pytest.raises(ClusterError, match="may be damaged"):
        cluster.restore(data_dir, source)
    assert ask(url, STATE) == before
    assert databases(data_dir) == {"postgres", "gridmap"}


@pytest.mark.db
@pytest.mark.parametrize("content", [b"", b"PGDMP and more", b"DROP DATABASE gridmap;"])
def test_what_is_no_backup_is_refused(made, spot, content):
    (spot / "one").write_bytes(content)
    before = listing(made)
    with pytest.raises(InputError, match="no backup that PostgreSQL"):
        cluster.restore(made, spot / "one")
    with pytest.raises(InputError, match="is no file"):
        cluster.restore(made, spot / "absent")
    assert listing(made) == before


@pytest.mark.db
def test_restore_waits_for_nobody(filled, spot):
    data_dir, url = filled
    source = cluster.backup(data_dir, spot / "one")
    engine = sa.create_engine(url)
    with engine.connect() as conn:
        conn.execute(sa.text("SELECT 1"))
        with pytest.raises(Conflict, match="1 sessions are open"):
            cluster.restore(data_dir, source)
        assert databases(data_dir) == {"postgres", "gridmap"}
        kept = cluster.restore(data_dir, source, force=True)
        with pytest.raises(sa.exc.OperationalError):
            conn.execute(sa.text("SELECT 1"))
        conn.invalidate()
    engine.dispose()
    assert databases(data_dir) == {"postgres", "gridmap", kept}
