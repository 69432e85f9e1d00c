-- Meters that report by themselves (IoT card): who they are, what they said, how they are now, what waits for them.

alter table device
    alter column gateway drop not null,
    alter column line drop not null,
    add constraint device_on_a_line_or_none check ((gateway is null) = (line is null));
comment on column device.gateway is 'null: nobody asks it, it reports by itself (iot_meter)';

create table iot_meter (
    device text primary key references device,
    number text not null,
    imei text not null check (imei ~ '^[0-9]{15}$'),
    iccid text,
    via text not null check (via ~ '^(mqtt|tcp|udp|webhook/[a-z0-9][a-z0-9-]{0,30})$'),
    every_h integer not null check (every_h between 1 and 168),
    window_h integer not null check (window_h between 0 and 48),
    position integer not null,
    registered_at timestamptz not null default now(),
    removed_at timestamptz,
    silent_told_at timestamptz,
    constraint iot_meter_one_a_card exclude (imei with =) where (removed_at is null) deferrable initially deferred,
    constraint iot_meter_one_a_number exclude (number with =) where (removed_at is null) deferrable initially deferred
);
comment on column iot_meter.number is 'the device''s address without leading zeros: what a report without IMEI is known by';
comment on column iot_meter.via is 'the one way its reports may come; webhook/SOURCE names the key they are signed with';
comment on column iot_meter.silent_told_at is 'when event iot.silent was raised; null: it reports, or nobody was told yet';

create table iot_report (
    id bigint generated always as identity primary key,
    device text not null references device,
    digest bytea not null,
    via text not null,
    measured_at timestamptz not null,
    reported_at timestamptz not null,
    received_at timestamptz not null,
    report jsonb not null,
    raw text not null,
    unique (device, digest)
);
create index iot_report_newest on iot_report (device, reported_at desc);
create index iot_report_received on iot_report using brin (received_at);
create trigger iot_report_append_only before update or truncate on iot_report execute function refuse_change();
comment on table iot_report is 'what meters said, as it came; old ones go by setting iot.keep_report_days';
comment on column iot_report.digest is 'SHA-256 of what the meter said without how it was carried: the same report again is counted, not stored';

create table iot_state (
    device text primary key references device,
    last_report_at timestamptz not null,
    measured_at timestamptz not null,
    state jsonb not null,
    firmware text,
    reports bigint not null default 0,
    repeats bigint not null default 0
) with (fillfactor = 60);
comment on column iot_state.state is 'newest value by quantity, base units; an older report that comes late changes nothing here';

create table iot_nonce (
    source text not null,
    nonce text not null,
    seen_at timestamptz not null default now(),
    primary key (source, nonce)
);
create index iot_nonce_seen on iot_nonce (seen_at);

create table iot_command (
    id bigint generated always as identity primary key,
    key text not null unique,
    device text not null references device,
    kind text not null check (kind in ('valve_open', 'valve_close', 'read_history', 'set_report_period')),
    arguments jsonb not null,
    reason text not null,
    requested_by text not null,
    requested_at timestamptz not null,
    expires_at timestamptz not null check (expires_at > requested_at),
    state text not null default 'queued' check (state in ('queued', 'sent', 'confirmed', 'expired', 'refused', 'cancelled')),
    attempts integer not null default 0,
    sent_at timestamptz,
    answer text,
    settled_at timestamptz
);
create index iot_command_open on iot_command (device, id) where state in ('queued', 'sent');
create index iot_command_device on iot_command (device, id desc);
create unique index iot_command_one_valve on iot_command (device) where state in ('queued', 'sent') and kind in ('valve_open', 'valve_close');
comment on column iot_command.sent_at is 'when it was first handed over; only what a meter says of a later time confirms it';

-- How long a device counts as heard: the usual time, or the report (with its window) of one that reports by itself, `reports` of them.
create function heard_within(of_device text, of_gateway text, usual_s integer, reports integer) returns interval language sql stable as $$
    select case when of_gateway is null
        then coalesce((select (reports * m.every_h + m.window_h) * interval '1 hour' from iot_meter as m where m.device = of_device), usual_s * interval '1 second')
        else usual_s * interval '1 second' end
$$;
