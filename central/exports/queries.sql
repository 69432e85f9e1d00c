-- name: lock_owner
-- One request of an owner at a time counts its open jobs.
select pg_advisory_xact_lock(hashtextextended('export ' || %(owner)s, 0));

-- name: open_exports
select count(*) from export_job where state in ('queued', 'running')
    and case when %(account_id)s::bigint is null then account_id is null and owner = %(owner)s else account_id = %(account_id)s end;

-- name: add_export
insert into export_job (owner, account_id, scope, table_name, format, query, columns, language, created_at)
values (%(owner)s, %(account_id)s, %(scope)s::text[], %(table)s, %(format)s, %(query)s, %(columns)s, %(language)s, to_timestamp(%(now)s))
returning id;

-- name: exports
select id, table_name as table, format, query, columns, language, state, rows_done, rows_total, error, file_name, bytes, sha256, removed, created_at,
    finished_at, expires_at
from export_job
where case when %(account_id)s::bigint is null then account_id is null and owner = %(owner)s else account_id = %(account_id)s end
    and (%(id)s::bigint is null or id = %(id)s) and removed is distinct from 'deleted'
order by id desc limit %(limit)s;

-- name: export_scope
select scope from export_job where id = %(id)s;

-- name: cancel_export
update export_job set state = 'cancelled', finished_at = to_timestamp(%(now)s) where id = %(id)s and state in ('queued', 'running');

-- name: retry_export
update export_job set state = 'queued', error = null, rows_done = 0, rows_total = null, claims = 0, claimed_until = null, finished_at = null
where id = %(id)s and state in ('failed', 'cancelled');

-- name: remove_export
delete from export_job where id = %(id)s and state not in ('done');

-- name: remove_file
update export_job set removed = %(why)s where id = %(id)s and state = 'done' and removed is null;

-- name: claim_export
-- A job nobody works on, or whose worker has not been heard for its lease.
update export_job set state = 'running', claims = claims + 1, claimed_until = to_timestamp(%(now)s + %(lease_s)s), rows_done = 0
where id = (
    select id from export_job where state = 'queued' or (state = 'running' and claimed_until < to_timestamp(%(now)s))
    order by id limit 1 for update skip locked)
returning id, owner, account_id, table_name as table, format, query, columns, language, claims, created_at;

-- name: still_picture
-- All slices of a file come from one moment.
set transaction isolation level repeatable read, read only;

-- name: export_progress
update export_job set rows_done = %(rows_done)s, rows_total = %(rows_total)s, scope = %(scope)s::text[],
    claimed_until = to_timestamp(%(now)s + %(lease_s)s)
where id = %(id)s and state = 'running' and claims = %(claims)s;

-- name: finish_export
update export_job set state = 'done', file_name = %(file_name)s, bytes = %(bytes)s, sha256 = %(sha256)s, rows_done = %(rows)s, rows_total = %(rows)s,
    finished_at = to_timestamp(%(now)s), expires_at = to_timestamp(%(now)s + %(keep_s)s)
where id = %(id)s and state = 'running' and claims = %(claims)s;

-- name: fail_export
update export_job set state = 'failed', error = %(error)s, finished_at = to_timestamp(%(now)s)
where id = %(id)s and state = 'running' and claims = %(claims)s;

-- name: expired_exports
update export_job set removed = 'expired' where state = 'done' and removed is null and expires_at < to_timestamp(%(now)s) returning id, file_name;

-- name: crowded_exports
-- Files of one owner, newest first, as far as they fit; the rest goes.
update export_job set removed = 'room' where id in (
    select id from (select id, sum(bytes) over (partition by coalesce(account_id::text, owner) order by id desc) as taken
        from export_job where state = 'done' and removed is null) as f
    where taken > %(keep_bytes)s)
returning id, file_name;

-- name: forget_exports
delete from export_job where state in ('failed', 'cancelled', 'done') and (state <> 'done' or removed is not null)
    and finished_at < to_timestamp(%(now)s - %(keep_s)s);

-- name: kept_exports
select id from export_job where state = 'running' or (state = 'done' and removed is null);

-- name: node_name
select name_zh, name_en from place where code = %(node)s;
