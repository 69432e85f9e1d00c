-- name: site
select summary -> 'site' as site from site_plan order by version desc limit 1;

-- name: device_table
-- States first for what the filters leave, then the page of them, then what only the rows of that page need. A function called for every device
-- costs more than everything else here: the scope is a set of places made once, and heard_within is asked for devices without gateway only.
with listed as (
    select d.*, s.last_measured_at,
        case when s.last_measured_at is null then 'never'
             when s.last_measured_at > now() - case when d.gateway is null then heard_within(d.code, null, %(online_s)s, 1)
                 else %(online_s)s * interval '1 second' end then 'online'
             when s.last_measured_at > now() - case when d.gateway is null then heard_within(d.code, null, %(stale_s)s, 2)
                 else %(stale_s)s * interval '1 second' end then 'stale' else 'silent' end as state
    from device as d left join device_status as s on s.device = d.code
    where d.removed_at is null
        and (%(scope)s::text[] is null or d.place in (select w.place from place_within as w where w.above = any(%(scope)s::text[])))
        and (%(node)s::text is null or d.place in (select w.place from place_within as w where w.above = %(node)s))
        and (%(pattern)s::text is null or d.code || ' ' || d.address || ' ' || d.name_zh || ' ' || lower(d.name_en) like %(pattern)s)
        and (%(kind)s::text is null or d.kind = %(kind)s)
        and (%(profiles)s::text[] is null or d.profile = any(%(profiles)s))
        and (%(gateway)s::text is null or lower(d.gateway) like %(gateway)s)
), chosen as (
    select l.*, count(*) over ()::integer as total,
        case %(sort)s when 'code' then case when %(chinese)s then name_zh else name_en end
                      when 'address' then lpad(address, 20, '0')
                      when 'place' then place
                      when 'kind' then kind
                      when 'gateway' then gateway
                      when 'profile' then profile
                      when 'seen' then to_char(last_measured_at, 'YYYYMMDDHH24MISS')
                      when 'state' then array_position(array['never', 'silent', 'stale', 'online'], l.state)::text end as sort_key
    from listed as l where %(state)s::text is null or l.state = %(state)s
), paged as (
    select *, row_number() over (
        order by case when not %(descending)s then sort_key end, case when %(descending)s then sort_key end desc nulls last,
            gateway collate "C", line collate "C", position, code collate "C") as place_in_list
    from chosen order by place_in_list offset %(offset)s limit %(limit)s
)
select g.code, g.name_zh as code_zh, g.name_en as code_en, g.kind as code_icon, g.profile, g.kind, g.address, g.gateway, g.line, g.place,
    p.name_zh as place_zh, p.name_en as place_en, (extract(epoch from g.last_measured_at) * 1000)::bigint as seen, g.state, g.total,
    m.quantity as main_quantity, m.value as main_value, i.point, t.imei
from paged as g join place as p on p.code = g.place
left join lateral (
    select string_agg(distinct point, ', ' order by point) as point from installation where device = g.code and removed_at is null) as i on true
left join iot_meter as t on t.device = g.code and t.removed_at is null
left join lateral (
    select s.quantity, n.value from series as s
    cross join lateral newest_reading(s.id) as n
    where s.device = g.code and s.quantity = any(%(main)s)
    order by array_position(%(main)s, s.quantity) limit 1
) as m on true
order by g.place_in_list;

-- name: known_devices
select code from device where code = any(%(codes)s) and removed_at is null and in_scope(place, %(scope)s::text[]);

-- name: table_columns
select columns from table_preference where account_id = %(account_id)s and table_name = %(table)s;

-- name: keep_table_columns
insert into table_preference (account_id, table_name, columns) values (%(account_id)s, %(table)s, %(columns)s)
on conflict (account_id, table_name) do update set columns = excluded.columns;

-- name: forget_table_columns
delete from table_preference where account_id = %(account_id)s and table_name = %(table)s;

-- name: saved_views
select id, name, query from table_view where account_id = %(account_id)s and table_name = %(table)s order by name;

-- name: lock_saved_views
select from account where account_id = %(account_id)s for update;

-- name: count_saved_views
select count(*) from table_view where account_id = %(account_id)s and table_name = %(table)s;

-- name: save_view
insert into table_view (account_id, table_name, name, query) values (%(account_id)s, %(table)s, %(name)s, %(query)s)
on conflict (account_id, table_name, name) do update set query = excluded.query
returning id, name, query;

-- name: rename_view
update table_view set name = %(name)s where id = %(id)s and account_id = %(account_id)s and table_name = %(table)s;

-- name: delete_view
delete from table_view where id = %(id)s and account_id = %(account_id)s and table_name = %(table)s;

