"""Finding by name in the demo district of 45,000 buildings: ``bench_search.py [FOLDER]``.

The same questions as they are typed, letter by letter, to the job, over HTTP, and to a peer in the
same run: `ILIKE` over the layers' own tables, which knows no pinyin, no former names and no order.
FOLDER holds a district that is there already; else it is built, which takes minutes.
"""

from __future__ import annotations

import sys
import tempfile
import time
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from statistics import median, quantiles

import sqlalchemy as sa

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from accounts_fixtures import signed_client
from toy_town import DEMO_DAY

from gridmap import cluster, jobs, store
from gridmap.jobs.entries import fill_entries
from gridmap.model import WHOLE, Role, Scope
from gridmap.settings import Settings

TYPED = (
    "南坪镇学苑横街1号", "龙门浩街道龙泉坡1号9幢", "竹园包装厂9号厂房", "芭蕉广场", "福民楼院5幢",
    "涂山镇莲花村3组76-8号", "nanpingzhen", "lmhjd", "zycf", "kdzl7h", "铜元局街道", "江南二巷2号",
    "50010810820400300047", "DZB500108101013011", "第9网格", "群慧村社区", "内环快速路出入口3号",
    "茶花社区物流公司", "xuefu", "联合党支部",
)  # fmt: skip
PEER = sa.text(
    "(SELECT code, name FROM division WHERE upper_inf(valid) AND (name ILIKE :q OR code ILIKE :q)"
    " LIMIT 9) UNION ALL (SELECT code, name FROM building"
    " WHERE name ILIKE :q OR address ILIKE :q OR code ILIKE :q ORDER BY code LIMIT 9) UNION ALL"
    " (SELECT code, name FROM organisation WHERE name ILIKE :q OR code ILIKE :q ORDER BY code"
    " LIMIT 9) UNION ALL (SELECT code, name FROM camera WHERE name ILIKE :q OR code ILIKE :q"
    " ORDER BY code LIMIT 9)"
)


def questions() -> list[str]:
    """Return what is sent while somebody types."""
    return [text[:end] for text in TYPED for end in range(1, len(text) + 1)]


def timed(ask) -> str:
    """Return median, 95th percentile and greatest time of all questions, in ms."""
    took = {}
    for text in questions():
        start = time.perf_counter()
        ask(text)
        took[text] = (time.perf_counter() - start) * 1000
    slow = sorted(took, key=took.get, reverse=True)[:3]
    late = quantiles(took.values(), n=20)[-1]
    worst = ", ".join(f"{text} {took[text]:.0f}" for text in slow)
    return f"p50 {median(took.values()):5.1f} ms, p95 {late:5.1f} ms, slowest {worst}"


@contextmanager
def district(folder: Path):
    """Open the district of a folder, built if there is none."""
    with cluster.running(folder) as url:
        engine = store.connect(url)
        store.migrate(engine)
        start = time.perf_counter()
        fill_entries(engine)
        print(f"entries made in {time.perf_counter() - start:.1f} s")
        with store.transaction(engine) as conn:
            lacks = not store.read_sources(conn)
        if lacks:
            jobs.build_demo(engine, seed=500108, as_of=DEMO_DAY, progress=lambda *_: None)
        yield url, engine
        engine.dispose()


def main(folder: Path) -> None:
    """Ask, print."""
    with district(folder) as (url, engine):
        kinds = store.KINDS
        with engine.connect() as conn:
            conn.execute(sa.text("SET ROLE gridmap_app"))
            count = conn.execute(sa.text("SELECT count(*) FROM building")).scalar()
            entries = conn.execute(sa.text("SELECT count(*) FROM search_entry")).scalar()
        print(f"{count} buildings, {entries} entries, {len(questions())} questions")
        with jobs.service(Settings(database_url=url, role_logins=True)) as logins:
            whole = logins.seen_by(Scope("bench", Role.PLANNER, WHOLE))
            some = logins.seen_by(Scope("bench", Role.OFFICER, ("500108101", "500108001")))
            grid = logins.seen_by(Scope("bench", Role.LEADER, ("500108001002001",)))

            def peer(text: str) -> None:
                with store.transaction(whole) as conn:
                    conn.execute(PEER, {"q": f"%{text}%"}).all()

            for _ in range(2):
                for name, eyes in (("job, whole", whole), ("two streets", some), ("a grid", grid)):
                    some_kinds = kinds[:-1] if eyes is grid else kinds
                    ask = partial(jobs.search, eyes, kinds=some_kinds, limit=8)
                    print(f"{name:12}", timed(ask))
                print(f"{'ILIKE, whole':12}", timed(peer))
        with signed_client(url, name="bench-search") as client:
            for _ in range(2):
                ask = lambda q: client.get("/api/v1/search", params={"q": q})  # noqa: E731
                print(f"{'HTTP, whole':12}", timed(ask))
        grid = "500108001002001"
        with signed_client(url, name="bench-lead", role=Role.LEADER, ranges=(grid,)) as client:
            lon, lat = jobs.start_of(engine, (grid,))
            for path in ("locate", "here", "locate", "here"):
                took = []
                for step in range(200):
                    place = {"lon": lon + step % 20 * 1e-5, "lat": lat + step // 20 * 1e-5}
                    start = time.perf_counter()
                    assert client.get(f"/api/v1/{path}", params=place).status_code == 200
                    took.append((time.perf_counter() - start) * 1000)
                late = quantiles(took, n=20)[-1]
                print(f"HTTP {path:7} p50 {median(took):5.1f} ms, p95 {late:5.1f} ms")


if __name__ == "__main__":
    if len(sys.argv) > 1:
        main(Path(sys.argv[1]))
    else:
        with tempfile.TemporaryDirectory(prefix="gm-") as place:
            Path(place).chmod(0o755)
            main(Path(place) / "db")
