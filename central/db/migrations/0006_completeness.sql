-- What is missing: gaps in the gateways' sequences and what was done about them, how complete each device's day is, how wrong a gateway's clock is.

create table gateway_gap (
    id bigint generated always as identity primary key,
    gateway text not null,
    generation bigint not null,
    epoch bigint not null,
    first bigint not null,
    last bigint not null check (last >= first),
    missing int8multirange not null,
    given_up int8multirange not null default '{}',
    found_at timestamptz not null,
    moved_at timestamptz not null,
    asked_at timestamptz,
    asked_last bigint,
    times integer not null default 0,
    fruitless integer not null default 0,
    filled_at timestamptz,
    lost_at timestamptz,
    lost bigint not null default 0,
    check (filled_at is null or lost_at is null)
);
create index gateway_gap_open on gateway_gap (gateway, generation, epoch) where filled_at is null and lost_at is null;
create index gateway_gap_closed on gateway_gap (coalesce(filled_at, lost_at)) where filled_at is not null or lost_at is not null;
create index gateway_gap_given_up on gateway_gap (gateway, generation, epoch) where given_up <> '{}';
comment on table gateway_gap is 'numbers a gateway has given to messages and central has not got; no foreign key, as gateway_status';
comment on column gateway_gap.missing is 'what is missing still and not given up';
comment on column gateway_gap.given_up is 'what cannot come any more: the gateway does not hold it, or never answers';
comment on column gateway_gap.moved_at is 'when some of it came last; the gateway is at it by itself while this moves';
comment on column gateway_gap.asked_last is 'highest number asked for so far in the present pass over the gap';
comment on column gateway_gap.fruitless is 'asks since something came last; the wait before the next grows with it';
comment on column gateway_gap.lost is 'how many numbers carry no data: given up, or the gateway sent a note of loss in their place';

alter table gateway_status
    add column clock_offset_ms bigint,
    add column clock_reports jsonb not null default '[]',
    add column clock_alarm_at timestamptz;
comment on column gateway_status.clock_offset_ms is 'gateway clock minus ours at the newest health report; positive: the gateway is ahead';
comment on column gateway_status.clock_reports is 'the last reports as [gateway stamp ms, offset ms], oldest first';
comment on column gateway_status.clock_alarm_at is 'since when the offset is above the alarm limit; null: it is not';

create table clock_offset (
    id bigint generated always as identity primary key,
    gateway text not null,
    from_ms bigint not null,
    to_ms bigint check (to_ms > from_ms),
    offset_ms bigint not null,
    noted_at timestamptz not null default now(),
    constraint clock_offset_once exclude using gist (gateway with =, int8range(from_ms, to_ms) with &&)
);
comment on table clock_offset is 'stamps of a gateway with from_ms <= stamp < to_ms are offset_ms ahead of true time; readings keep the stamps they were sent with';

create table completeness_day (
    device text not null references device,
    day date not null,
    period_s integer not null check (period_s > 0),
    quantity text,
    due integer not null default 0,
    measured integer not null default 0,
    made_up integer not null default 0,
    settled boolean not null default false,
    looked_at timestamptz,
    look_at timestamptz not null,
    primary key (day, device)
) with (fillfactor = 70);
create index completeness_day_device on completeness_day (device, day);
create index completeness_day_look on completeness_day (look_at) where not settled;
comment on table completeness_day is 'derived from reading: of the readings that were due, how many there are; counted again until the day is over and nothing is missing';
comment on column completeness_day.period_s is 'how often the device is read; on a day it changes, the longer period';
comment on column completeness_day.due is 'whole periods that have ended, while the device stood at a point';
comment on column completeness_day.measured is 'due periods with a reading measured in them, whenever it arrived; made_up: only with one made up or substituted';