-- name: home_health
-- One pass over the devices; a meter that reports by itself is late by its own rhythm (as in heard_within, which a call for each row would cost more).
with seen as materialized (
    select place from place_within where above = any(%(scope)s::text[])
), device_now as materialized (
    select d.code, s.last_measured_at,
        case when s.last_measured_at is null then 'never'
             when s.last_measured_at > now() - coalesce((i.every_h + i.window_h) * interval '1 hour', %(online_s)s * interval '1 second') then 'online'
             when s.last_measured_at > now() - coalesce((2 * i.every_h + i.window_h) * interval '1 hour', %(stale_s)s * interval '1 second') then 'late'
             else 'silent' end as state
    from device as d left join device_status as s on s.device = d.code
    left join iot_meter as i on i.device = d.code and d.gateway is null
    where d.removed_at is null and (%(scope)s::text[] is null or d.place in (select place from seen))
), gateway_now as materialized (
    select g.code, s.state from gateway as g left join gateway_status as s on s.gateway = g.code
    where g.removed_at is null and (%(scope)s::text[] is null or g.place in (select place from seen))
), oldest as (
    select n.code, n.last_measured_at from device_now as n where n.state = 'silent' order by n.last_measured_at limit 1
)
select d.devices, d.online, d.late, d.silent, d.never, g.gateways, g.gateways_online, g.gateways_never, b.readings_last_hour,
    a.received_ms, k.due, k.measured, k.made_up,
    o.code as oldest_code, o.name_zh as oldest_zh, o.name_en as oldest_en, o.at_ms as oldest_ms
from (
    select count(*)::integer as devices, count(*) filter (where state = 'online')::integer as online,
        count(*) filter (where state = 'late')::integer as late, count(*) filter (where state = 'silent')::integer as silent,
        count(*) filter (where state = 'never')::integer as never from device_now
) as d, (
    select count(*)::integer as gateways, count(*) filter (where state = 'online')::integer as gateways_online,
        count(*) filter (where state is null)::integer as gateways_never from gateway_now
) as g, (
    select coalesce(sum(readings), 0)::bigint as readings_last_hour from batch
    where received_at > now() - interval '1 hour' and gateway in (select code from gateway_now)
) as b, (
    select (extract(epoch from max(updated_at)) * 1000)::bigint as received_ms from ack_cursor where gateway in (select code from gateway_now)
) as a, (
    select coalesce(sum(due), 0)::bigint as due, coalesce(sum(measured), 0)::bigint as measured, coalesce(sum(made_up), 0)::bigint as made_up
    from completeness_day where day = %(day)s and (%(scope)s::text[] is null or device in (select code from device_now))
) as k
left join (
    select o.code, d.name_zh, d.name_en, (extract(epoch from o.last_measured_at) * 1000)::bigint as at_ms from oldest as o join device as d using (code)
) as o on true;

-- name: home_tiles
with building as (
    select distinct p.code from place_within as w join place as p on p.code = w.place
    where w.above = any(%(places)s::text[]) and p.kind = 'building' and p.removed_at is null and p.code <> all(%(places)s::text[])
), shown as materialized (
    select code from building
    union all
    select code from unnest(%(children)s::text[]) as child (code) where not exists (select from building)
), counted as (
    select w.above, count(*)::integer as devices, count(*) filter (where s.last_measured_at is null)::integer as never,
        count(*) filter (where s.last_measured_at > now() - coalesce((i.every_h + i.window_h) * interval '1 hour', %(online_s)s * interval '1 second'))::integer as online
    from place_within as w join device as d on d.place = w.place and d.removed_at is null
    left join device_status as s on s.device = d.code left join iot_meter as i on i.device = d.code and d.gateway is null
    where w.above in (select code from shown) group by w.above
), troubled as (
    select w.above, count(*)::integer as alarms, count(*) filter (where a.severity = 'urgent')::integer as urgent
    from alarm as a join place_within as w on w.place = a.place
    where a.cleared_at is null and a.closed_at is null and a.parent is null and a.suppressed_by is null
        and a.snoozed_until is null and w.above in (select code from shown)
    group by w.above
)
select p.code, p.kind, p.name_zh, p.name_en, coalesce(c.devices, 0) as devices, coalesce(c.online, 0) as online, coalesce(c.never, 0) as never,
    coalesce(t.alarms, 0) as alarms, coalesce(t.urgent, 0) as urgent
from shown join place as p using (code) left join counted as c on c.above = p.code left join troubled as t on t.above = p.code
order by p.position limit %(limit)s;

-- name: room_points
-- A room has no sums of its own; its points that no other point of the room measures too.
select m.id, m.medium from point_position as h join metering_point as m on m.code = h.point
where h.place = %(room)s and h.valid_to = 'infinity' and h.role not in ('check', 'virtual') and m.removed_at is null
    and not exists (select from point_position as u where u.point = h.upstream and u.place = h.place and u.valid_to = 'infinity')
order by m.id limit 100;

-- name: quarantine_waiting
select count(*)::integer as waiting from quarantine where replayed_at is null;
