-- From registers to consumption: points and where they hang, day rows with 15-minute slots, months, places, closed months, what is to be recomputed.
-- Days and months are the site's local ones (site_plan.summary -> site -> timezone).

alter table metering_point
    add column id integer generated always as identity unique,
    add column medium text not null default 'electricity' check (medium in ('electricity', 'water'));
comment on column metering_point.id is 'short key of the consumption tables';

-- Where a point hangs, by local day: a tree change never touches what was before it.
create table point_position (
    point text not null references metering_point,
    place text not null references place,
    upstream text references metering_point,
    role text not null default 'sub' check (role in ('intake', 'main', 'branch', 'sub', 'check', 'virtual')),
    valid_from date not null default date '-infinity',
    valid_to date not null default date 'infinity',
    primary key (point, valid_from),
    constraint point_position_interval check (valid_to > valid_from),
    constraint point_position_once exclude using gist (point with =, daterange(valid_from, valid_to) with &&)
);
create index point_position_place on point_position (place);
comment on column point_position.upstream is 'the point that measures this one too; a sum counts a point only where none above it is in the sum';
comment on column point_position.role is 'check meters are in no sum; virtual points are computed from virtual_term';
insert into point_position (point, place) select code, place from metering_point;
alter table metering_point drop column place;

create table virtual_term (
    point text not null references metering_point,
    input text not null references metering_point,
    coefficient smallint not null check (coefficient in (-1, 1)),
    primary key (point, input),
    check (point <> input)
);

alter table installation
    drop constraint installation_one_point_a_device,
    add column register text,
    add column numerator bigint not null default 1 check (numerator >= 1),
    add column denominator bigint not null default 1 check (denominator >= 1),
    add column rollover bigint check (rollover > 0),
    add column max_per_hour bigint check (max_per_hour > 0),
    add column ratio_version integer not null default 1,
    add constraint installation_one_point_a_register exclude using gist
        (device with =, coalesce(register, '') with =, tstzrange(installed_at, removed_at) with &&);
comment on column installation.register is 'the cumulative quantity that counts for the point; null: not known, nothing is computed';
comment on column installation.numerator is 'consumption = register difference * ct * pt * numerator / denominator (numerator/denominator corrects a wrong meter constant)';
comment on column installation.rollover is 'register value at which the meter wraps to 0, base units; null: not known, a wrap is treated as a fall';
comment on column installation.max_per_hour is 'what can pass the meter in an hour, register base units; null: the default of the medium';

-- What was corrected in an installation's ratio, and by whom. Append-only; the installation holds what is in force.
create table ratio_correction (
    id bigint generated always as identity primary key,
    installation bigint not null references installation,
    before jsonb not null,
    after jsonb not null,
    reason text not null,
    actor text not null,
    corrected_at timestamptz not null default now()
);

-- Readings the computation does not use, by its own judgement; derived, rewritten on recomputation.
create table reading_verdict (
    series_id bigint not null,
    measured_at timestamptz not null,
    verdict text not null check (verdict in ('rejected', 'baseline')),
    reason text not null,
    primary key (series_id, measured_at)
);
comment on column reading_verdict.verdict is 'rejected: as if never read; baseline: counting starts anew here, what was before it is unknown';

create table consumption_day (
    point_id integer not null references metering_point (id),
    day date not null,
    value bigint not null,
    known_s integer not null,
    slots integer[] not null,
    known smallint[],
    pins bit varying(128) not null,
    seen bit varying(128) not null,
    made_up bit varying(128),
    rates bigint[] not null,
    first_at timestamptz,
    first_value bigint,
    last_at timestamptz,
    last_value bigint,
    pending boolean not null default false,
    version integer not null default 1,
    primary key (point_id, day)
) with (fillfactor = 80);
create index consumption_day_day on consumption_day (day);
create index consumption_day_pending on consumption_day (point_id, day) where pending;
comment on table consumption_day is 'derived: rebuilt bit for bit (but for version) from reading, installation, mark and tariff';
comment on column consumption_day.slots is 'consumption of each 15-minute slot in the point''s base unit; null: nothing of the slot is known';
comment on column consumption_day.known is 'seconds known of each slot; null when every slot is known whole (900) or not at all';
comment on column consumption_day.pins is 'n+1 bits: boundary k between slots is held by readings near it, not interpolated over a gap; a period is measured when both its ends are';
comment on column consumption_day.seen is 'n bits: a reading that was due in this slot was taken in it';
comment on column consumption_day.made_up is 'n bits: only a make-up or substituted reading stands in this slot; null when none';
comment on column consumption_day.rates is 'value split by tariff rate: sharp, peak, flat, valley, deep valley; sums to value';
comment on column consumption_day.first_at is 'first and last accepted reading of the day and their registers';
comment on column consumption_day.pending is 'judged without enough later readings; looked at again when they come';

create table consumption_month (
    point_id integer not null references metering_point (id),
    month date not null,
    value bigint not null,
    known_s integer not null,
    measured boolean not null,
    days smallint not null,
    rates bigint[] not null,
    version integer not null default 1,
    primary key (month, point_id)
) with (fillfactor = 80);

