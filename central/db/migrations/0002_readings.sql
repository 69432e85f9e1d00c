-- What was measured and how it arrived. reading, batch and event are append-only.

create table series (
    id bigint generated always as identity primary key,
    device text not null references device,
    quantity text not null,
    unique (device, quantity)
);

-- No foreign key to series: its check would cost as much as the row. Ingest takes ids from series only.
create table reading (
    series_id bigint not null,
    measured_at timestamptz not null,
    value bigint not null,
    quality smallint not null,
    primary key (series_id, measured_at)
);

create table device_status (
    device text primary key references device,
    last_measured_at timestamptz not null
) with (fillfactor = 60);
comment on table device_status is 'derived from reading by ingest, some seconds late; counts over the whole site read it';

create table batch (
    gateway text not null,
    generation bigint not null,
    epoch bigint not null,
    seq bigint not null,
    received_at timestamptz not null default now(),
    outcome text not null check (outcome in ('stored', 'quarantined')),
    readings integer not null,
    events integer not null,
    primary key (gateway, generation, epoch, seq)
);
create index batch_received on batch using brin (received_at);

create table ack_cursor (
    gateway text not null,
    generation bigint not null,
    epoch bigint not null,
    received int8multirange not null,
    updated_at timestamptz not null default now(),
    primary key (gateway, generation, epoch)
) with (fillfactor = 60);
comment on column ack_cursor.received is 'every seq committed; its first range is the cumulative ack when it starts at 1';

create table event (
    id bigint generated always as identity primary key,
    gateway text,
    generation bigint,
    epoch bigint,
    seq bigint,
    position integer,
    code text not null,
    at timestamptz not null,
    severity text not null check (severity in ('info', 'warning', 'error')),
    line text,
    device text,
    message text not null,
    data jsonb not null default '{}',
    received_at timestamptz not null default now(),
    unique (gateway, generation, epoch, seq, position)
);
create index event_at on event (at);
create index event_device on event (device, at) where device is not null;
comment on column event.seq is 'null for events central raised itself';

create table quarantine (
    id bigint generated always as identity primary key,
    digest bytea not null unique,
    reason text not null,
    message text not null,
    topic text not null,
    gateway text,
    generation bigint,
    epoch bigint,
    seq bigint,
    properties jsonb not null,
    payload bytea not null,
    payload_bytes integer not null,
    received_at timestamptz not null default now(),
    last_at timestamptz not null default now(),
    times integer not null default 1,
    replayed_at timestamptz
);
create index quarantine_waiting on quarantine (received_at) where replayed_at is null;
comment on column quarantine.digest is 'SHA-256 over topic and payload: the same message again raises times';
