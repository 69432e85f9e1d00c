-- name: account_by_name
select account_id, name, role, password_hash, disabled_at is not null from account where name = %(name)s;

-- name: accounts
select account_id, name, role, disabled_at is not null, created_at,
       (select max(last_seen_at) from web_session as s where s.account_id = account.account_id)
from account order by name;

-- name: account_by_id
select account_id, name, role, disabled_at is not null, created_at, null::timestamptz from account where account_id = %(account_id)s for update;

-- name: any_account
select exists (select from account);

-- name: lock_accounts
lock table account in share row exclusive mode;

-- name: live_admins
select count(*) from account where role = 'admin' and disabled_at is null;

-- name: add_account
insert into account (name, role, password_hash, created_at) values (%(name)s, %(role)s, %(password_hash)s, to_timestamp(%(now)s))
on conflict (name) do nothing returning account_id;

-- name: set_password
update account set password_hash = %(password_hash)s where account_id = %(account_id)s;

-- name: set_role
update account set role = %(role)s where account_id = %(account_id)s;

-- name: set_disabled
update account set disabled_at = case when %(disabled)s then to_timestamp(%(now)s) end where account_id = %(account_id)s;

-- name: retire_links
update one_time_link set used_at = to_timestamp(%(now)s)
where used_at is null and created_by = %(created_by)s and role = %(role)s and account_id is not distinct from %(account_id)s;

-- name: add_link
insert into one_time_link (token_digest, role, account_id, created_by, created_at, expires_at)
values (%(token_digest)s, %(role)s, %(account_id)s, %(created_by)s, to_timestamp(%(now)s), to_timestamp(%(now)s + %(lifetime_s)s));

-- name: open_link
select l.role, l.account_id, a.name from one_time_link as l left join account as a using (account_id)
where l.token_digest = %(token_digest)s and l.used_at is null and l.expires_at > to_timestamp(%(now)s);

-- name: use_link
update one_time_link set used_at = to_timestamp(%(now)s)
where token_digest = %(token_digest)s and used_at is null and expires_at > to_timestamp(%(now)s)
returning role, account_id;

-- name: add_session
insert into web_session (token_digest, account_id, created_at, last_seen_at, ends_at)
values (%(token_digest)s, %(account_id)s, to_timestamp(%(now)s), to_timestamp(%(now)s), to_timestamp(%(now)s + %(absolute_s)s));

-- name: live_session
select a.account_id, a.name, a.role, a.places, s.last_seen_at < to_timestamp(%(now)s - %(touch_s)s)
from web_session as s join account as a using (account_id)
where s.token_digest = %(token_digest)s and s.ends_at > to_timestamp(%(now)s)
  and s.last_seen_at > to_timestamp(%(now)s - %(idle_s)s) and a.disabled_at is null;

-- name: touch_session
update web_session set last_seen_at = greatest(last_seen_at, to_timestamp(%(now)s)) where token_digest = %(token_digest)s;

-- name: end_session
delete from web_session where token_digest = %(token_digest)s;

-- name: end_account_sessions
delete from web_session where account_id = %(account_id)s;

-- name: end_surplus_sessions
delete from web_session where account_id = %(account_id)s and (
    ends_at <= to_timestamp(%(now)s) or last_seen_at <= to_timestamp(%(now)s - %(idle_s)s)
    or token_digest in (select token_digest from web_session where account_id = %(account_id)s order by created_at desc, token_digest offset %(keep)s));

-- name: add_token
insert into api_token (name, token_digest, permissions, created_at, places)
values (%(name)s, %(token_digest)s, %(permissions)s, to_timestamp(%(now)s), %(places)s::text[]) on conflict (name) where revoked_at is null do nothing returning api_token_id;

-- name: live_token
select name, permissions, created_at, places from api_token where token_digest = %(token_digest)s and revoked_at is null;

-- name: live_tokens
select name, permissions, created_at, places from api_token where revoked_at is null order by name;

-- name: revoke_token
update api_token set revoked_at = to_timestamp(%(now)s) where name = %(name)s and revoked_at is null returning api_token_id;

-- name: login_wait
select coalesce(max(extract(epoch from open_at) - %(now)s), 0)::float8 from login_failure
where key_digest = any(%(key_digests)s) and open_at > to_timestamp(%(now)s);

-- name: count_login
insert into login_failure as f (key_digest, failures, last_at, open_at)
values (%(key_digest)s, 1, to_timestamp(%(now)s), to_timestamp(%(now)s))
on conflict (key_digest) do update set
    failures = case when f.last_at < to_timestamp(%(now)s - %(window_s)s) then 1 else f.failures + 1 end,
    last_at = to_timestamp(%(now)s)
returning failures;

-- name: hold_login
update login_failure set open_at = to_timestamp(%(now)s + %(wait_s)s) where key_digest = %(key_digest)s;

-- name: clear_login
delete from login_failure where key_digest = any(%(key_digests)s);

-- name: uncount_login
update login_failure set failures = greatest(failures - 1, 0), open_at = to_timestamp(%(now)s) where key_digest = %(key_digest)s;

-- name: forget_logins
delete from login_failure where key_digest in (
    select key_digest from login_failure where last_at < to_timestamp(%(now)s - %(window_s)s) and open_at < to_timestamp(%(now)s)
    order by last_at limit 100 for update skip locked);

-- name: add_audit
insert into audit (actor, action, target, details) values (%(actor)s, %(action)s, %(target)s, %(details)s::jsonb);

-- name: audit_page
select audit_id, at, actor, action, target, details from audit
where (%(before)s::bigint is null or audit_id < %(before)s)
  and (%(q)s::text is null or actor ilike %(q)s or action ilike %(q)s or target ilike %(q)s)
order by audit_id desc limit %(limit)s;

-- name: place_in_scope
select in_scope(%(code)s, %(scope)s::text[]);

-- name: device_in_scope
select in_scope(place, %(scope)s::text[]) from device where code = %(code)s;

-- name: point_in_scope
select bool_or(in_scope(place, %(scope)s::text[])) from point_position where point = %(code)s and valid_to = 'infinity';

-- name: gateway_in_scope
select in_scope(place, %(scope)s::text[]) from gateway where code = %(code)s;

-- name: finding_in_scope
select in_scope(coalesce(f.place, d.place, h.place), %(scope)s::text[])
from finding as f left join device as d on d.code = f.device left join point_position as h on h.point = f.point and h.valid_to = 'infinity'
where f.id::text = %(code)s;

-- name: mark_in_scope
select in_scope(h.place, %(scope)s::text[]) from consumption_mark as m
join point_position as h on h.point = m.point and h.valid_to = 'infinity' where m.id::text = %(code)s;

-- name: replacement_in_scope
select in_scope(h.place, %(scope)s::text[]) from replacement as r
join point_position as h on h.point = r.point and h.valid_to = 'infinity' where r.id::text = %(code)s;

-- name: iot_command_in_scope
select in_scope(d.place, %(scope)s::text[]) from iot_command as c join device as d on d.code = c.device where c.id::text = %(code)s;
