-- Losses by unit, so that they add up and a change touches only its units; poles of cameras.
-- Text of 2026-11; frozen: later changes are later files. Reasons stand in tables.py.

-- Former losses are of no unit; all is computed anew by `gridmap coverage refresh`.
DELETE FROM coverage_run WHERE subject = 'camera';

ALTER TABLE camera_view
    ADD COLUMN pole_code TEXT COLLATE "C";

ALTER TABLE failure_loss
    DROP COLUMN cameras,
    ADD COLUMN unit_code TEXT COLLATE "C" NOT NULL,
    DROP CONSTRAINT pk_failure_loss,
    ADD CONSTRAINT pk_failure_loss PRIMARY KEY (kind, code, unit_code);
CREATE INDEX ix_failure_loss_unit_code ON failure_loss (unit_code);
COMMENT ON TABLE failure_loss IS 'What of a grid only this camera, pole or named group sees: lost if it fails.';
