-- name: rules
select r.id, r.channel, r.account, r.place, r.severities, r.alarm_rules, r.kinds, r.after_s, r.quiet_from, r.quiet_to, r.quiet_passes
from notify_rule as r left join notify_channel as c on c.id = r.channel left join account as a on a.account_id = r.account
where r.enabled and coalesce(c.enabled, true) and a.disabled_at is null order by r.id;

-- name: take_changes
delete from notify_todo where change in (select change from notify_todo order by change limit %(limit)s for update skip locked) returning change;

-- name: changes
select c.id, c.alarm, a.rule, a.severity, c.kind, array(select w.above from place_within as w where w.place = a.place) as places,
    (extract(epoch from c.at) * 1000)::bigint as at_ms, a.parent is not null as child, a.suppressed_by is not null as suppressed,
    coalesce(a.snoozed_until > c.at, false) as snoozed
from alarm_change as c join alarm as a on a.id = c.alarm where c.id = any(%(ids)s) order by c.id;

-- name: add_planned
insert into notification (change, alarm, rule, kind, state, made_at, due_at)
select change, alarm, p.rule, kind, 'waiting', to_timestamp(%(now_ms)s / 1000.0),
    to_timestamp(due_ms / 1000.0)
from unnest(%(changes)s::bigint[], %(alarms)s::bigint[], %(rules)s::bigint[], %(kinds)s::text[], %(due_ms)s::bigint[])
    as p (change, alarm, rule, kind, due_ms) join notify_rule as r on r.id = p.rule
on conflict (change, rule) do nothing;

-- name: drop_needless
update notification as n set state = 'needless',
    told = case when n.kind = any(%(begins)s::text[]) then 'over or acknowledged before it was due' else 'its beginning was not told' end
from alarm as a
where a.id = n.alarm and n.state = 'waiting' and n.due_at <= to_timestamp(%(now_ms)s / 1000.0) and case when n.kind = any(%(begins)s::text[])
    then (a.cleared_at is not null or a.closed_at is not null or a.acknowledged_at is not null and a.acknowledged_at >= n.made_at
        or a.snoozed_until > to_timestamp(%(now_ms)s / 1000.0)) and n.due_at > n.made_at + interval '5 seconds'
    else not exists (select from notification as b where b.alarm = n.alarm and b.rule = n.rule and b.kind = any(%(begins)s::text[]) 
        and (b.state = 'sent' or b.state = 'waiting' and b.due_at <= b.made_at + interval '5 seconds')) end;

-- name: fill_inboxes
update notification as n set state = 'sent', sent_at = to_timestamp(%(now_ms)s / 1000.0), proof = 'inbox', attempts = 1
from notify_rule as r where r.id = n.rule and r.account is not null and n.state = 'waiting' and n.due_at <= to_timestamp(%(now_ms)s / 1000.0);

-- name: channel_due
select c.id from notify_channel as c where c.enabled and exists (
    select from notification as n join notify_rule as r on r.id = n.rule
    where r.channel = c.id and n.state = 'waiting' and n.due_at <= to_timestamp(%(now_ms)s / 1000.0)
        and (n.taken_until is null or n.taken_until < to_timestamp(%(now_ms)s / 1000.0))) order by c.id;

-- name: take_due
update notification set taken_until = to_timestamp(%(now_ms)s / 1000.0) + interval '2 minutes', attempts = attempts + 1
where id in (
    select n.id from notification as n join notify_rule as r on r.id = n.rule join alarm as a on a.id = n.alarm
    where r.channel = %(channel)s and n.state = 'waiting' and n.due_at <= to_timestamp(%(now_ms)s / 1000.0)
        and (n.taken_until is null or n.taken_until < to_timestamp(%(now_ms)s / 1000.0))
    order by array_position(array['urgent', 'important', 'general'], a.severity), n.id limit %(limit)s for update of n skip locked)
returning id;

-- name: items
select n.id as notification, n.kind, a.severity, a.name_zh, a.name_en, coalesce(p.name_zh, '') as place_zh, coalesce(p.name_en, '') as place_en, a.value,
    (extract(epoch from a.raised_at) * 1000)::bigint as raised_ms, (extract(epoch from c.at) * 1000)::bigint as at_ms, a.id as alarm, a.rule, a.subject,
    n.attempts, (extract(epoch from n.made_at) * 1000)::bigint as made_ms
from notification as n join alarm as a on a.id = n.alarm join alarm_change as c on c.id = n.change left join place as p on p.code = a.place
where n.id = any(%(ids)s) order by array_position(array['urgent', 'important', 'general'], a.severity), n.id;

-- name: channel
select id, name, kind, language, sealed, hint, enabled from notify_channel where id = %(id)s;

