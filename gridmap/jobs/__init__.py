"""The use cases: open a transaction, read, call the core, write, report.

Belongs here: the order of steps of each thing a person asks gridmap to do. Does not belong
here: computing (the core), SQL (``store``), words for a terminal or a page (``cli``, ``web``).

A job's module is imported when the job is first named: files are read without waiting for a
database driver, and a database is stopped without waiting for a compiler (together two seconds).
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gridmap.jobs.access import walking_access
    from gridmap.jobs.accounts import (
        DEMO_ACCOUNTS,
        LOOPBACK,
        add_account,
        add_token,
        demo_links,
        disable_account,
        enable_account,
        list_accounts,
        list_tokens,
        one_time_link,
        require_guarded,
        reset_password,
        revoke_token,
    )
    from gridmap.jobs.answers import (
        BLIND_COLUMNS,
        FAILURE_KINDS,
        blind_areas,
        camera_issues,
        failure_losses,
        locate,
        uncovered_buildings,
        unit_coverage,
    )
    from gridmap.jobs.book import batch_rows, batches, undo
    from gridmap.jobs.books import reconcile
    from gridmap.jobs.cameras import refresh_camera_coverage
    from gridmap.jobs.change_sets import (
        book_of_batches,
        change,
        change_row,
        undo_change,
    )
    from gridmap.jobs.collections import (
        MAX_ZOOM,
        Asked,
        Page,
        collection_extent,
        collection_fields,
        collection_item,
        collection_page,
        collection_tile,
        days_of,
        needed_right,
        shaped_layers,
        shifted_shapes,
        tile_fields,
    )
    from gridmap.jobs.connection import database, service
    from gridmap.jobs.corrections import accept, decline, list_corrections, suggest
    from gridmap.jobs.coverage import refresh_org_coverage
    from gridmap.jobs.days_apart import Difference, diff
    from gridmap.jobs.demo import build_demo
    from gridmap.jobs.doctor import Finding, examine
    from gridmap.jobs.evidence import evidence_of, lens_targets, lenses_of
    from gridmap.jobs.exports import export_layer
    from gridmap.jobs.figures_out import export_figures, party_coverage
    from gridmap.jobs.finding import kinds_for, search
    from gridmap.jobs.layers import import_layer
    from gridmap.jobs.map_tiles import MAP_ZOOMS, draw_tiles, map_tile
    from gridmap.jobs.matters import triage_matters
    from gridmap.jobs.numbers import number_grids
    from gridmap.jobs.one_file import write_map
    from gridmap.jobs.overview import (
        QUESTIONS,
        Question,
        overview_of,
        quarter_sums,
        quarters,
        question_of,
        within,
    )
    from gridmap.jobs.pictures import empty_page, features, map_page, map_parts, version
    from gridmap.jobs.queue import Queue, job_of, short_report
    from gridmap.jobs.queues import queues_of
    from gridmap.jobs.refreshes import refreshed
    from gridmap.jobs.reports import require_report, write_report
    from gridmap.jobs.sessions import (
        SignedIn,
        change_password,
        session_scope,
        sign_in,
        sign_in_foreign,
        sign_out,
        token_scope,
        use_link,
    )
    from gridmap.jobs.snapshots import coverage_trend, list_snapshots, take_snapshot
    from gridmap.jobs.spots import blank_spots
    from gridmap.jobs.surroundings import here, start_of
    from gridmap.jobs.templates import write_template
    from gridmap.jobs.trail import audit_events, note, verify_audit
    from gridmap.jobs.views import Source, write_views

_MODULES = {
    "change": "change_sets",
    "change_row": "change_sets",
    "book_of_batches": "change_sets",
    "undo_change": "change_sets",
    "suggest": "corrections",
    "list_corrections": "corrections",
    "accept": "corrections",
    "decline": "corrections",
    "job_of": "queue",
    "queues_of": "queues",
    "Queue": "queue",
    "short_report": "queue",
    "refreshed": "refreshes",
    **dict.fromkeys(
        (
            "DEMO_ACCOUNTS",
            "LOOPBACK",
            "add_account",
            "add_token",
            "demo_links",
            "disable_account",
            "enable_account",
            "list_accounts",
            "list_tokens",
            "one_time_link",
            "require_guarded",
            "reset_password",
            "revoke_token",
        ),
        "accounts",
    ),
    **dict.fromkeys(
        (
            "SignedIn",
            "change_password",
            "session_scope",
            "sign_in",
            "sign_in_foreign",
            "sign_out",
            "token_scope",
            "use_link",
        ),
        "sessions",
    ),
    "BLIND_COLUMNS": "answers",
    "FAILURE_KINDS": "answers",
    "Difference": "days_apart",
    "Source": "views",
    "Asked": "collections",
    "Page": "collections",
    "collection_extent": "collections",
    "collection_fields": "collections",
    "collection_item": "collections",
    "collection_page": "collections",
    "collection_tile": "collections",
    "tile_fields": "collections",
    "MAX_ZOOM": "collections",
    "days_of": "collections",
    "needed_right": "collections",
    "shaped_layers": "collections",
    "shifted_shapes": "collections",
    "audit_events": "trail",
    "batch_rows": "book",
    "batches": "book",
    "blind_areas": "answers",
    "blank_spots": "spots",
    "build_demo": "demo",
    "coverage_trend": "snapshots",
    "Finding": "doctor",
    "evidence_of": "evidence",
    "examine": "doctor",
    "lens_targets": "evidence",
    "lenses_of": "evidence",
    "list_snapshots": "snapshots",
    "take_snapshot": "snapshots",
    "camera_issues": "answers",
    "database": "connection",
    "diff": "days_apart",
    "MAP_ZOOMS": "map_tiles",
    "draw_tiles": "map_tiles",
    "map_tile": "map_tiles",
    "empty_page": "pictures",
    "export_figures": "figures_out",
    "export_layer": "exports",
    "failure_losses": "answers",
    "features": "pictures",
    "here": "surroundings",
    "start_of": "surroundings",
    "import_layer": "layers",
    "kinds_for": "finding",
    "search": "finding",
    "locate": "answers",
    "map_page": "pictures",
    "map_parts": "pictures",
    "note": "trail",
    "number_grids": "numbers",
    **dict.fromkeys(
        (
            "QUESTIONS",
            "Question",
            "overview_of",
            "quarter_sums",
            "quarters",
            "question_of",
            "within",
        ),
        "overview",
    ),
    "party_coverage": "figures_out",
    "reconcile": "books",
    "refresh_camera_coverage": "cameras",
    "refresh_org_coverage": "coverage",
    "require_report": "reports",
    "service": "connection",
    "triage_matters": "matters",
    "uncovered_buildings": "answers",
    "undo": "book",
    "unit_coverage": "answers",
    "verify_audit": "trail",
    "version": "pictures",
    "walking_access": "access",
    "write_map": "one_file",
    "write_report": "reports",
    "write_template": "templates",
    "write_views": "views",
}
"""Where each job is; none may have the name of a module, which would hide it."""

__all__ = [
    "BLIND_COLUMNS",
    "DEMO_ACCOUNTS",
    "FAILURE_KINDS",
    "LOOPBACK",
    "MAP_ZOOMS",
    "MAX_ZOOM",
    "QUESTIONS",
    "Asked",
    "Difference",
    "Finding",
    "Page",
    "Question",
    "Queue",
    "SignedIn",
    "Source",
    "accept",
    "add_account",
    "add_token",
    "audit_events",
    "batch_rows",
    "batches",
    "blank_spots",
    "blind_areas",
    "book_of_batches",
    "build_demo",
    "camera_issues",
    "change",
    "change_password",
    "change_row",
    "collection_extent",
    "collection_fields",
    "collection_item",
    "collection_page",
    "collection_tile",
    "coverage_trend",
    "database",
    "days_of",
    "decline",
    "demo_links",
    "diff",
    "disable_account",
    "draw_tiles",
    "empty_page",
    "enable_account",
    "evidence_of",
    "examine",
    "export_figures",
    "export_layer",
    "failure_losses",
    "features",
    "here",
    "import_layer",
    "job_of",
    "kinds_for",
    "lens_targets",
    "lenses_of",
    "list_accounts",
    "list_corrections",
    "list_snapshots",
    "list_tokens",
    "locate",
    "map_page",
    "map_parts",
    "map_tile",
    "needed_right",
    "note",
    "number_grids",
    "one_time_link",
    "overview_of",
    "party_coverage",
    "quarter_sums",
    "quarters",
    "question_of",
    "queues_of",
    "reconcile",
    "refresh_camera_coverage",
    "refresh_org_coverage",
    "refreshed",
    "require_guarded",
    "require_report",
    "reset_password",
    "revoke_token",
    "search",
    "service",
    "session_scope",
    "shaped_layers",
    "shifted_shapes",
    "short_report",
    "sign_in",
    "sign_in_foreign",
    "sign_out",
    "start_of",
    "suggest",
    "take_snapshot",
    "tile_fields",
    "token_scope",
    "triage_matters",
    "uncovered_buildings",
    "undo",
    "undo_change",
    "unit_coverage",
    "use_link",
    "verify_audit",
    "version",
    "walking_access",
    "within",
    "write_map",
    "write_report",
    "write_template",
    "write_views",
]


def __getattr__(name: str) -> object:
    """Import a job's module when it is first named (PEP 562)."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    job: object = getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
    globals()[name] = job
    return job