-- Sums over the points of a place and everything below it. Rooms are summed when asked.
create table place_day (
    place text not null references place,
    medium text not null,
    day date not null,
    value bigint not null,
    points integer not null,
    slots bigint[] not null,
    known integer[] not null,
    rates bigint[] not null,
    version integer not null default 1,
    primary key (place, medium, day)
) with (fillfactor = 70);
comment on column place_day.points is 'points that count here on that day';
comment on column place_day.known is 'how many of them are known whole in each slot';

create table place_month (
    place text not null references place,
    medium text not null,
    month date not null,
    value bigint not null,
    points_s bigint not null,
    known_s bigint not null,
    rates bigint[] not null,
    version integer not null default 1,
    primary key (place, medium, month)
) with (fillfactor = 70);
comment on column place_month.points_s is 'seconds there are to be known: points times length, summed over the days; known_s of them are';

create table consumption_mark (
    id bigint generated always as identity primary key,
    point text not null references metering_point,
    from_at timestamptz not null,
    to_at timestamptz not null check (to_at > from_at),
    reason text not null,
    actor text not null,
    created_at timestamptz not null default now(),
    withdrawn_at timestamptz
);
create index consumption_mark_point on consumption_mark (point);
comment on table consumption_mark is 'intervals whose readings are believed to be filled in, not measured: shown as estimated, kept out of models';

create table finding (
    id bigint generated always as identity primary key,
    code text not null,
    point text references metering_point,
    device text references device,
    place text references place,
    at timestamptz not null,
    until timestamptz,
    data jsonb not null default '{}',
    opened_at timestamptz not null default now(),
    resolved_at timestamptz,
    resolution text,
    unique nulls not distinct (code, point, device, place, at)
);
create index finding_open on finding (opened_at) where resolved_at is null;
comment on table finding is 'what the computation cannot settle by itself: falls, jumps, negative residuals, mismatches; open until settled by data or by a person';

-- Closed months. Figures and adjustments are append-only (triggers below).
create table closed_month (
    month date primary key check (extract(day from month) = 1),
    closed_at timestamptz not null default now(),
    actor text not null,
    inputs jsonb not null
);
comment on column closed_month.inputs is 'versions of tariff and factors the figures were closed with';

create table closed_figure (
    month date not null references closed_month,
    point_id integer not null references metering_point (id),
    value bigint not null,
    known_s integer not null,
    measured boolean not null,
    rates bigint[] not null,
    primary key (month, point_id)
);

create table adjustment (
    id bigint generated always as identity primary key,
    closed_month date not null references closed_month,
    into_month date not null,
    point_id integer not null references metering_point (id),
    value bigint not null,
    rates bigint[] not null,
    reason text not null,
    actor text not null,
    created_at timestamptz not null default now()
);
create index adjustment_into on adjustment (into_month);
create index adjustment_closed on adjustment (closed_month, point_id);
comment on table adjustment is 'what a closed month would be more (or less) by what is known today; counted in an open month';

create function refuse_change() returns trigger language plpgsql as $$
begin
    raise exception '% is append-only; write a new row instead', tg_table_name using errcode = 'restrict_violation';
end $$;
create trigger closed_figure_append_only before update or delete or truncate on closed_figure execute function refuse_change();
create trigger adjustment_append_only before update or delete or truncate on adjustment execute function refuse_change();
create trigger ratio_correction_append_only before update or delete or truncate on ratio_correction execute function refuse_change();

-- Tariff calendars: what hour is which rate, and what a rate costs, by day of validity. Body: central.consumption.tariff.
create table tariff_version (
    tariff text not null,
    valid_from date not null,
    body jsonb not null,
    actor text not null,
    created_at timestamptz not null default now(),
    primary key (tariff, valid_from)
);

create table calendar_day (
    day date primary key,
    kind text not null check (kind in ('holiday', 'workday')),
    name_zh text not null default '',
    name_en text not null default ''
);
comment on table calendar_day is 'days that are not what their weekday says';

-- What is to be recomputed. One arrival row per committed group of messages: triples of little-endian int32 (series, first second, last second).
create table arrival (
    id bigint generated always as identity primary key,
    packed bytea not null,
    arrived_at timestamptz not null default now()
);
create table dirty (
    id bigint generated always as identity primary key,
    point_id integer not null references metering_point (id),
    from_at timestamptz not null,
    to_at timestamptz not null,
    reason text not null,
    noted_at timestamptz not null default now()
);
create table dirty_place (
    id bigint generated always as identity primary key,
    place text not null references place,
    from_day date not null,
    to_day date not null,
    reason text not null
);

-- Readings of some series, whatever form they are stored in.
create function readings_between(ids bigint[], from_at timestamptz, to_at timestamptz)
returns table (series_id bigint, measured_at timestamptz, value bigint, quality smallint) language sql stable as $$
    select r.series_id, r.measured_at, r.value, r.quality
    from unnest(ids) as s (id) cross join lateral (
        select * from reading where reading.series_id = s.id and reading.measured_at >= from_at and reading.measured_at < to_at
    ) as r
$$;
comment on function readings_between is 'from_at <= measured_at < to_at, in no order';
