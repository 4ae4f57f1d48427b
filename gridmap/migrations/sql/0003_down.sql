-- Undoes 0003_up.sql; camera results are computed anew by the older program.

DELETE FROM coverage_run WHERE subject = 'camera';
COMMENT ON TABLE failure_loss IS 'What only this camera, pole or named group sees: lost if it fails.';
DROP INDEX ix_failure_loss_unit_code;
ALTER TABLE failure_loss
    DROP CONSTRAINT pk_failure_loss,
    DROP COLUMN unit_code,
    ADD COLUMN cameras INTEGER NOT NULL,
    ADD CONSTRAINT pk_failure_loss PRIMARY KEY (kind, code);
ALTER TABLE camera_view
    DROP COLUMN pole_code;
