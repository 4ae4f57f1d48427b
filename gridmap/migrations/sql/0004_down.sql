-- Undoes 0004_up.sql: the older program knows no past of places, divisions and organisations.

DO $$
DECLARE
    name text;
BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'gridmap_app') THEN
        REVOKE ALL ON ALL TABLES IN SCHEMA public FROM gridmap_app;
    END IF;
    FOREACH name IN ARRAY ARRAY['road', 'entrance', 'key_public_area', 'privacy_zone',
                                'restricted_site', 'division', 'party_org', 'duty'] LOOP
        EXECUTE format('DROP TRIGGER keep_updated ON %I', name);
        EXECUTE format('DROP TRIGGER keep_deleted ON %I', name);
        EXECUTE format('DROP TRIGGER append_only ON %I', name);
        EXECUTE format('DROP TABLE %I', name || '_history');
        EXECUTE format('DROP INDEX %I', 'ix_' || name || '_batch_id');
    END LOOP;
    FOREACH name IN ARRAY ARRAY['building', 'camera'] LOOP
        EXECUTE format('DROP TRIGGER append_only ON %I', name);
        EXECUTE format('DROP TRIGGER append_only ON %I', name || '_history');
        EXECUTE format('DROP INDEX %I', 'ix_' || name || '_history_ended_by');
        EXECUTE format('DROP INDEX %I', 'ix_' || name || '_history_geom');
        EXECUTE format('DROP INDEX %I', 'ix_' || name || '_batch_id');
        -- The older program reads every former row: what was undone was never true.
        EXECUTE format('DELETE FROM %I WHERE ended_by IN'
                       ' (SELECT undoes FROM import_batch WHERE undoes IS NOT NULL UNION'
                       ' SELECT id FROM import_batch WHERE undoes IS NOT NULL)',
                       name || '_history');
    END LOOP;
    FOREACH name IN ARRAY ARRAY['road', 'entrance', 'key_public_area', 'privacy_zone',
                                'restricted_site'] LOOP
        EXECUTE format('ALTER TABLE %I DROP COLUMN version, DROP COLUMN sys_from', name);
    END LOOP;
END $$;

DROP TRIGGER append_only ON import_batch;
DROP TRIGGER written_once ON import_batch;
DROP TABLE lineage;
DROP FUNCTION refuse_change();

CREATE OR REPLACE FUNCTION keep_history() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    names text := (
        SELECT string_agg(quote_ident(attname), ', ') FROM pg_attribute
        WHERE attrelid = TG_RELID AND attnum > 0 AND NOT attisdropped);
    olds text := (
        SELECT string_agg('o.' || quote_ident(attname), ', ') FROM pg_attribute
        WHERE attrelid = TG_RELID AND attnum > 0 AND NOT attisdropped);
BEGIN
    IF TG_OP = 'UPDATE' THEN
        EXECUTE format(
            'INSERT INTO %I (%s, valid_to, sys_to, ended_by)'
            ' SELECT %s, n.valid_from, now(), n.batch_id'
            ' FROM old_rows o JOIN new_rows n USING (code)',
            TG_TABLE_NAME || '_history', names, olds);
    ELSE
        EXECUTE format(
            'INSERT INTO %I (%s, valid_to, sys_to, ended_by)'
            ' SELECT %s, b.effective, now(), b.id'
            ' FROM old_rows o JOIN import_batch b'
            ' ON b.id = current_setting(''gridmap.batch'')::bigint',
            TG_TABLE_NAME || '_history', names, olds);
    END IF;
    RETURN NULL;
END $$;

COMMENT ON TABLE import_batch IS 'One row a write: which file, of which day, what it changed.';
ALTER TABLE import_batch
    DROP CONSTRAINT fk_import_batch_undoes,
    DROP CONSTRAINT uq_import_batch_undoes,
    DROP CONSTRAINT uq_import_batch_key,
    DROP COLUMN actor,
    DROP COLUMN action,
    DROP COLUMN key,
    DROP COLUMN ended,
    DROP COLUMN undoes;
