-- name: account_by_name
select account_id, name, role, password_hash, disabled_at is not null from account where name = %(name)s;

-- name: accounts
select account_id, name, role, places, disabled_at is not null, created_at,
       (select max(last_seen_at) from web_session as s where s.account_id = account.account_id),
       exists (select from account_factor as f where f.account_id = account.account_id), password_hash is not null, erased_at is not null
from account order by erased_at is not null, name;

-- name: account_by_id
select account_id, name, role, places, disabled_at is not null, created_at,
       (select max(last_seen_at) from web_session as s where s.account_id = account.account_id),
       exists (select from account_factor as f where f.account_id = account.account_id), password_hash is not null, erased_at is not null
from account where account_id = %(account_id)s for update;

-- name: password_of
select password_hash from account where account_id = %(account_id)s;

-- name: known_places
select code from place where code = any(%(codes)s) and removed_at is null;

-- name: places_named
select p.code, p.name_zh, p.name_en, coalesce(u.name_zh, '') as above_zh, coalesce(u.name_en, '') as above_en
from place as p left join place as u on u.code = p.parent where p.code = any(%(codes)s);

-- name: search_places
select p.code, p.name_zh, p.name_en, coalesce(u.name_zh, '') as above_zh, coalesce(u.name_en, '') as above_en
from place as p left join place as u on u.code = p.parent
where p.removed_at is null and (p.code ilike %(q)s or p.name_zh ilike %(q)s or p.name_en ilike %(q)s)
order by array_position(array['campus', 'zone', 'building', 'floor', 'room'], p.kind), p.name_zh, p.code limit %(limit)s;

-- name: any_account
select exists (select from account);

-- name: lock_accounts
lock table account in share row exclusive mode;

-- name: live_admins
select count(*) from account where role = 'admin' and disabled_at is null;

-- name: add_account
insert into account (name, role, password_hash, places, created_at)
values (%(name)s, %(role)s, %(password_hash)s, %(places)s::text[], to_timestamp(%(now)s))
on conflict (name) do nothing returning account_id;

-- name: set_password
update account set password_hash = %(password_hash)s where account_id = %(account_id)s;

-- name: set_access
update account set role = %(role)s, places = %(places)s::text[] where account_id = %(account_id)s;

-- name: set_name
update account set name = %(name)s where account_id = %(account_id)s;

-- name: erase_account
update account set name = %(name)s, password_hash = null, places = null, role = 'viewer', erased_at = to_timestamp(%(now)s),
    disabled_at = coalesce(disabled_at, to_timestamp(%(now)s))
where account_id = %(account_id)s;

-- name: erase_links
delete from one_time_link where account_id = %(account_id)s;

-- name: erase_externals
delete from account_external where account_id = %(account_id)s;

-- name: externals_of
select provider, subject, name, first_seen_at, last_seen_at from account_external where account_id = %(account_id)s order by provider, subject;

-- name: audit_about
select audit_id, at, actor, action, target, details from audit where actor = %(name)s or target = %(name)s order by audit_id desc limit %(limit)s;

-- name: set_disabled
update account set disabled_at = case when %(disabled)s then to_timestamp(%(now)s) end where account_id = %(account_id)s;

-- name: retire_links
update one_time_link set used_at = to_timestamp(%(now)s)
where used_at is null and created_by = %(created_by)s and role = %(role)s and account_id is not distinct from %(account_id)s;

-- name: add_link
insert into one_time_link (token_digest, role, places, account_id, created_by, created_at, expires_at)
values (%(token_digest)s, %(role)s, %(places)s::text[], %(account_id)s, %(created_by)s, to_timestamp(%(now)s), to_timestamp(%(now)s + %(lifetime_s)s));

-- name: open_link
select l.role, l.account_id, a.name, l.places from one_time_link as l left join account as a using (account_id)
where l.token_digest = %(token_digest)s and l.used_at is null and l.expires_at > to_timestamp(%(now)s);

-- name: use_link
update one_time_link set used_at = to_timestamp(%(now)s)
where token_digest = %(token_digest)s and used_at is null and expires_at > to_timestamp(%(now)s)
returning role, account_id, places;

-- name: add_session
insert into web_session (token_digest, account_id, created_at, last_seen_at, ends_at, factor_at, method, address, device)
values (%(token_digest)s, %(account_id)s, to_timestamp(%(now)s), to_timestamp(%(now)s), to_timestamp(%(now)s + %(absolute_s)s),
    case when %(factor)s then to_timestamp(%(now)s) end, %(method)s, %(address)s, %(device)s);

