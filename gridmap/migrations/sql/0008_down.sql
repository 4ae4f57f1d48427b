-- Undoes 0008_up.sql, with every policy: whoever reads a table reads all of it again.

DO $$
DECLARE
    one record;
BEGIN
    FOR one IN SELECT tablename, policyname FROM pg_policies WHERE schemaname = 'public' LOOP
        EXECUTE format('DROP POLICY %I ON %I', one.policyname, one.tablename);
    END LOOP;
    FOR one IN SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
               WHERE n.nspname = 'public' AND c.relkind = 'r' AND c.relrowsecurity LOOP
        EXECUTE format('ALTER TABLE %I DISABLE ROW LEVEL SECURITY', one.relname);
        EXECUTE format('ALTER TABLE %I NO FORCE ROW LEVEL SECURITY', one.relname);
    END LOOP;
END $$;

DROP FUNCTION scope_ranges();
DROP TABLE scope_key;
DROP TYPE code_range;

CREATE OR REPLACE FUNCTION keep_history() RETURNS trigger LANGUAGE plpgsql
    SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    names text;
    olds text;
    batch bigint := current_setting('gridmap.batch')::bigint;
    current_rows boolean := EXISTS (
        SELECT FROM pg_attribute WHERE attrelid = TG_RELID AND attname = 'valid_from');
BEGIN
    -- By name: a column added to both tables stands in another place in each.
    SELECT string_agg(quote_ident(attname), ', '), string_agg('o.' || quote_ident(attname), ', ')
    INTO names, olds
    FROM pg_attribute WHERE attrelid = TG_RELID AND attnum > 0 AND NOT attisdropped;
    IF NOT current_rows THEN
        EXECUTE format(
            'INSERT INTO %I.%I (%s, sys_to, ended_by) SELECT %s, now(), $1 FROM old_rows o',
            TG_TABLE_SCHEMA, TG_TABLE_NAME || '_history', names, olds) USING batch;
    ELSIF TG_OP = 'UPDATE' THEN
        EXECUTE format(
            'INSERT INTO %I.%I (%s, valid_to, sys_to, ended_by)'
            ' SELECT %s, n.valid_from, now(), $1 FROM old_rows o JOIN new_rows n USING (code)',
            TG_TABLE_SCHEMA, TG_TABLE_NAME || '_history', names, olds) USING batch;
    ELSE
        EXECUTE format(
            'INSERT INTO %I.%I (%s, valid_to, sys_to, ended_by)'
            ' SELECT %s, b.effective, now(), $1 FROM old_rows o, %I.import_batch b WHERE b.id = $1',
            TG_TABLE_SCHEMA, TG_TABLE_NAME || '_history', names, olds, TG_TABLE_SCHEMA) USING batch;
    END IF;
    RETURN NULL;
END $$;

ALTER TABLE blind_area DROP COLUMN place;
ALTER TABLE camera_issue DROP COLUMN unit_code;
ALTER TABLE camera_view DROP COLUMN unit_code;
DROP INDEX ix_proposal_host_code;
DROP INDEX ix_project_community_code;
DROP INDEX ix_post_host_code;
ALTER TABLE duty DROP COLUMN target_unit;
ALTER TABLE duty_history DROP COLUMN target_unit;
DROP FUNCTION units_of_codes();

DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['road', 'entrance', 'key_public_area', 'privacy_zone',
                                'restricted_site', 'courtyard', 'department_grid', 'matter'] LOOP
        EXECUTE format('ALTER TABLE %I DROP COLUMN grid_code', name);
        EXECUTE format('ALTER TABLE %I DROP COLUMN grid_code', name || '_history');
    END LOOP;
END $$;

ALTER TABLE import_batch DROP COLUMN changed;
