"""Served to others: the database killed under load, the server told to stop, backup and restore."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections import Counter
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import make_url
from test_faults import kill_server
from toy_town import TOY_DAY, import_toy, served

from gridmap import cluster, jobs, store
from gridmap import tables as t
from gridmap.errors import StoreUnavailable
from gridmap.settings import Settings

pytestmark = [pytest.mark.db, pytest.mark.slow]


@pytest.fixture
def data_dir():
    """A store of one's own with the toy town; a socket's path is limited."""
    path = Path(tempfile.mkdtemp(prefix="gm-"))
    path.chmod(0o755)
    with jobs.database(Settings(data_dir=path / "db")) as engine:
        import_toy(engine)
        jobs.refresh_org_coverage(engine, as_of=TOY_DAY)
    yield path / "db"
    cluster.stop(path / "db", force=True)
    shutil.rmtree(path, ignore_errors=True)


def got(url):
    """Return status, headers and text of an answer, be it an error."""
    try:
        with urllib.request.urlopen(url, timeout=30) as answer:
            return answer.status, answer.headers, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.headers, error.read().decode()


@pytest.fixture
def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def test_a_killed_database_is_503_and_then_as_before(data_dir):  # noqa: C901  one story
    """kill -9 of all its processes while eight clients ask and one writes."""
    settings = Settings(data_dir=data_dir)
    answers, broken, written, end = Counter(), [], [], threading.Event()

    def ask(site):
        while not end.is_set():
            status, headers, text = got(f"{site}/health")
            answers[status] += 1
            if status == 503:
                if "Retry-After" not in headers or "Traceback" in text:
                    broken.append(text)
                time.sleep(0.05)

    def write(engine):
        while not end.is_set():
            try:
                with store.transaction(engine, writes=True) as conn:
                    store.write_event(conn, "test", subject=str(len(written)))
            except StoreUnavailable:
                time.sleep(0.05)
            else:
                written.append(str(len(written)))

    with served(settings=settings) as site, jobs.service(settings) as logins:
        threads = [threading.Thread(target=ask, args=(site,)) for _ in range(8)]
        threads.append(threading.Thread(target=write, args=(logins.app,)))
        for thread in threads:
            thread.start()
        deadline = time.monotonic() + 120
        while (answers[200] < 50 or len(written) < 5) and time.monotonic() < deadline:
            time.sleep(0.01)
        before = answers[200]
        kill_server(cluster.status(data_dir).pid)
        while answers[503] == 0 and time.monotonic() < deadline:
            time.sleep(0.01)
        after = answers[200]
        while answers[200] < after + 50 and time.monotonic() < deadline:
            time.sleep(0.05)
        end.set()
        for thread in threads:
            thread.join()
    assert before >= 50
    assert answers[200] >= after + 50, "it answers again, by itself"
    assert set(answers) == {200, 503}
    assert broken == []
    with jobs.database(settings) as engine:
        events = jobs.audit_events(engine, limit=100_000)
        kept = {event["subject"] for event in events if event["action"] == "test"}
        assert set(written) <= kept, "what was acknowledged is there"
        jobs.verify_audit(engine)


def test_a_database_that_was_stopped_stays_so(data_dir):
    with cluster.running(data_dir, keep_up=True):
        cluster.stop(data_dir, force=True)
        time.sleep(1.5)
        assert cluster.status(data_dir).state is cluster.State.STOPPED


def test_a_server_told_to_stop_answers_what_it_was_asked(data_dir, free_port):
    environment = {
        **os.environ,
        "GRIDMAP_DATA_DIR": str(data_dir),
        "GRIDMAP_PORT": str(free_port),
        "GRIDMAP_LANGUAGE": "en",
    }
    program = subprocess.Popen(
        [sys.executable, "-c", "from gridmap.cli import main; main()", "serve"],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    site = f"http://127.0.0.1:{free_port}"
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            if got(f"{site}/health/live")[0] == 200:
                break
        except urllib.error.URLError:
            time.sleep(0.1)
    with jobs.database(Settings(data_dir=data_dir)) as engine:
        owner = store.connect(engine.url)
        answers = []
        with owner.begin() as conn:
            # The answer waits for us: so it is under way when the signal comes.
            conn.execute(sa.text("LOCK TABLE import_batch IN ACCESS EXCLUSIVE MODE"))
            asking = threading.Thread(target=lambda: answers.append(got(f"{site}/health")[0]))
            asking.start()
            time.sleep(0.7)
            program.send_signal(signal.SIGTERM)
            time.sleep(0.5)
            with pytest.raises(urllib.error.URLError):
                got(f"{site}/health/live")
        asking.join()
        owner.dispose()
    said, errors = program.communicate(timeout=30)
    assert answers == [200]
    assert program.returncode == 0, errors
    assert "stopped" in said
    assert "Traceback" not in errors


def test_a_restored_store_keeps_scopes_apart(data_dir, tmp_path):
    settings = Settings(data_dir=data_dir)
    target = cluster.backup(data_dir, tmp_path / "a.dump")
    cluster.restore(data_dir, target)
    with jobs.service(settings) as logins:
        with store.transaction(logins.app) as conn:
            assert store.read_faults(conn) == []
            assert store.read_marks(conn) == {"overlaps": True, "statistics": True}
            count = conn.execute(sa.select(sa.func.count()).select_from(t.building)).scalar_one()
        assert count == 8
        url = make_url(str(logins.app.url))
        assert url.username == store.APP_ROLE
        found = {one.name: one.state for one in jobs.examine(logins.app, data_dir)}
    assert found["scopes"] == found["marks"] == found["trail"] == "ok"
