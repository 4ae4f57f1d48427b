"""Files that come in, work in the background, and how far it is.

Belongs here: receiving a file without opening it, the routes of imports, refreshes and jobs. Does
not belong here: reading the file, which its tied-up child does (``reader``), the queue
(``jobs.queue``).
"""

from __future__ import annotations

import asyncio
import datetime as dt
import hashlib
import os
import shutil
import tempfile
import uuid
from collections.abc import AsyncIterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from fastapi import Path as InPath
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse
from fastapi.sse import EventSourceResponse, ServerSentEvent
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.requests import ClientDisconnect

from gridmap import jobs
from gridmap.errors import InputError, StoreUnavailable, TooLarge
from gridmap.jobs.edits import content_hash
from gridmap.jobs.queue import Order
from gridmap.model import Limits, Role, layer
from gridmap.web.access import Asker, Store
from gridmap.web.bodies import Day, RefreshBody
from gridmap.web.problems import problems
from gridmap.web.writing import Writer, Written, answered, tolerances_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy import Engine

    from gridmap.settings import Settings

    Progress = Callable[[str, float], None]

router = APIRouter(prefix="/api/v1", tags=["jobs"])

SUFFIXES = (
    *(".gpkg", ".geojson", ".json", ".zip", ".fgb", ".parquet", ".geoparquet"),
    *(".kml", ".kmz", ".xlsx", ".xls", ".csv", ".tsv", ".txt"),
)
"""Endings a file may keep; of its name it keeps nothing else."""

CHUNK_WAIT_S = 60.0
"""The longest silence of a sender: who sends slower holds a connection for nothing."""

PARTS_BYTES = 65_536
"""What a form may have beside its file."""

POLL_S = 0.4
FOLDER = "gridmap-uploads-"
MOST_NAME = 100


@dataclass
class Received:
    """A file as it came, in a private folder."""

    path: Path
    name: str
    sha256: str
    bytes: int


@dataclass
class _Form:
    """A form with one file, taken apart while it comes."""

    folder: Path
    most_bytes: int
    total: int = 0
    size: int = 0
    name: str = ""
    path: Path | None = None
    header: bytes = b""
    value: bytes = b""
    headers: dict[bytes, bytes] = field(default_factory=dict)
    taking: bool = False
    ended: bool = False

    def __post_init__(self) -> None:
        self.digest = hashlib.sha256()
        self.descriptor: int | None = None

    def parser(self, boundary: bytes) -> MultipartParser:
        """Return the parser that tells this form of its parts."""
        return MultipartParser(
            boundary,
            {
                "on_part_begin": self._begin,
                "on_header_field": self._field,
                "on_header_value": self._value,
                "on_header_end": self._header_end,
                "on_headers_finished": self._named,
                "on_part_data": self._data,
                "on_part_end": self._part_end,
                "on_end": self._end,
            },
        )

    def _begin(self) -> None:
        self.headers, self.header, self.value = {}, b"", b""

    def _field(self, data: bytes, start: int, end: int) -> None:
        self.header += data[start:end]

    def _value(self, data: bytes, start: int, end: int) -> None:
        self.value += data[start:end]

    def _header_end(self) -> None:
        self.headers[self.header.lower()] = self.value
        self.header, self.value = b"", b""

    def _named(self) -> None:
        _, options = parse_options_header(self.headers.get(b"content-disposition", b""))
        given = options.get(b"filename")
        if options.get(b"name") != b"file" or given is None or self.path is not None:
            raise InputError("send a form with one part: the file, under the name file")
        self.name = safe_name(given.decode("utf-8", "replace"))
        self.path = self.folder / f"{uuid.uuid4().hex}{suffix_of(self.name)}"
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
        self.descriptor = os.open(self.path, flags, 0o600)

    def _data(self, data: bytes, start: int, end: int) -> None:
        part = data[start:end]
        self.size += len(part)
        if self.size > self.most_bytes:
            raise too_large(self.most_bytes)
        self.digest.update(part)
        view = memoryview(part)
        while view and self.descriptor is not None:
            view = view[os.write(self.descriptor, view) :]

    def _part_end(self) -> None:
        self.close()

    def _end(self) -> None:
        self.ended = True

    def close(self) -> None:
        """Close the file; it stays."""
        if self.descriptor is not None:
            os.close(self.descriptor)
            self.descriptor = None

    def received(self) -> Received:
        """Return the whole file.

        Raises
        ------
        InputError
            It is not whole.
        """
        if not self.ended or self.path is None:
            raise InputError("the form ended before its file did; send it again")
        return Received(self.path, self.name, self.digest.hexdigest(), self.size)


def too_large(most_bytes: int) -> TooLarge:
    """Return the error of a file that is too large.

    Parameters
    ----------
    most_bytes
        What it may have.

    Returns
    -------
    TooLarge
        To be raised.
    """
    return TooLarge(
        f"the file is over {most_bytes >> 20} MB; split it, or raise GRIDMAP_MAX_FILE_MB"
    )


