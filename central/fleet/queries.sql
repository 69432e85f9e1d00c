-- name: registered_lines
select g.code as gateway, coalesce(jsonb_agg(jsonb_set(l.settings, '{devices}', coalesce(d.devices, '[]'::jsonb)) order by l.position)
    filter (where l.code is not null), '[]'::jsonb) as lines
from gateway as g
left join line as l on l.gateway = g.code and l.removed_at is null and g.removed_at is null
left join lateral (
    select jsonb_agg(jsonb_build_object('id', d.code, 'profile', d.profile, 'address', d.address, 'place', d.place,
        'name', jsonb_build_object('zh', d.name_zh, 'en', d.name_en), 'point', i.point, 'ct', coalesce(i.ct, 1), 'pt', coalesce(i.pt, 1),
        'poll_s', d.poll_s) order by d.position) as devices
    from device as d left join installation as i on i.device = d.code and i.removed_at is null
    where d.gateway = l.gateway and d.line = l.code and d.removed_at is null
) as d on true
group by g.code
order by g.code;

-- name: document_versions
select gateway, version, sha256 from desired_document where document = %(document)s;

-- name: write_document
insert into desired_document (gateway, document, version, sha256, body)
values (%(gateway)s, %(document)s, %(version)s, %(sha256)s, %(body)s::jsonb)
on conflict (gateway, document) do update set version = excluded.version, sha256 = excluded.sha256, body = excluded.body, changed_at = now();

-- name: documents
select gateway, document, version, body::text as body from desired_document
where gateway > %(after)s and not (gateway || '/' || document || '/' || version) = any(%(published)s) order by gateway limit 200;

-- name: note_birth
insert into gateway_status as s (gateway, generation, epoch, agent_version, started_at, birth, last_seen_at)
values (%(gateway)s, %(generation)s, %(epoch)s, %(agent_version)s, timestamptz 'epoch' + %(started_at_ms)s * interval '1 millisecond', %(body)s::jsonb,
    case when %(retained)s then null else now() end)
on conflict (gateway) do update set generation = excluded.generation, epoch = excluded.epoch, agent_version = excluded.agent_version,
    started_at = excluded.started_at, birth = excluded.birth, last_seen_at = coalesce(excluded.last_seen_at, s.last_seen_at)
where s.generation is null or s.generation <= excluded.generation;

-- name: adopt_generation
update gateway set generation = %(generation)s where code = %(gateway)s and generation < %(generation)s;

-- name: note_state
insert into gateway_status as s (gateway, state, state_at, last_seen_at)
values (%(gateway)s, %(state)s, now(), case when %(retained)s or %(state)s = 'offline' then null else now() end)
on conflict (gateway) do update set state = excluded.state, last_seen_at = coalesce(excluded.last_seen_at, s.last_seen_at),
    state_at = case when s.state = excluded.state then s.state_at else excluded.state_at end;

-- name: note_reported
insert into gateway_status as s (gateway, reported, last_seen_at)
values (%(gateway)s, %(body)s::jsonb, case when %(retained)s then null else now() end)
on conflict (gateway) do update set reported = excluded.reported, last_seen_at = coalesce(excluded.last_seen_at, s.last_seen_at);

-- name: note_health
insert into gateway_status as s (gateway, health, health_at, last_seen_at) values (%(gateway)s, %(body)s::jsonb, now(), now())
on conflict (gateway) do update set health = excluded.health, health_at = excluded.health_at, last_seen_at = excluded.last_seen_at;

-- name: gateways
select g.code, g.place, g.name_zh, g.name_en, coalesce(s.state, 'offline') as state, g.generation,
    (extract(epoch from greatest(s.last_seen_at, c.updated_at)) * 1000)::bigint as last_seen_at_ms,
    (extract(epoch from s.state_at) * 1000)::bigint as state_at_ms, s.agent_version,
    (select count(*)::integer from line as l where l.gateway = g.code and l.removed_at is null) as lines,
    (select count(*)::integer from device as d where d.gateway = g.code and d.removed_at is null) as devices,
    doc.version as wanted_version, (s.reported #>> '{documents,lines,version}')::integer as reported_version,
    s.reported #>> '{documents,lines,error}' as reported_error, s.health
from gateway as g
left join gateway_status as s on s.gateway = g.code
left join desired_document as doc on doc.gateway = g.code and doc.document = 'lines'
left join lateral (select max(updated_at) as updated_at from ack_cursor where gateway = g.code) as c on true
where g.removed_at is null and (%(code)s::text is null or g.code = %(code)s)
order by g.position;
