-- Second factors, sign-in by the campus's own identity provider, sessions people can tell apart, seals over the audit.

alter table account drop constraint account_role_check,
    add constraint account_role_check check (role in ('admin', 'operator', 'engineer', 'viewer')),
    -- who manages accounts could give away more than a part of the site
    add constraint account_admin_sees_all check (role <> 'admin' or places is null),
    alter column password_hash drop not null,
    add column erased_at timestamptz;
comment on column account.password_hash is 'null: signs in by the identity provider only, or not at all';
comment on column account.erased_at is 'when the personal data was deleted; the name is a pseudonym since';

alter table one_time_link drop constraint one_time_link_role_check,
    add constraint one_time_link_role_check check (role in ('admin', 'operator', 'engineer', 'viewer')),
    add constraint one_time_link_admin_sees_all check (role <> 'admin' or places is null or account_id is not null);

-- A confirmed second factor. The secret is encrypted with a key that stands in a file, not in the database.
create table account_factor (
    account_id   bigint primary key references account,
    secret       bytea not null,
    last_counter bigint not null,
    enrolled_at  timestamptz not null
);
comment on column account_factor.last_counter is 'the time step of the newest code taken: the same one or an older one is a replay';

create table recovery_code (
    account_id  bigint not null references account,
    code_digest bytea not null,
    used_at     timestamptz,
    primary key (account_id, code_digest)
);

-- The password was right and the code is awaited. Opens nothing.
create table login_step (
    token_digest bytea primary key,
    account_id   bigint not null references account,
    method       text not null,
    created_at   timestamptz not null,
    ends_at      timestamptz not null
);
create index login_step_ends on login_step (ends_at);

alter table web_session
    add column session_id bigint generated always as identity unique,
    add column factor_at timestamptz,
    add column method text not null default 'password',
    add column address text not null default '',
    add column device text not null default '' check (length(device) <= 300);
comment on column web_session.factor_at is 'when a second factor was shown in this session';
comment on column web_session.device is 'the browser''s own description of itself';

alter table api_token
    add column expires_at timestamptz,
    add column last_used_at timestamptz,
    add column created_by text not null default 'console',
    add constraint api_token_identity_sees_all check (places is null or not permissions @> '{identity.manage}');

-- A person as the campus's identity provider names them. Without an account: waits for an administrator.
create table account_external (
    provider      text not null check (provider in ('oidc', 'cas')),
    subject       text not null check (length(subject) between 1 and 300),
    account_id    bigint references account,
    name          text not null check (length(name) <= 100),
    first_seen_at timestamptz not null,
    last_seen_at  timestamptz not null,
    primary key (provider, subject)
);
create index account_external_account on account_external (account_id);

-- A browser on its way to the provider and back. Used once.
create table external_login (
    state_digest bytea primary key,
    provider     text not null,
    visit_digest bytea not null,
    nonce        text not null,
    verifier     text not null,
    next         text not null,
    ends_at      timestamptz not null
);
create index external_login_ends on external_login (ends_at);

-- What the audit said when a stretch of it was closed. Each digest covers the one before, so that neither rows nor seals can be taken out unseen.
create table audit_seal (
    audit_seal_id bigint generated always as identity primary key,
    first_id      bigint not null,
    last_id       bigint not null unique check (last_id >= first_id),
    rows          bigint not null,
    digest        bytea not null,
    sealed_at     timestamptz not null
);
create trigger audit_seal_append_only before update or delete on audit_seal for each row execute function audit_is_append_only();
create trigger audit_seal_no_truncate before truncate on audit_seal for each statement execute function audit_is_append_only();

create index audit_at on audit (at);