def safe_name(name: str) -> str:
    """Return what a file is called in the book: the last part of its name, in plain characters.

    Parameters
    ----------
    name
        What the sender calls it, with folders or anything else in it.

    Returns
    -------
    str
        At most `MOST_NAME` characters; never used to open anything.
    """
    last = name.replace("\\", "/").rsplit("/", 1)[-1]
    plain = "".join(sign if sign.isprintable() else "_" for sign in last).strip(" .")
    return plain[-MOST_NAME:] or "file"


def suffix_of(name: str) -> str:
    """Return the ending that a file keeps.

    Parameters
    ----------
    name
        From `safe_name`.

    Returns
    -------
    str
        One of `SUFFIXES`.

    Raises
    ------
    InputError
        It has another.
    """
    suffix = Path(name).suffix.lower()
    if suffix not in SUFFIXES:
        raise InputError(f"a file's name ends with one of {', '.join(SUFFIXES)}")
    return suffix


@contextmanager
def uploads() -> Iterator[Path]:
    """Make the private folder for files that come in, and clear those of servers that are gone.

    Yields
    ------
    Path
        Gone at the end with all that is in it.
    """
    for left in Path(tempfile.gettempdir()).glob(f"{FOLDER}*"):
        number = left.name.removeprefix(FOLDER).partition("-")[0]
        if number.isdigit() and not Path(f"/proc/{number}").exists():
            shutil.rmtree(left, ignore_errors=True)
    # The system's own way to make it: for this user alone.
    with tempfile.TemporaryDirectory(prefix=f"{FOLDER}{os.getpid()}-") as folder:
        yield Path(folder)


async def receive(request: Request, folder: Path, most_bytes: int) -> Received:
    """Write the file of a form into a folder while it comes.

    Parameters
    ----------
    request
        With a form of one file.
    folder
        Private.
    most_bytes
        The most a file may have, counted as it comes whatever was announced.

    Returns
    -------
    Received
        The file, unopened.

    Raises
    ------
    InputError
        It is no such form.
    TooLarge
        It is over that.
    StoreUnavailable
        There is no room for it.
    """
    kind, options = parse_options_header(request.headers.get("content-type", ""))
    boundary = options.get(b"boundary")
    if kind != b"multipart/form-data" or not boundary:
        raise InputError("send the file as multipart/form-data, under the name file")
    announced = request.headers.get("content-length", "")
    if announced.isdigit() and int(announced) > most_bytes + PARTS_BYTES:
        raise too_large(most_bytes)
    form = _Form(folder, most_bytes)
    kept = False
    try:
        await _fed(request, form.parser(boundary), form)
        received = form.received()
        kept = True
        return received
    except FormParserError as error:
        raise InputError("the form is damaged; send it again") from error
    except ClientDisconnect as error:
        raise InputError("the sender went away") from error
    except OSError as error:
        raise StoreUnavailable("there is no room for the file; try again later") from error
    finally:
        form.close()
        if form.path is not None and not kept:
            form.path.unlink(missing_ok=True)


async def _fed(request: Request, parser: MultipartParser, form: _Form) -> None:
    """Feed a parser with what comes; files are written in a thread."""
    stream = request.stream().__aiter__()
    while True:
        try:
            async with asyncio.timeout(CHUNK_WAIT_S):
                chunk = await anext(stream)
        except StopAsyncIteration:
            return
        except TimeoutError as error:
            raise InputError(f"nothing came for {CHUNK_WAIT_S:g} s; send it again") from error
        form.total += len(chunk)
        if form.total > form.most_bytes + PARTS_BYTES:
            raise too_large(form.most_bytes)
        if chunk:
            await run_in_threadpool(parser.write, chunk)


FILE_FORM = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["file"],
                    "properties": {"file": {"type": "string", "format": "binary"}},
                }
            }
        },
    }
}


@dataclass(frozen=True)
class ImportOptions:
    """What is asked of an import, beside its file."""

    layer: Annotated[str, Query(max_length=40)]
    effective: Annotated[Day, Query(description="First day the rows are true.")]
    commit: Annotated[bool, Query(description="Write if nothing is wrong.")] = False
    complete: Annotated[bool, Query(description="Stored rows that it lacks end.")] = False
    unit: Annotated[str, Query(pattern="^([0-9]{6,15})?$")] = ""
    crs: Annotated[str | None, Query(max_length=40)] = None
    encoding: Annotated[str | None, Query(pattern="^[A-Za-z0-9_.-]{1,40}$")] = None
    file_layer: Annotated[str | None, Query(max_length=200, pattern="^[^\\x00-\\x1f\\x7f]+$")] = (
        None
    )
    repair: bool = False


