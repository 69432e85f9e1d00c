-- Alarms: what rules watch, what stands now and what stood, who did what about it, when work is planned. Rules are data of the program (YAML) with
-- overrides here.

-- One row a version of a rule's override at this site; the newest of a rule counts. Append-only.
create table alarm_rule_override (
    id bigint generated always as identity primary key,
    rule text not null,
    version integer not null,
    changes jsonb not null,
    reason text not null,
    actor text not null,
    at timestamptz not null,
    unique (rule, version)
);
comment on column alarm_rule_override.changes is 'what differs from the rule as shipped; {}: nothing any more';
create trigger alarm_rule_override_append_only before update or delete or truncate on alarm_rule_override execute function refuse_change();

create table alarm_window (
    id bigint generated always as identity primary key,
    place text references place,
    gateway text references gateway,
    device text references device,
    rule text,
    from_at timestamptz not null,
    until_at timestamptz not null check (until_at > from_at),
    weekdays smallint not null default 0 check (weekdays between 0 and 127),
    start_minute smallint not null default 0 check (start_minute between 0 and 1439),
    minutes integer not null default 0 check (minutes between 0 and 10080),
    reason text not null,
    actor text not null,
    created_at timestamptz not null,
    ended_at timestamptz,
    ended_by text,
    check (num_nonnulls(place, gateway, device, rule) >= 1),
    check ((weekdays = 0) = (minutes = 0))
);
create index alarm_window_coming on alarm_window (until_at) where ended_at is null;
comment on table alarm_window is 'planned work: alarms raised in it wait until it is over; a place, a gateway with its devices, a device, a rule, or several of them together';
comment on column alarm_window.weekdays is '0: once, from_at to until_at; else bits Monday=1 ... Sunday=64: local days on which it begins at start_minute for so many minutes';

create table alarm (
    id bigint generated always as identity primary key,
    rule text not null,
    severity text not null check (severity in ('urgent', 'important', 'general')),
    kind text not null check (kind in ('site', 'place', 'gateway', 'line', 'device', 'point')),
    subject text not null,
    place text references place,
    gateway text,
    name_zh text not null,
    name_en text not null,
    value bigint not null,
    data jsonb not null default '{}',
    over_since timestamptz not null,
    raised_at timestamptz not null,
    flapping boolean not null default false,
    parent bigint references alarm,
    orphaned_at timestamptz,
    suppressed_by bigint references alarm_window,
    unknown_since timestamptz,
    acknowledged_at timestamptz,
    acknowledged_by text,
    assignee bigint references account,
    snoozed_until timestamptz,
    cleared_at timestamptz,
    clear_value bigint,
    closed_at timestamptz,
    closed_by text,
    close_cause text,
    check (parent <> id),
    check ((closed_at is null) = (close_cause is null)),
    state text not null generated always as (case when closed_at is not null then 'closed' when cleared_at is not null then 'cleared'
        when acknowledged_at is not null then 'acknowledged' else 'open' end) stored
) with (fillfactor = 70);
create unique index alarm_one_a_cause on alarm (rule, kind, subject) where cleared_at is null;
create index alarm_standing on alarm (severity, place) where cleared_at is null and closed_at is null;
create index alarm_raised on alarm (raised_at desc, id desc);
create index alarm_place on alarm (place, raised_at desc);
create index alarm_subject on alarm (kind, subject, id desc);
create index alarm_parent on alarm (parent) where parent is not null;
create index alarm_assignee on alarm (assignee) where assignee is not null and cleared_at is null;
comment on table alarm is 'one row each time a rule''s condition came to hold for a thing; facts clear it, people acknowledge and close it';
comment on column alarm.kind is 'what subject names; line: gateway/line; site: the platform itself, which has no place';
comment on column alarm.name_zh is 'the thing''s name when it was raised: history keeps what it said';
comment on column alarm.parent is 'the alarm that explains this one: listed below it, not counted by itself';
comment on column alarm.orphaned_at is 'when the parent cleared; soon after, this one stands by itself';
comment on column alarm.suppressed_by is 'raised during planned work: not shown as open until that is over';
comment on column alarm.unknown_since is 'since when nothing is known of the thing; the alarm stays as it was';
comment on column alarm.snoozed_until is 'put aside by a person, with a reason (alarm_change); comes back by itself';

-- Every change of an alarm, in the transaction that makes it: history for people, a queue to follow by id for notifications.
create table alarm_change (
    id bigint generated always as identity primary key,
    alarm bigint not null references alarm on delete cascade,
    at timestamptz not null,
    kind text not null check (kind in ('raised', 'flapping', 'suppressed', 'unsuppressed', 'muted', 'surfaced', 'unknown', 'known', 'cleared',
        'acknowledged', 'assigned', 'snoozed', 'unsnoozed', 'commented', 'closed', 'reopened')),
    actor text,
    note text not null default '',
    data jsonb not null default '{}',
    key text
);
create index alarm_change_alarm on alarm_change (alarm, id);
create unique index alarm_change_key on alarm_change (alarm, key) where key is not null;
create trigger alarm_change_append_only before update or truncate on alarm_change execute function refuse_change();
comment on column alarm_change.actor is 'null: facts, by the rule';
comment on column alarm_change.key is 'chosen by the caller: the same request again is answered again, not done again';

create table alarm_seen (
    account bigint not null references account on delete cascade,
    alarm bigint not null references alarm on delete cascade,
    at timestamptz not null,
    primary key (account, alarm)
);
create index alarm_seen_alarm on alarm_seen (alarm);

-- What the engine remembers of a cause that is not at rest: how long its condition holds, how long it has been over, when it was raised lately.
create table alarm_track (
    rule text not null,
    kind text not null,
    subject text not null,
    over_ms bigint,
    under_ms bigint,
    unknown_ms bigint,
    raised boolean not null,
    flapping boolean not null,
    raises bigint[] not null,
    primary key (rule, kind, subject)
) with (fillfactor = 70);

create table alarm_round (
    one boolean primary key default true check (one),
    at timestamptz not null,
    took_ms integer not null,
    facts integer not null,
    failed jsonb not null
);
comment on table alarm_round is 'the newest evaluation: when, how long, how many facts, and which watches could not be asked and why';

create view gateway_heard as
    select g.code, g.place, s.state, s.health, s.health_at, s.reported, s.clock_offset_ms, greatest(s.last_seen_at, s.health_at, c.updated_at) as heard_at
    from gateway as g left join gateway_status as s on s.gateway = g.code
    left join (select gateway, max(updated_at) as updated_at from ack_cursor group by gateway) as c on c.gateway = g.code
    where g.removed_at is null;
comment on view gateway_heard is 'gateways of the plan and when anything of theirs came last; heard_at null: never';

create view building_of as
    select w.place, w.above as building from place_within as w join place as b on b.code = w.above where b.kind = 'building' and b.removed_at is null;
comment on view building_of is 'the building a place lies in, itself included; places above or beside buildings have none';

-- The engine asks for the newest of these events of a device, of all devices at once.
create index event_meter_clock on event (device, at desc) where code in ('meter.clock_off', 'meter.clock_right', 'iot.clock_wrong');
create index event_outbox_full on event (at) where code = 'outbox.full';
