-- Replacing meters and gateways: what was changed at the console, with its evidence, and how it was undone.

create table replacement (
    id bigint generated always as identity primary key,
    key text not null unique,
    digest bytea not null,
    point text not null references metering_point,
    old_device text not null references device,
    new_device text not null references device,
    old_installation bigint not null references installation,
    new_installation bigint references installation on delete set null,
    removed_at timestamptz not null,
    installed_at timestamptz not null,
    closing jsonb not null,
    opening jsonb not null,
    unreadable text,
    carried jsonb not null default '{}',
    adopted integer not null default 0,
    photos text[] not null default '{}',
    person text not null,
    reason text not null,
    actor text not null,
    request jsonb not null,
    answer jsonb not null,
    done_at timestamptz not null default now(),
    cancelled_at timestamptz,
    cancelled_by text,
    cancel_reason text
);
create index replacement_point on replacement (point);
create index replacement_devices on replacement (old_device);
create index replacement_new_device on replacement (new_device);
comment on table replacement is 'one row a meter replacement, kept when it is cancelled';
comment on column replacement.key is 'chosen by the caller: the same key with the same request is answered again, not done again';
comment on column replacement.digest is 'SHA-256 of the request';
comment on column replacement.new_installation is 'null after it was cancelled: the stay is gone, its facts are here';
comment on column replacement.carried is 'credit and purchase count the old meter showed: to be carried over to the new one';
comment on column replacement.adopted is 'readings the new meter had sent under the old one''s name, copied to its own series';

-- What the console changed about a point, so that an older site plan does not silently undo it. The newest of a point and kind counts.
create table registry_edit (
    id bigint generated always as identity primary key,
    point text not null references metering_point,
    kind text not null check (kind in ('meter', 'ratio', 'position')),
    before jsonb not null,
    after jsonb not null,
    what text not null,
    actor text not null,
    at timestamptz not null default now(),
    withdrawn_at timestamptz
);
create index registry_edit_point on registry_edit (point, kind);
comment on column registry_edit.before is 'the site plan''s keys for the point and the values they had: a plan that still says so is older than the change';

create table attachment (
    sha256 text primary key,
    media_type text not null check (media_type in ('image/jpeg', 'image/png', 'image/webp')),
    content bytea not null check (octet_length(content) <= 8388608),
    actor text not null,
    created_at timestamptz not null default now()
);
alter table attachment alter column content set storage external;
comment on table attachment is 'photos taken as evidence; media_type is what the bytes are, whatever the sender said';

create table gateway_replacement (
    id bigint generated always as identity primary key,
    key text not null unique,
    digest bytea not null,
    gateway text not null references gateway,
    old_generation bigint not null,
    new_generation bigint not null,
    person text not null,
    reason text not null,
    actor text not null,
    answer jsonb not null,
    at timestamptz not null default now()
);
create index gateway_replacement_gateway on gateway_replacement (gateway);

create table old_box_acceptance (
    id bigint generated always as identity primary key,
    gateway text not null references gateway,
    generation bigint not null,
    batches integer not null,
    reason text not null,
    actor text not null,
    at timestamptz not null default now()
);
comment on table old_box_acceptance is 'decisions to store what a replaced box had still sent';
