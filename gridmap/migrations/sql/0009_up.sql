-- Accounts, sessions, tokens and one-time links.
-- Text of 2026-11; frozen: later changes are later files. Reasons stand in tables/accounts.py.

CREATE TABLE account (
    name TEXT COLLATE "C" NOT NULL,
    role TEXT NOT NULL,
    ranges TEXT[] COLLATE "C" NOT NULL,
    password_hash TEXT,
    must_change BOOLEAN DEFAULT false NOT NULL,
    disabled_at TIMESTAMP WITH TIME ZONE,
    failed_count INTEGER DEFAULT 0 NOT NULL,
    locked_until TIMESTAMP WITH TIME ZONE,
    demo BOOLEAN DEFAULT false NOT NULL,
    oidc_subject TEXT,
    by_oidc BOOLEAN DEFAULT false NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_account PRIMARY KEY (name),
    CONSTRAINT ck_account_role CHECK (
        role IN ('admin', 'planner', 'leadership', 'officer', 'leader', 'integration')
    ),
    CONSTRAINT uq_account_oidc_subject UNIQUE (oidc_subject)
);
COMMENT ON TABLE account IS
    'Who may sign in, as what, over which codes; a password''s hash, never a password.';

CREATE TABLE session (
    id TEXT COLLATE "C" NOT NULL,
    account TEXT COLLATE "C" NOT NULL,
    method TEXT NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE NOT NULL,
    last_seen TIMESTAMP WITH TIME ZONE NOT NULL,
    expires_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_session PRIMARY KEY (id),
    CONSTRAINT ck_session_method CHECK (method IN ('password', 'link', 'oidc')),
    CONSTRAINT fk_session_account FOREIGN KEY (account) REFERENCES account (name)
);
CREATE INDEX ix_session_account ON session (account);
COMMENT ON TABLE session IS
    'Who is signed in; the id is the SHA-256 of what the browser has.';

CREATE TABLE api_token (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    account TEXT COLLATE "C" NOT NULL,
    name TEXT NOT NULL,
    sha256 TEXT COLLATE "C" NOT NULL,
    ranges TEXT[] COLLATE "C" NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE NOT NULL,
    expires_at TIMESTAMP WITH TIME ZONE NOT NULL,
    last_used_at TIMESTAMP WITH TIME ZONE,
    revoked_at TIMESTAMP WITH TIME ZONE,
    CONSTRAINT pk_api_token PRIMARY KEY (id),
    CONSTRAINT fk_api_token_account FOREIGN KEY (account) REFERENCES account (name),
    CONSTRAINT uq_api_token_sha256 UNIQUE (sha256)
);
COMMENT ON TABLE api_token IS
    'What programs sign in with: the SHA-256 of it, its codes, until when.';

CREATE TABLE sign_in_link (
    sha256 TEXT COLLATE "C" NOT NULL,
    account TEXT COLLATE "C" NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE NOT NULL,
    expires_at TIMESTAMP WITH TIME ZONE NOT NULL,
    used_at TIMESTAMP WITH TIME ZONE,
    CONSTRAINT pk_sign_in_link PRIMARY KEY (sha256),
    CONSTRAINT fk_sign_in_link_account FOREIGN KEY (account) REFERENCES account (name)
);
COMMENT ON TABLE sign_in_link IS
    'Links that sign somebody in once: the SHA-256 of what is in the address.';

-- Only the application's own role, and only the columns it has reason to change: a name, what a
-- token or a link opens and until when, stay as they were made.
REVOKE ALL ON account, session, api_token, sign_in_link FROM PUBLIC;
DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'gridmap_app') THEN
        GRANT SELECT, INSERT ON account, session, api_token, sign_in_link TO gridmap_app;
        GRANT UPDATE (password_hash, must_change, disabled_at, failed_count, locked_until,
                      oidc_subject) ON account TO gridmap_app;
        GRANT UPDATE (last_seen), DELETE ON session TO gridmap_app;
        GRANT UPDATE (last_used_at, revoked_at) ON api_token TO gridmap_app;
        GRANT UPDATE (used_at) ON sign_in_link TO gridmap_app;
    END IF;
END $$;
