-- What gateways say about themselves, and the documents they are to follow.

create table gateway_status (
    gateway text primary key,
    state text not null default 'offline' check (state in ('online', 'offline', 'maintenance')),
    state_at timestamptz,
    last_seen_at timestamptz,
    generation bigint,
    epoch bigint,
    agent_version text,
    started_at timestamptz,
    birth jsonb,
    reported jsonb,
    health jsonb,
    health_at timestamptz
) with (fillfactor = 60);

comment on table gateway_status is 'no foreign key: a box may say hello before its plan is imported';

create table desired_document (
    gateway text not null references gateway,
    document text not null,
    version integer not null,
    sha256 text not null,
    body jsonb not null,
    changed_at timestamptz not null default now(),
    primary key (gateway, document)
);

create sequence leader_epoch;
comment on sequence leader_epoch is 'fencing token: every new leader of the jobs role takes the next value';
