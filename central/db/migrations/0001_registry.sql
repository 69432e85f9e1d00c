-- What stands where: places, gateways, lines, devices, metering points and the plans they came from. Rows are marked removed, never deleted.

create extension if not exists btree_gist;
create extension if not exists pg_trgm;

create table place (
    code text primary key,
    parent text references place,
    kind text not null check (kind in ('campus', 'zone', 'building', 'floor', 'room')),
    name_zh text not null,
    name_en text not null,
    position integer not null,
    removed_at timestamptz
);
create index place_parent on place (parent);
create index place_search on place using gin ((code || ' ' || name_zh || ' ' || lower(name_en)) gin_trgm_ops);

create table gateway (
    code text primary key,
    place text not null references place,
    name_zh text not null,
    name_en text not null,
    generation bigint not null default 0,
    position integer not null,
    removed_at timestamptz
);
comment on column gateway.generation is 'highest generation seen or enrolled; batches of a lower one are quarantined; 0 = never seen';

create table line (
    gateway text not null references gateway,
    code text not null,
    settings jsonb not null,
    position integer not null,
    removed_at timestamptz,
    primary key (gateway, code)
);
comment on column line.settings is 'the plan''s line without its devices: port, baud, parity, ...';

create table device (
    code text primary key,
    profile text not null,
    kind text not null,
    address text not null,
    place text not null references place,
    gateway text not null,
    line text not null,
    name_zh text not null,
    name_en text not null,
    poll_s jsonb not null default '{}',
    position integer not null,
    removed_at timestamptz,
    foreign key (gateway, line) references line
);
create index device_place on device (place);
create index device_line on device (gateway, line);
create index device_search on device using gin ((code || ' ' || address || ' ' || name_zh || ' ' || lower(name_en)) gin_trgm_ops);

create table metering_point (
    code text primary key,
    place text not null references place,
    name_zh text not null,
    name_en text not null,
    position integer not null,
    removed_at timestamptz
);

create table installation (
    id bigint generated always as identity primary key,
    point text not null references metering_point,
    device text not null references device,
    installed_at timestamptz not null,
    removed_at timestamptz,
    ct integer not null default 1 check (ct >= 1),
    pt integer not null default 1 check (pt >= 1),
    opening jsonb not null default '{}',
    closing jsonb not null default '{}',
    constraint installation_interval check (removed_at > installed_at),
    constraint installation_one_device_a_point exclude using gist (point with =, tstzrange(installed_at, removed_at) with &&),
    constraint installation_one_point_a_device exclude using gist (device with =, tstzrange(installed_at, removed_at) with &&)
);
comment on column installation.opening is 'registers at the start, quantity -> base-unit integer';

create table site_plan (
    version integer generated always as identity primary key,
    name text not null,
    text text not null,
    sha256 text not null,
    actor text not null,
    imported_at timestamptz not null default now(),
    summary jsonb not null
);
