-- What the rules have seen and said: least flows of nights and leaks, weeks compared with the weeks before, habits of places, batteries.

create table night_flow (
    about text not null check (about in ('point', 'place')),
    code text not null,
    night date not null,
    basis text not null check (basis in ('quarter', 'hour', 'day', 'place')),
    floor_l_day bigint,
    whole boolean not null,
    version integer not null,
    primary key (about, code, night)
);
comment on table night_flow is 'derived from consumption_day and place_day; old nights go (central.analytics.nights.KEEP_NIGHTS)';
comment on column night_flow.night is 'the local day whose 02:00 to 05:00 it is';
comment on column night_flow.floor_l_day is 'the least flow as litres a day, so that every basis stays a whole number; null: too little data';
comment on column night_flow.version is 'version of the day row it was taken from: only what changed is looked at again';

create table leak_watch (
    about text not null check (about in ('point', 'place')),
    code text not null,
    settled_on date not null,
    state jsonb not null,
    primary key (about, code)
);
comment on table leak_watch is 'what is remembered of a point up to and with a night that is too old to change; everything later is followed again from here';

create table leak (
    id bigint generated always as identity primary key,
    point text references metering_point,
    place text references place,
    began_on date not null,
    opened_on date not null,
    opened_at timestamptz not null,
    basis text not null,
    reason text not null check (reason in ('above_zero', 'step', 'never_zero')),
    usual_l_day bigint not null,
    limit_l_day bigint not null,
    floor_l_day bigint not null,
    lost_l_day bigint generated always as (floor_l_day - usual_l_day) stored,
    nights integer not null,
    last_on date not null,
    cleared_on date,
    cleared_at timestamptz,
    clear_reason text check (clear_reason in ('quiet', 'known_use')),
    check (num_nonnulls(point, place) = 1),
    check ((cleared_on is null) = (cleared_at is null)),
    unique nulls not distinct (point, place, opened_on)
);
create index leak_open on leak (opened_on) where cleared_on is null;
create index leak_place on leak (place) where place is not null;
comment on table leak is 'derived by following the nights again; point and opened_on keep their id. Open while cleared_at is null';
comment on column leak.opened_at is 'when the night that opened it was over, not when it was looked at';
comment on column leak.lost_l_day is 'what flows above the usual: a thousandth of it is m3 a day, a 24th litres an hour';

create table leak_known_use (
    id bigint generated always as identity primary key,
    point text references metering_point,
    place text references place,
    after date not null,
    floor_l_day bigint not null check (floor_l_day >= 0),
    reason text not null,
    actor text not null,
    at timestamptz not null,
    check (num_nonnulls(point, place) = 1)
);
create index leak_known_use_point on leak_known_use (point);
create index leak_known_use_place on leak_known_use (place);
create trigger leak_known_use_append_only before update or delete or truncate on leak_known_use execute function refuse_change();
comment on table leak_known_use is 'somebody said that this much flows by right in the nights after this day; the newest row of a point counts';

create table rise_figure (
    point_id integer primary key references metering_point (id),
    until date not null,
    recent bigint not null,
    recent_s bigint not null,
    before bigint not null,
    before_s bigint not null,
    recent_fen bigint,
    before_fen bigint
) with (fillfactor = 80);
comment on table rise_figure is 'derived nightly: the seven days up to `until`, and the 28 before them (four times the same weekdays)';
comment on column rise_figure.recent_fen is 'both at the prices of `until`, so that a new price is no rise; null without a tariff';

create table load_shape (
    place text not null references place,
    medium text not null,
    week date not null check (extract(isodow from week) = 1),
    night_permille integer,
    weekend_permille integer,
    night bigint,
    primary key (place, medium, week)
);
comment on table load_shape is 'derived nightly, a row a week: mean of 00-05 over mean of 09-17 on workdays, mean of free days over mean of workdays';
comment on column load_shape.night is 'what flowed from 00 to 05 in the week''s known days, a seventh a day';

create table battery_day (
    device text not null references device,
    day date not null,
    least_mv integer not null,
    primary key (device, day)
);
comment on table battery_day is 'derived from reading: the least battery voltage of a local day; old days go with the look-back of the forecast';

create table battery_forecast (
    device text primary key references device,
    state text not null check (state in ('too_little', 'steady', 'falling', 'low')),
    voltage_mv integer not null,
    limit_mv integer not null,
    since date not null,
    days integer not null,
    fall_uv_day integer,
    day date,
    earliest date,
    latest date,
    knee boolean not null
);

create table analytics_round (
    done_on date primary key,
    at timestamptz not null default now()
);
comment on table analytics_round is 'local days whose morning round is done; only the newest is asked for';

-- The water meters with what they say now, by themselves or on a line; who asks adds how long a silence may be.
create function water_meters(now_at timestamptz, online_s integer, stale_s integer, silent_reports integer)
returns table (
    device text, name_zh text, name_en text, number text, profile text, place text, own_reports boolean, imei text, every_h integer, window_h integer,
    state text, last_at timestamptz, due_at timestamptz, said jsonb
) language sql stable as $$
    select d.code, d.name_zh, d.name_en, d.address, d.profile, d.place, m.device is not null, m.imei, m.every_h, m.window_h,
        case when l.last_at is null then 'never'
             when now_at >= l.last_at + l.silent_after then 'silent'
             when now_at >= l.last_at + l.late_after then 'late' else 'reporting' end,
        l.last_at, case when m.device is not null then coalesce(l.last_at, m.registered_at) + m.every_h * interval '1 hour' end,
        coalesce(case when d.gateway is null then s.state else (
            select jsonb_object_agg(e.quantity, n.value) from series as e cross join lateral newest_reading(e.id) as n
            where e.device = d.code and e.quantity in ('valve_state', 'battery_voltage', 'battery_low', 'signal_rsrp', 'signal_csq', 'status_word_188',
                'leak', 'burst', 'reverse_flow', 'magnetic_tamper', 'cover_open')
        ) end, '{}')
    from device as d
    left join iot_meter as m on m.device = d.code and m.removed_at is null and d.gateway is null
    left join iot_state as s on s.device = d.code
    left join device_status as t on t.device = d.code
    cross join lateral (
        select case when d.gateway is null then s.last_report_at else t.last_measured_at end as last_at,
            case when m.device is not null then (m.every_h + m.window_h) * interval '1 hour' else online_s * interval '1 second' end as late_after,
            case when m.device is not null then (silent_reports * m.every_h + m.window_h) * interval '1 hour' else stale_s * interval '1 second' end
                as silent_after
    ) as l
    where d.kind = 'water_meter' and d.removed_at is null
$$;
