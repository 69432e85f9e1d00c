-- name: add_batch
insert into batch_job (owner, account_id, action, table_name, warnings, created_at)
values (%(owner)s, %(account_id)s, %(action)s, %(table)s, %(warnings)s::text[], to_timestamp(%(now)s)) returning id;

-- name: add_items
insert into batch_item (batch_id, position, key, name_zh, name_en, place_zh, place_en, state, message)
select %(batch)s, i.position, i.key, i.name_zh, i.name_en, i.place_zh, i.place_en, case when i.excluded = '' then 'pending' else 'excluded' end, i.excluded
from unnest(%(keys)s::text[], %(names_zh)s::text[], %(names_en)s::text[], %(places_zh)s::text[], %(places_en)s::text[], %(excluded)s::text[])
    with ordinality as i (key, name_zh, name_en, place_zh, place_en, excluded, position);

-- name: batches
select b.id, b.owner, b.action, b.table_name as table, b.parameters, b.warnings, b.state, b.created_at, b.started_at, b.finished_at, c.*
from batch_job as b cross join lateral (
    select (count(*) filter (where state <> 'excluded'))::integer as total, (count(*) filter (where state = 'pending'))::integer as pending,
        (count(*) filter (where state = 'running'))::integer as running, (count(*) filter (where state = 'done'))::integer as done,
        (count(*) filter (where state = 'failed'))::integer as failed, (count(*) filter (where state = 'skipped'))::integer as skipped,
        (count(*) filter (where state = 'excluded'))::integer as excluded
    from batch_item as i where i.batch_id = b.id) as c
where case when %(account_id)s::bigint is null then b.account_id is null and b.owner = %(owner)s else b.account_id = %(account_id)s end
    and (%(id)s::bigint is null or b.id = %(id)s) and (%(drafts)s or b.state <> 'draft')
order by b.id desc limit %(limit)s;

-- name: items
select position, key, name_zh, name_en, place_zh, place_en, state, message, finished_at from batch_item
where batch_id = %(batch)s and (%(state)s::text is null or state = %(state)s)
order by array_position(array['failed', 'running', 'skipped', 'excluded', 'done', 'pending'], state), position
offset %(offset)s limit %(limit)s;

-- name: places_of
select place_zh, place_en, count(*)::integer as rows from batch_item where batch_id = %(batch)s and state <> 'excluded'
group by place_zh, place_en order by rows desc, place_en limit %(limit)s;

-- name: keys_of
select key from batch_item where batch_id = %(batch)s and state = 'pending' order by position;

-- name: lock_draft
select state from batch_job where id = %(batch)s for update;

-- name: exclude_item
update batch_item set state = 'excluded', message = %(message)s where batch_id = %(batch)s and key = %(key)s and state = 'pending';

-- name: start_batch
update batch_job set state = 'running', started_at = to_timestamp(%(now)s), parameters = %(parameters)s::jsonb, factor = %(factor)s
where id = %(batch)s and state = 'draft';

-- name: drop_draft
delete from batch_job where id = %(batch)s and state = 'draft';

-- name: cancel_items
update batch_item set state = 'skipped', message = %(message)s, finished_at = to_timestamp(%(now)s) where batch_id = %(batch)s and (state = 'pending' or (state = 'running' and not exists (
    select from batch_job where id = %(batch)s and claimed_until >= to_timestamp(%(now)s))));

-- name: cancel_batch
update batch_job set state = 'cancelled', finished_at = to_timestamp(%(now)s) where id = %(batch)s and state = 'running';

-- name: retry_items
update batch_item set state = 'pending', message = '', tries = tries + 1, finished_at = null where batch_id = %(batch)s and state = 'failed';

-- name: resume_batch
update batch_job set state = 'running', finished_at = null where id = %(batch)s and state in ('running', 'done', 'cancelled');

-- name: claim_batch
-- The batch that waited longest for its turn. Rows that were in a dead worker's hands are its first.
update batch_job set claims = claims + 1, claimed_until = to_timestamp(%(now)s + %(lease_s)s), turn_at = to_timestamp(%(now)s)
where id = (
    select id from batch_job where state = 'running' and (claimed_until is null or claimed_until < to_timestamp(%(now)s))
    order by turn_at nulls first, id limit 1 for update skip locked)
returning id, owner, account_id, action, parameters, factor, claims;

-- name: due_items
select position, key, tries from batch_item where batch_id = %(batch)s and state in ('running', 'pending')
order by state = 'pending', position limit %(limit)s;

-- name: begin_item
-- Takes the row only while the batch is still this worker's and nobody cancelled it; keeps the lease.
with mine as (
    update batch_job set claimed_until = to_timestamp(%(now)s + %(lease_s)s)
    where id = %(batch)s and state = 'running' and claims = %(claims)s returning id
)
update batch_item set state = 'running' where batch_id in (select id from mine) and position = %(position)s and state in ('running', 'pending');

-- name: end_item
update batch_item set state = %(state)s, message = %(message)s, finished_at = to_timestamp(%(now)s)
where batch_id = %(batch)s and position = %(position)s and state = 'running';

-- name: lock_batch
select from batch_job where id = %(batch)s for update;

-- name: release_batch
-- After lock_batch in a statement of its own, which sees rows that were meanwhile given another try.
update batch_job set claimed_until = null,
    state = case when state = 'running' and not exists (
        select from batch_item where batch_id = %(batch)s and state in ('running', 'pending')) then 'done' else state end,
    finished_at = case when state = 'running' and not exists (
        select from batch_item where batch_id = %(batch)s and state in ('running', 'pending')) then to_timestamp(%(now)s) else finished_at end
where id = %(batch)s and claims = %(claims)s returning state;

-- name: forget_batches
delete from batch_job where (state = 'draft' and created_at < to_timestamp(%(now)s - %(drafts_s)s))
    or (state in ('done', 'cancelled') and finished_at < to_timestamp(%(now)s - %(keep_s)s));
