-- Undoes 0006_up.sql: posts, courtyards, matters, projects, lenses and snapshots are lost, and what
-- organisations and duties say beyond their first columns. Rows of kinds and services that the older
-- program does not know stay.

DELETE FROM coverage_run WHERE subject = 'org';

DROP TABLE snapshot_lens, frozen_status, snapshot;
DROP TABLE unit_coverage;
COMMENT ON TABLE coverage_rate IS 'Numerator and denominator of every rate of every unit.';
CREATE TABLE target_coverage (
    lens TEXT NOT NULL,
    target_code TEXT COLLATE "C" NOT NULL,
    status TEXT NOT NULL,
    reason TEXT,
    org_code TEXT COLLATE "C",
    run_id BIGINT NOT NULL,
    CONSTRAINT pk_target_coverage PRIMARY KEY (lens, target_code),
    CONSTRAINT fk_target_coverage_run_id FOREIGN KEY(run_id) REFERENCES coverage_run (id) ON DELETE CASCADE
);
COMMENT ON TABLE target_coverage IS 'Who covers a building or grid under a lens, or why nobody does.';

DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'gridmap_app') THEN
        GRANT SELECT, INSERT, UPDATE, DELETE ON target_coverage TO gridmap_app;
    END IF;
END $$;

DROP TABLE post, project, matter_item, proposal, lens,
    courtyard, department_grid, matter,
    post_history, project_history, matter_item_history, proposal_history,
    lens_history, courtyard_history, department_grid_history, matter_history;

DROP INDEX ix_duty_holder_code, ix_organisation_code;

ALTER TABLE import_batch DISABLE TRIGGER written_once;
UPDATE import_batch SET layer = 'party_org' WHERE layer = 'organisation';
ALTER TABLE import_batch ENABLE TRIGGER written_once;

DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['duty', 'duty_history'] LOOP
        EXECUTE format('ALTER TABLE %I DROP COLUMN last_on', name);
        EXECUTE format('ALTER TABLE %I RENAME COLUMN holder_code TO org_code', name);
    END LOOP;
    FOREACH name IN ARRAY ARRAY['organisation', 'organisation_history'] LOOP
        EXECUTE format(
            'ALTER TABLE %I DROP COLUMN seat_code, DROP COLUMN staff_count,'
            ' DROP COLUMN has_committee, DROP COLUMN weak, DROP COLUMN floor_area_m2,'
            ' DROP COLUMN duty_phone', name);
    END LOOP;
END $$;
COMMENT ON TABLE duty IS
    'Which organisation serves which grid or building, from when to when.';

ALTER INDEX ix_organisation_history_ended_by RENAME TO ix_party_org_history_ended_by;
ALTER INDEX ix_organisation_batch_id RENAME TO ix_party_org_batch_id;
ALTER INDEX ix_organisation_parent_code RENAME TO ix_party_org_parent_code;
ALTER INDEX ix_organisation_host_code RENAME TO ix_party_org_host_code;
ALTER TABLE organisation RENAME CONSTRAINT fk_organisation_batch_id TO fk_party_org_batch_id;
ALTER TABLE organisation RENAME CONSTRAINT ck_organisation_valid TO ck_party_org_valid;
ALTER TABLE organisation RENAME CONSTRAINT ex_organisation_period TO ex_party_org_period;
ALTER TABLE organisation RENAME CONSTRAINT pk_organisation TO pk_party_org;
ALTER SEQUENCE organisation_id_seq RENAME TO party_org_id_seq;
ALTER TABLE organisation_history RENAME TO party_org_history;
ALTER TABLE organisation RENAME TO party_org;
COMMENT ON TABLE party_org IS 'Party organisations and groups: counts only, never persons.';