-- name: note_sent
update notification set state = 'sent', sent_at = to_timestamp(%(now_ms)s / 1000.0), proof = %(proof)s, taken_until = null, told = null
where id = any(%(ids)s);

-- name: note_failed
update notification set told = %(told)s, state = case when %(last)s then 'failed' else 'waiting' end,
    taken_until = case when %(last)s then null else to_timestamp(%(again_ms)s / 1000.0) end
where id = any(%(ids)s);

-- name: channels
select c.id, c.name, c.kind, c.language, c.hint, c.enabled,
    (select (extract(epoch from max(n.sent_at)) * 1000)::bigint from notification as n join notify_rule as r on r.id = n.rule where r.channel = c.id) as sent_ms,
    (select count(*)::integer from notification as n join notify_rule as r on r.id = n.rule where r.channel = c.id and n.state = 'waiting') as waiting,
    (select count(*)::integer from notification as n join notify_rule as r on r.id = n.rule
     where r.channel = c.id and n.state = 'failed' and n.made_at > now() - interval '7 days') as failed
from notify_channel as c order by c.name;

-- name: add_channel
insert into notify_channel (name, kind, language, sealed, hint, actor, created_at)
values (%(name)s, %(kind)s, %(language)s, %(sealed)s, %(hint)s, %(actor)s, to_timestamp(%(now)s)) on conflict (name) do nothing returning id;

-- name: enable_channel
update notify_channel set enabled = %(enabled)s where id = %(id)s returning name;

-- name: remove_channel
delete from notify_channel where id = %(id)s returning name;

-- name: shown_rules
select r.id, r.name, r.channel, c.name as channel_name, r.account, a.name as account_name, r.place, p.name_zh as place_zh, p.name_en as place_en, r.severities,
    r.alarm_rules, r.kinds, r.after_s, r.quiet_from, r.quiet_to, r.quiet_passes, r.enabled
from notify_rule as r left join notify_channel as c on c.id = r.channel left join account as a on a.account_id = r.account left join place as p on p.code = r.place
where %(account)s::bigint is null or r.account = %(account)s
order by r.name, r.id;

-- name: add_rule
insert into notify_rule (name, channel, account, place, severities, alarm_rules, kinds, after_s, quiet_from, quiet_to, quiet_passes, actor, created_at)
values (%(name)s, %(channel)s, %(account)s, %(place)s, %(severities)s, %(alarm_rules)s, %(kinds)s, %(after_s)s, %(quiet_from)s, %(quiet_to)s,
    %(quiet_passes)s, %(actor)s, to_timestamp(%(now)s)) returning id;

-- name: count_rules
select count(*) from notify_rule where account is not distinct from %(account)s::bigint;

-- name: remove_rule
delete from notify_rule where id = %(id)s and (%(account)s::bigint is null or account = %(account)s) returning name;

-- name: log
select n.id, n.kind, n.state, a.id as alarm, a.rule as alarm_rule, a.severity, a.name_zh, a.name_en, r.name as rule_name, coalesce(c.name, 'inbox') as channel_name,
    (extract(epoch from n.made_at) * 1000)::bigint as made_ms, (extract(epoch from n.due_at) * 1000)::bigint as due_ms,
    (extract(epoch from n.sent_at) * 1000)::bigint as sent_ms, n.attempts, n.told, n.proof, count(*) over ()::integer as total
from notification as n join alarm as a on a.id = n.alarm join notify_rule as r on r.id = n.rule left join notify_channel as c on c.id = r.channel
where (%(state)s::text is null or n.state = %(state)s) and (%(channel)s::bigint is null or r.channel = %(channel)s) and (r.account is null)
order by n.id desc offset %(offset)s limit %(limit)s;

-- name: inbox
select n.id, n.kind, a.id as alarm, a.rule as alarm_rule, a.severity, a.name_zh, a.name_en, (extract(epoch from n.sent_at) * 1000)::bigint as sent_ms,
    (extract(epoch from n.read_at) * 1000)::bigint as read_ms
from notification as n join notify_rule as r on r.id = n.rule join alarm as a on a.id = n.alarm
where r.account = %(account)s and n.state = 'sent' and in_scope(a.place, %(scope)s::text[]) order by n.id desc limit %(limit)s;

-- name: unread
select count(*) from notification as n join notify_rule as r on r.id = n.rule where r.account = %(account)s and n.state = 'sent' and n.read_at is null;

-- name: mark_read
update notification as n set read_at = to_timestamp(%(now)s) from notify_rule as r
where r.id = n.rule and r.account = %(account)s and n.read_at is null and (%(ids)s::bigint[] is null or n.id = any(%(ids)s));

-- name: send_again
update notification set state = 'waiting', due_at = to_timestamp(%(now)s), made_at = to_timestamp(%(now)s), attempts = 0, taken_until = null
where id = %(id)s and state = 'failed' returning id;
