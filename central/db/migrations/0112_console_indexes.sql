-- Pages about a place at reference size: what they ask again and again, made cheap.

-- Every one counts the devices standing in the place and below; both sides are read from the index alone.
create index device_standing on device (place) where removed_at is null;
create index place_within_below on place_within (above, place);
drop index place_within_above;

-- As in 0106, but looking only at the meters that stood at the place's own points: a room's page asks seven times, of one point.
create or replace function counting_points(node text, of_medium text, on_day date, zone text)
returns table (point_id integer, point text, place text, role text, installed_at timestamptz, removed_at timestamptz, above text)
language sql stable rows 1000 as $$
    with recursive below as materialized (
        select m.id, h.point, h.place, h.role, h.upstream
        from place_within as w
        join point_position as h on h.place = w.place and h.valid_from <= on_day and h.valid_to > on_day
        join metering_point as m on m.code = h.point and m.medium = of_medium
        where w.above = node and h.role not in ('check', 'virtual')
    ), stands as (
        select i.point, min(i.installed_at) as installed_at, max(coalesce(i.removed_at, 'infinity')) as removed_at
        from installation as i where i.register is not null and i.point in (select b.point from below as b) group by i.point
    ), here as materialized (
        select b.id, b.point, b.place, b.role, b.upstream, s.installed_at, s.removed_at
        from below as b join stands as s on s.point = b.point
        where (s.installed_at at time zone zone)::date <= on_day
            and (s.removed_at = 'infinity' or (s.removed_at at time zone zone)::date >= on_day)
    ), up (point, above, depth) as (
        select point, upstream, 1 from here where upstream is not null
        union all
        select up.point, h.upstream, up.depth + 1
        from up join point_position as h on h.point = up.above and h.valid_from <= on_day and h.valid_to > on_day
        left join lateral (
            select i.point, min(i.installed_at) as installed_at, max(coalesce(i.removed_at, 'infinity')) as removed_at
            from installation as i where i.register is not null and i.point = h.point group by i.point
        ) as s on true
        where h.upstream is not null and up.depth < 20 and (s.point is null or (s.installed_at at time zone zone)::date <= on_day
            and (s.removed_at = 'infinity' or (s.removed_at at time zone zone)::date >= on_day))
    ), nearest as (
        select distinct on (up.point) up.point, up.above from up join here as a on a.point = up.above where up.above <> up.point order by up.point, up.depth
    )
    select here.id, here.point, here.place, here.role, here.installed_at, here.removed_at, nearest.above
    from here left join nearest on nearest.point = here.point
$$;
