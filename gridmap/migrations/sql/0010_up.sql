-- Change sets, jobs of a server, corrections.
-- Text of 2026-11; frozen: later changes are later files. Reasons stand in tables/work.py.

CREATE TABLE change_set (
    id TEXT NOT NULL,
    at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    account TEXT NOT NULL,
    reason TEXT NOT NULL,
    effective DATE NOT NULL,
    request TEXT,
    sha256 TEXT NOT NULL,
    batches BIGINT[] NOT NULL,
    answer JSONB DEFAULT '{}' NOT NULL,
    CONSTRAINT pk_change_set PRIMARY KEY (id)
);
CREATE INDEX ix_change_set_batches ON change_set USING gin (batches);
COMMENT ON TABLE change_set IS
    'Why batches were written together, by whom, and what was answered.';
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON change_set
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

CREATE TABLE web_job (
    id TEXT NOT NULL,
    account TEXT NOT NULL,
    kind TEXT NOT NULL,
    subject TEXT NOT NULL,
    state TEXT DEFAULT 'queued' NOT NULL,
    progress JSONB DEFAULT '{}' NOT NULL,
    report JSONB,
    key TEXT,
    sha256 TEXT NOT NULL,
    worker BIGINT NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    started_at TIMESTAMP WITH TIME ZONE,
    finished_at TIMESTAMP WITH TIME ZONE,
    CONSTRAINT pk_web_job PRIMARY KEY (id),
    CONSTRAINT uq_web_job_key UNIQUE (key),
    CONSTRAINT ck_web_job_state
        CHECK (state IN ('queued', 'running', 'done', 'failed', 'aborted'))
);
CREATE INDEX ix_web_job_state ON web_job (state);
COMMENT ON TABLE web_job IS
    'What a server does in the background; worker is the lock its process holds.';

CREATE TABLE correction (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    layer TEXT NOT NULL,
    code TEXT COLLATE "C" NOT NULL,
    unit_code TEXT COLLATE "C",
    version BIGINT NOT NULL,
    fields JSONB DEFAULT '{}' NOT NULL,
    note TEXT,
    account TEXT NOT NULL,
    at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    state TEXT DEFAULT 'open' NOT NULL,
    decided_by TEXT,
    decided_at TIMESTAMP WITH TIME ZONE,
    decision TEXT,
    change_set TEXT,
    key TEXT,
    sha256 TEXT NOT NULL,
    geom geometry(GEOMETRY, 4490),
    CONSTRAINT pk_correction PRIMARY KEY (id),
    CONSTRAINT uq_correction_key UNIQUE (key),
    CONSTRAINT ck_correction_state CHECK (state IN ('open', 'accepted', 'declined'))
);
CREATE INDEX ix_correction_unit_code ON correction (unit_code);
COMMENT ON TABLE correction IS
    'What somebody on the spot says of a place: never of persons; decided by a planner.';
CREATE TRIGGER append_only BEFORE DELETE OR TRUNCATE ON correction
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
-- Decided once: what was decided stands.
CREATE TRIGGER decided_once BEFORE UPDATE ON correction
    FOR EACH ROW WHEN (OLD.state <> 'open') EXECUTE FUNCTION refuse_change();

DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'gridmap_app') THEN
        GRANT SELECT, INSERT ON change_set, web_job, correction TO gridmap_app;
        GRANT UPDATE (state, progress, report, worker, started_at, finished_at) ON web_job
            TO gridmap_app;
        GRANT UPDATE (state, decided_by, decided_at, decision, change_set) ON correction
            TO gridmap_app;
    END IF;
END $$;
