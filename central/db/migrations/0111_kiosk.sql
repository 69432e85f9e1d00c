-- Wall screens: what lets a browser without an account look at one place and nothing else.

create table kiosk_token (
    kiosk_token_id bigint generated always as identity primary key,
    name text not null check (length(name) between 1 and 60),
    token_digest bytea not null unique,
    place text references place,
    created_by text not null,
    created_at timestamptz not null,
    expires_at timestamptz not null check (expires_at > created_at),
    last_seen_at timestamptz,
    revoked_at timestamptz
);
create unique index kiosk_token_name on kiosk_token (name) where revoked_at is null;
comment on table kiosk_token is 'read-only access of a wall screen to /wall; the secret itself is shown once and not kept';
comment on column kiosk_token.place is 'what it shows, with everything below; null: the whole site';
comment on column kiosk_token.last_seen_at is 'newest refresh of the screen, at most a minute behind';
