-- An audit trail that cannot be changed unseen.
-- Text of 2026-11; frozen: later changes are later files. Reasons stand in tables.py.

CREATE TABLE audit_event (
    number BIGINT DEFAULT 0 NOT NULL,
    at TIMESTAMP WITH TIME ZONE NOT NULL,
    actor TEXT,
    action TEXT NOT NULL,
    subject TEXT,
    details JSONB DEFAULT '{}' NOT NULL,
    previous TEXT NOT NULL,
    hash TEXT NOT NULL,
    CONSTRAINT pk_audit_event PRIMARY KEY (number)
);
COMMENT ON TABLE audit_event IS
    'Who did what, when; each row has the hash of the one before, so none can be changed.';

-- The text that is hashed: every column as it is shown, lengths before texts, so that nothing can be
-- moved from one column to the next.
CREATE FUNCTION audit_text(e audit_event) RETURNS text LANGUAGE sql STABLE
    SET search_path = pg_catalog, pg_temp SET timezone = 'UTC' AS $$
    SELECT string_agg(octet_length(part) || ':' || part, ',' ORDER BY place)
    FROM unnest(ARRAY[
        e.number::text, to_char(e.at, 'YYYY-MM-DD"T"HH24:MI:SS.US'), coalesce(e.actor, ''),
        e.action, coalesce(e.subject, ''), e.details::text, e.previous
    ]) WITH ORDINALITY AS parts (part, place)
$$;

-- Number, time and hashes are the database's: whoever writes a row says who, what and nothing else.
-- One writer at a time, until it commits: the chain has no forks and no gaps.
CREATE FUNCTION chain_event() RETURNS trigger LANGUAGE plpgsql
    SECURITY DEFINER SET search_path = public, pg_catalog, pg_temp AS $$
DECLARE
    last audit_event;
BEGIN
    PERFORM pg_advisory_xact_lock(500108, 7);
    SELECT * INTO last FROM audit_event ORDER BY number DESC LIMIT 1;
    NEW.number := coalesce(last.number, 0) + 1;
    NEW.at := clock_timestamp();
    NEW.previous := coalesce(last.hash, '');
    NEW.hash := encode(sha256(convert_to(audit_text(NEW), 'UTF8')), 'hex');
    RETURN NEW;
END $$;

CREATE TRIGGER chained BEFORE INSERT ON audit_event
    FOR EACH ROW EXECUTE FUNCTION chain_event();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_event
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'gridmap_app') THEN
        GRANT SELECT ON audit_event TO gridmap_app;
        GRANT INSERT (actor, action, subject, details) ON audit_event TO gridmap_app;
    END IF;
END $$;
