-- Undoes 0002_up.sql; camera results are computed anew by the older program.

DELETE FROM coverage_run WHERE subject = 'camera';
DROP TABLE camera_issue;
DROP TABLE failure_loss;
DROP TABLE entrance_coverage;
DROP TABLE building_frontage;
DROP TABLE blind_area;
DROP TABLE restricted_site;
DROP TABLE privacy_zone;
DROP TABLE key_public_area;
DROP TABLE entrance;
COMMENT ON TABLE camera_view IS 'The ground each camera sees, in plan (2D).';
COMMENT ON TABLE ground_coverage IS 'Seen and blind open ground of each grid.';
ALTER TABLE ground_coverage
    DROP COLUMN level_areas_m2,
    DROP COLUMN areas_m2,
    DROP COLUMN key_seen_area_m2,
    DROP COLUMN key_area_m2,
    DROP COLUMN certain_area_m2;
ALTER TABLE camera_view
    ALTER COLUMN geom TYPE geometry(POLYGON,4490),
    DROP COLUMN certain,
    DROP COLUMN certain_area_m2;

ALTER TABLE camera
    DROP COLUMN direction_type,
    DROP COLUMN azimuth_tolerance_deg,
    DROP COLUMN position_tolerance_m,
    DROP COLUMN h_pixels,
    DROP COLUMN group_code,
    DROP COLUMN indoor,
    DROP COLUMN declared_unit,
    DROP COLUMN filing_no,
    DROP COLUMN sign_installed,
    DROP COLUMN consent_ref,
    DROP COLUMN retention_days;
ALTER TABLE camera_history
    DROP COLUMN direction_type,
    DROP COLUMN azimuth_tolerance_deg,
    DROP COLUMN position_tolerance_m,
    DROP COLUMN h_pixels,
    DROP COLUMN group_code,
    DROP COLUMN indoor,
    DROP COLUMN declared_unit,
    DROP COLUMN filing_no,
    DROP COLUMN sign_installed,
    DROP COLUMN consent_ref,
    DROP COLUMN retention_days;