-- name: sessions_of
select session_id, created_at, last_seen_at, factor_at is not null as factor, method, address, device from web_session
where account_id = %(account_id)s and ends_at > to_timestamp(%(now)s) and last_seen_at > to_timestamp(%(now)s - %(idle_s)s)
order by last_seen_at desc, session_id desc;

-- name: end_session_of
delete from web_session where account_id = %(account_id)s and session_id = %(session_id)s;

-- name: end_sessions_but
delete from web_session where account_id = %(account_id)s and session_id is distinct from %(session_id)s::bigint;

-- name: forget_steps
delete from login_step where ends_at <= to_timestamp(%(now)s);

-- name: add_step
insert into login_step (token_digest, account_id, method, created_at, ends_at)
values (%(token_digest)s, %(account_id)s, %(method)s, to_timestamp(%(now)s), to_timestamp(%(now)s + %(lasts_s)s));

-- name: open_step
select a.account_id, a.name, s.method from login_step as s join account as a using (account_id)
where s.token_digest = %(token_digest)s and s.ends_at > to_timestamp(%(now)s) and a.disabled_at is null;

-- name: drop_steps
delete from login_step where account_id = %(account_id)s;

-- name: end_step
delete from login_step where token_digest = %(token_digest)s;

-- name: factor
select enrolled_at, (select count(*) from recovery_code as r where r.account_id = f.account_id and r.used_at is null)
from account_factor as f where f.account_id = %(account_id)s;

-- name: factor_secret
select secret, last_counter from account_factor where account_id = %(account_id)s;

-- name: add_factor
insert into account_factor (account_id, secret, last_counter, enrolled_at)
values (%(account_id)s, %(secret)s, %(counter)s, to_timestamp(%(now)s)) on conflict (account_id) do nothing;

-- name: use_counter
update account_factor set last_counter = %(counter)s where account_id = %(account_id)s and last_counter < %(counter)s;

-- name: drop_factor
delete from account_factor where account_id = %(account_id)s;

-- name: drop_codes
delete from recovery_code where account_id = %(account_id)s;

-- name: add_codes
insert into recovery_code (account_id, code_digest) select %(account_id)s, unnest(%(digests)s::bytea[]);

-- name: use_recovery_code
update recovery_code set used_at = to_timestamp(%(now)s)
where account_id = %(account_id)s and code_digest = %(code_digest)s and used_at is null;

-- name: external_account
select e.account_id, a.disabled_at is not null from account_external as e left join account as a using (account_id)
where e.provider = %(provider)s and e.subject = %(subject)s;

-- name: note_external
update account_external set last_seen_at = to_timestamp(%(now)s), name = %(name)s where provider = %(provider)s and subject = %(subject)s;

-- name: add_waiting
insert into account_external (provider, subject, name, first_seen_at, last_seen_at)
select %(provider)s, %(subject)s, %(name)s, to_timestamp(%(now)s), to_timestamp(%(now)s)
where (select count(*) from account_external where account_id is null) < %(most)s
on conflict (provider, subject) do nothing;

-- name: bind_external
insert into account_external as e (provider, subject, account_id, name, first_seen_at, last_seen_at)
values (%(provider)s, %(subject)s, %(account_id)s, %(name)s, to_timestamp(%(now)s), to_timestamp(%(now)s))
on conflict (provider, subject) do update set account_id = excluded.account_id where e.account_id is null;

-- name: waiting
select provider, subject, name, first_seen_at, last_seen_at from account_external where account_id is null order by last_seen_at desc, subject;

-- name: waiting_name
select name from account_external where account_id is null and provider = %(provider)s and subject = %(subject)s for update;

-- name: drop_external
delete from account_external where provider = %(provider)s and subject = %(subject)s and account_id is null;

-- name: forget_journeys
delete from external_login where ends_at <= to_timestamp(%(now)s);

-- name: count_journeys
select count(*) from external_login;

-- name: add_journey
insert into external_login (state_digest, provider, visit_digest, nonce, verifier, next, ends_at)
values (%(state_digest)s, %(provider)s, %(visit_digest)s, %(nonce)s, %(verifier)s, %(next)s, to_timestamp(%(now)s + %(lasts_s)s));

