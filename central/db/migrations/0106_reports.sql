-- What reports say beside amounts: facts about places, what points are used for, factors a month was closed with; and who counts below a place.

create table place_fact (
    place text not null references place,
    fact text not null check (fact in ('area_m2', 'air_conditioned_m2', 'heated_m2', 'people', 'building_type', 'floors', 'built_year')),
    valid_from date not null default date '-infinity',
    number bigint check (number >= 0),
    code text,
    source text not null,
    actor text not null,
    noted_at timestamptz not null default now(),
    primary key (place, fact, valid_from),
    check ((number is null or code is null) and (code is null or fact = 'building_type') and (number is null or fact <> 'building_type'))
);
comment on table place_fact is 'what is true of a place from a local day on, until the next row of the same fact; neither number nor code: not known from then on';

create table point_item (
    point text not null references metering_point,
    valid_from date not null default date '-infinity',
    item text,
    source text not null,
    actor text not null,
    noted_at timestamptz not null default now(),
    primary key (point, valid_from)
);
comment on table point_item is 'energy item (code of the site''s own tree, central/reports/dictionaries) of a point from a local day on; null: none from then on';

-- Months of points and places as they are reported: of a closed month what it was closed with, else what is known now.
create view reported_point_month as
    select month, point_id, value, known_s, measured, rates from closed_figure
    union all
    select month, point_id, value, known_s, measured, rates from consumption_month as l
    where l.month <> all (array(select c.month from closed_month as c)); -- an anti-join is held to find nothing while no month is closed

create view reported_place_month as
    select month, place, medium, value, points_s, known_s, rates from closed_place
    union all
    select month, place, medium, value, points_s, known_s, rates from place_month as l
    where l.month <> all (array(select c.month from closed_month as c)); -- an anti-join is held to find nothing while no month is closed

-- Same rule as central/consumption/tree.py: check and virtual points are in no sum, and a point with another one above it is counted through that one.
create function counting_points(node text, of_medium text, on_day date, zone text)
returns table (point_id integer, point text, place text, role text, installed_at timestamptz, removed_at timestamptz, above text)
language sql stable rows 1000 as $$
    with recursive stands as materialized (
        select i.point, min(i.installed_at) as installed_at, max(coalesce(i.removed_at, 'infinity')) as removed_at
        from installation as i where i.register is not null group by i.point
    ), here as materialized (
        select m.id, h.point, h.place, h.role, h.upstream, s.installed_at, s.removed_at
        from place_within as w
        join point_position as h on h.place = w.place and h.valid_from <= on_day and h.valid_to > on_day
        join metering_point as m on m.code = h.point and m.medium = of_medium
        join stands as s on s.point = h.point
        where w.above = node and h.role not in ('check', 'virtual') and (s.installed_at at time zone zone)::date <= on_day
            and (s.removed_at = 'infinity' or (s.removed_at at time zone zone)::date >= on_day)
    ), up (point, above, depth) as (
        select point, upstream, 1 from here where upstream is not null
        union all
        select up.point, h.upstream, up.depth + 1
        from up join point_position as h on h.point = up.above and h.valid_from <= on_day and h.valid_to > on_day
        left join stands as s on s.point = h.point
        where h.upstream is not null and up.depth < 20 and (s.point is null or (s.installed_at at time zone zone)::date <= on_day
            and (s.removed_at = 'infinity' or (s.removed_at at time zone zone)::date >= on_day))
    ), nearest as (
        select distinct on (up.point) up.point, up.above from up join here as a on a.point = up.above where up.above <> up.point order by up.point, up.depth
    )
    select here.id, here.point, here.place, here.role, here.installed_at, here.removed_at, nearest.above
    from here left join nearest on nearest.point = here.point
$$;
comment on function counting_points is 'points that count in a place on a local day; above: the nearest of them that measures this one too, null for those whose sum is the place''s';
