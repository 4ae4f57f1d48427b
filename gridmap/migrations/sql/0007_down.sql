-- Undoes 0007_up.sql: the audit trail is lost.

DROP FUNCTION audit_text(audit_event);
DROP TABLE audit_event;
DROP FUNCTION chain_event();
