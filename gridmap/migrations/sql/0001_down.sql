-- Undoes 0001_up.sql; extensions stay, they may serve others.

DROP TABLE target_coverage;
DROP TABLE road;
DROP TABLE party_org;
DROP TABLE ground_coverage;
DROP TABLE duty;
DROP TABLE division;
DROP TABLE coverage_rate;
DROP TABLE camera_view;
DROP TABLE import_batch;
DROP TABLE coverage_run;
DROP TABLE camera_history;
DROP TABLE camera;
DROP TABLE building_history;
DROP TABLE building;
DROP FUNCTION keep_history;