Options = Annotated[ImportOptions, Depends()]


@router.post(
    "/imports",
    status_code=202,
    openapi_extra=FILE_FORM,
    responses=problems(404, 409, 413, 422),
)
async def import_file(
    request: Request, store: Store, writer: Written, options: Options
) -> JSONResponse:
    """Take a file, and check or import it in the background."""
    writer.require_write()
    layer(options.layer)
    settings: Settings = request.app.state.settings
    folder: Path = request.app.state.uploads
    received = await receive(request, folder, settings.max_file_mb << 20)
    return await run_in_threadpool(_queued, request, store, writer, options, received)


def _queued(
    request: Request, store: Engine, writer: Writer, options: ImportOptions, received: Received
) -> JSONResponse:
    """Let an import wait for its turn; its file goes when it has had it."""
    said = {**asdict(options), "file": received.sha256}
    order = Order(
        "import",
        options.layer,
        writer.account,
        content_hash(said),
        writer.key,
        writer.request,
        writer.reason,
    )
    work = _import_of(store, request.app.state.settings, writer, options, received)
    taken = False
    try:
        job, again = request.app.state.queue.submit(order, work)
        taken = not again
    finally:
        if not taken:
            received.path.unlink(missing_ok=True)
    return _accepted(job, again=again)


def _import_of(
    store: Engine,
    settings: Settings,
    writer: Writer,
    options: ImportOptions,
    received: Received,
) -> Callable[[Progress, str], dict[str, Any]]:
    """Return the work of an import."""
    widths = tolerances_of(settings)
    limits = Limits(settings.max_file_mb, settings.max_rows, settings.max_vertices)

    def work(tell: Progress, job_id: str) -> dict[str, Any]:
        try:
            report = jobs.import_layer(
                store,
                received.path,
                options.layer,
                effective=options.effective,
                file_layer=options.file_layer,
                source_crs=options.crs,
                encoding=options.encoding,
                limits=limits,
                repair=options.repair,
                tolerance_m=widths.tolerance_m,
                snap_m=widths.snap_m,
                band=widths.band,
                complete=options.complete,
                unit=options.unit,
                commit=options.commit,
                key=f"job:{job_id}" if options.commit else None,
                actor=writer.account,
                source_name=received.name,
                progress=tell,
            )
            return jobs.short_report(report.as_dict())
        finally:
            received.path.unlink(missing_ok=True)

    return work


@router.post("/refreshes", status_code=202, responses=problems(409, 422))
def refresh(request: Request, store: Store, writer: Written, body: RefreshBody) -> JSONResponse:
    """Compute figures anew in the background: of the whole district, so by who sees it whole."""
    writer.require_write()
    order = Order(
        "refresh",
        body.subject,
        writer.account,
        content_hash(body.model_dump()),
        writer.key,
        writer.request,
        writer.reason,
    )

    def work(tell: Progress, _job_id: str) -> dict[str, Any]:
        day = body.as_of or dt.date.today()
        return jobs.refreshed(store, body.subject, as_of=day, full=body.full, progress=tell)

    job, again = request.app.state.queue.submit(order, work)
    return _accepted(job, again=again)


def _accepted(job: dict[str, Any], *, again: bool) -> JSONResponse:
    where = f"/api/v1/jobs/{job['id']}"
    return answered(job, again=again, status=202, Location=where)


JobId = Annotated[str, InPath(pattern="^[0-9a-f]{32}$")]


def job_of(request: Request, asker: Asker, job_id: JobId) -> dict[str, Any]:
    """Return a job of whoever asks; an admin's are all."""
    return jobs.job_of(
        request.app.state.engine,
        job_id,
        account=asker.account,
        every=asker.role is Role.ADMIN,
    )


Job = Annotated[dict[str, Any], Depends(job_of)]


@router.get("/jobs/{job_id}", responses=problems(404, 422))
def read_job(job: Job) -> JSONResponse:
    """Tell how far a job is, or what became of it."""
    return answered(job, again=False)


@router.get(
    "/jobs/{job_id}/events",
    response_class=EventSourceResponse,
    responses=problems(404, 422),
)
async def watch_job(request: Request, asker: Asker, job: Job) -> AsyncIterable[ServerSentEvent]:
    """Tell how far a job is: events ``progress``, at last ``end`` with its report."""
    told = None
    while job["state"] in ("queued", "running"):
        now = {"id": job["id"], "state": job["state"], **job["progress"]}
        if now != told:
            told = now
            yield ServerSentEvent(event="progress", data=now)
        await asyncio.sleep(POLL_S)
        try:
            job = await run_in_threadpool(job_of, request, asker, job["id"])
        except StoreUnavailable:
            yield ServerSentEvent(comment="the database is away")
    yield ServerSentEvent(event="end", data=job)
