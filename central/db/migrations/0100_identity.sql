-- Accounts, one-time links, sessions, API tokens, login tries, audit. Secrets are stored as digests only.

create table account (
    account_id    bigint generated always as identity primary key,
    name          text not null unique check (name = lower(name) and length(name) between 2 and 40),
    role          text not null check (role in ('admin', 'operator', 'viewer')),
    password_hash text not null,
    disabled_at   timestamptz,
    created_at    timestamptz not null
);

-- An invitation to become an account of `role`, or, with account_id, to choose a new password.
create table one_time_link (
    token_digest bytea primary key,
    role         text not null check (role in ('admin', 'operator', 'viewer')),
    account_id   bigint references account,
    created_by   text not null,
    created_at   timestamptz not null,
    expires_at   timestamptz not null,
    used_at      timestamptz
);

create table web_session (
    token_digest bytea primary key,
    account_id   bigint not null references account,
    created_at   timestamptz not null,
    last_seen_at timestamptz not null,
    ends_at      timestamptz not null
);
create index web_session_account on web_session (account_id, created_at);

create table api_token (
    api_token_id bigint generated always as identity primary key,
    name         text not null check (length(name) between 1 and 60),
    token_digest bytea not null unique,
    permissions  text[] not null,
    created_at   timestamptz not null,
    revoked_at   timestamptz
);
create unique index api_token_live_name on api_token (name) where revoked_at is null;

-- Failed logins per key (an address, a name, or both together). Keys are digests: people type passwords into name fields.
create table login_failure (
    key_digest bytea primary key,
    failures   integer not null,
    last_at    timestamptz not null,
    open_at    timestamptz not null
);
create index login_failure_last on login_failure (last_at);

create table audit (
    audit_id bigint generated always as identity primary key,
    at       timestamptz not null default clock_timestamp(),
    actor    text not null,
    action   text not null,
    target   text not null,
    details  jsonb not null default '{}'
);

create function audit_is_append_only() returns trigger language plpgsql as $$
begin
    raise exception 'audit rows are never changed or deleted' using errcode = 'insufficient_privilege';
end
$$;
create trigger audit_append_only before update or delete on audit for each row execute function audit_is_append_only();
create trigger audit_no_truncate before truncate on audit for each statement execute function audit_is_append_only();