-- name: end_journey
delete from external_login
where state_digest = %(state_digest)s and visit_digest = %(visit_digest)s and provider = %(provider)s and ends_at > to_timestamp(%(now)s)
returning nonce, verifier, next;

-- name: live_session
select a.account_id, a.name, a.role, a.places, s.session_id, s.factor_at is not null, s.method, s.last_seen_at < to_timestamp(%(now)s - %(touch_s)s)
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

-- name: free_token_name
update api_token set revoked_at = expires_at where name = %(name)s and revoked_at is null and expires_at <= to_timestamp(%(now)s);

-- name: add_token
insert into api_token (name, token_digest, permissions, created_at, places, created_by, expires_at)
values (%(name)s, %(token_digest)s, %(permissions)s, to_timestamp(%(now)s), %(places)s::text[], %(created_by)s,
    to_timestamp(%(now)s + %(days)s::int * 86400.0))
on conflict (name) where revoked_at is null do nothing returning api_token_id;

-- name: live_token
select name, permissions, created_at, places, expires_at, last_used_at, created_by from api_token
where token_digest = %(token_digest)s and revoked_at is null and (expires_at is null or expires_at > to_timestamp(%(now)s));

-- name: touch_token
update api_token set last_used_at = to_timestamp(%(now)s)
where token_digest = %(token_digest)s and (last_used_at is null or last_used_at < to_timestamp(%(now)s - %(touch_s)s));

-- name: live_tokens
select name, permissions, created_at, places, expires_at, last_used_at, created_by from api_token
where revoked_at is null and (expires_at is null or expires_at > to_timestamp(%(now)s)) order by name;

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

-- name: audit_rows
select audit_id as id, (extract(epoch from at) * 1000)::bigint as at_ms, actor, action, target, details
from audit
where (%(q)s::text is null or actor ilike %(q)s or action ilike %(q)s or target ilike %(q)s)
  and (%(actor)s::text is null or actor ilike %(actor)s) and (%(action)s::text is null or action = %(action)s)
  and (%(target)s::text is null or target ilike %(target)s)
  and (%(from)s::timestamptz is null or at >= %(from)s) and (%(to)s::timestamptz is null or at < %(to)s)
order by case when %(oldest_first)s then audit_id end, audit_id desc offset %(offset)s limit %(limit)s;

-- name: audit_count
select count(*) from audit
where (%(q)s::text is null or actor ilike %(q)s or action ilike %(q)s or target ilike %(q)s)
  and (%(actor)s::text is null or actor ilike %(actor)s) and (%(action)s::text is null or action = %(action)s)
  and (%(target)s::text is null or target ilike %(target)s)
  and (%(from)s::timestamptz is null or at >= %(from)s) and (%(to)s::timestamptz is null or at < %(to)s);

-- name: newest_seal
select last_id, digest, sealed_at from audit_seal order by last_id desc limit 1;

-- name: seal_end
select max(audit_id) from (
    select audit_id from audit where audit_id > %(after)s and at < to_timestamp(%(before)s) order by audit_id limit %(limit)s) as stretch;

-- name: stretch_digest
select count(*), sha256(%(previous)s::bytea || convert_to(coalesce(string_agg(
    jsonb_build_array(audit_id, extract(epoch from at), actor, action, target, details)::text, E'\n' order by audit_id), ''), 'UTF8'))
from audit where audit_id between %(first)s and %(last)s;

-- name: add_seal
insert into audit_seal (first_id, last_id, rows, digest, sealed_at) values (%(first)s, %(last)s, %(rows)s, %(digest)s, to_timestamp(%(now)s));

-- name: seals
select first_id, last_id, rows, digest, sealed_at from audit_seal order by last_id;

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

-- name: command_in_scope
select in_scope(coalesce(d.place, g.place), %(scope)s::text[])
from command as c join gateway as g on g.code = c.gateway left join device as d on d.code = c.device where c.id = %(code)s;

-- name: iot_command_in_scope
select in_scope(d.place, %(scope)s::text[]) from iot_command as c join device as d on d.code = c.device where c.id::text = %(code)s;

-- name: account_now
select name, role, places from account where account_id = %(account_id)s and disabled_at is null;

-- name: token_now
select permissions, places from api_token
where name = %(name)s and revoked_at is null and (expires_at is null or expires_at > to_timestamp(%(now)s));
