-- name: add_kiosk
insert into kiosk_token (name, token_digest, place, created_by, created_at, expires_at)
select %(name)s, %(digest)s, %(place)s, %(actor)s, to_timestamp(%(now)s), to_timestamp(%(now)s) + %(days)s * interval '1 day'
on conflict (name) where revoked_at is null do nothing
returning kiosk_token_id;

-- name: free_name
-- A screen whose time is over keeps its row but not its name.
update kiosk_token set revoked_at = expires_at where name = %(name)s and revoked_at is null and expires_at <= to_timestamp(%(now)s);

-- name: live_kiosk
select kiosk_token_id as id, k.name, k.place, p.name_zh as place_zh, p.name_en as place_en, created_by, created_at, expires_at, last_seen_at
from kiosk_token as k left join place as p on p.code = k.place
where revoked_at is null and expires_at > to_timestamp(%(now)s)
    and (%(digest)s::bytea is null or token_digest = %(digest)s)
order by k.name;

-- name: touch_kiosk
update kiosk_token set last_seen_at = to_timestamp(%(now)s)
where kiosk_token_id = %(id)s and (last_seen_at is null or last_seen_at < to_timestamp(%(now)s) - interval '1 minute');

-- name: revoke_kiosk
update kiosk_token set revoked_at = to_timestamp(%(now)s) where kiosk_token_id = %(id)s and revoked_at is null returning name;

-- name: showable
-- Places a screen may be made for: those people know by name.
select p.code, p.name_zh, p.name_en, (select count(*)::integer from place_within as u where u.place = p.code) as depth
from place as p where p.removed_at is null and p.kind in ('campus', 'zone', 'building') order by p.position limit 2000;
