-- name: try_lead
select pg_try_advisory_lock(%(lock)s);

-- name: next_epoch
select nextval('leader_epoch');

-- name: heartbeat
select 1;

-- name: purge_ledger
delete from batch as b using ack_cursor as c
where b.received_at < now() - %(days)s * interval '1 day'
    and (c.gateway, c.generation, c.epoch) = (b.gateway, b.generation, b.epoch) and c.received @> b.seq;

-- name: purge_quarantine
delete from quarantine where last_at < now() - %(days)s * interval '1 day';

-- name: newest_plan
select max(version) from site_plan;
