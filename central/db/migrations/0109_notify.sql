-- Who is told of alarms, by which way, when not, and the proof that it was sent.

-- A way out. `sealed`: address and secrets of the way, encrypted; never shown again.
create table notify_channel (
    id bigint generated always as identity primary key,
    name text not null unique check (length(name) between 1 and 60),
    kind text not null check (kind in ('email', 'wecom', 'dingtalk', 'webhook')),
    language text not null check (language in ('zh_CN', 'en')),
    sealed bytea not null,
    hint text not null,
    enabled boolean not null default true,
    actor text not null,
    created_at timestamptz not null
);
comment on column notify_channel.hint is 'what may be shown of the address: the host, or who gets the mail';

-- Who wants to know what. channel null: into the inbox of account.
create table notify_rule (
    id bigint generated always as identity primary key,
    name text not null check (length(name) between 1 and 60),
    channel bigint references notify_channel on delete cascade,
    account bigint references account on delete cascade,
    place text references place,
    severities text[] not null check (cardinality(severities) between 1 and 3),
    alarm_rules text[] not null default '{}',
    kinds text[] not null check (cardinality(kinds) between 1 and 8),
    after_s integer not null default 0 check (after_s between 0 and 86400),
    quiet_from smallint check (quiet_from between 0 and 1439),
    quiet_to smallint check (quiet_to between 0 and 1439),
    quiet_passes text[] not null default '{urgent}',
    enabled boolean not null default true,
    actor text not null,
    created_at timestamptz not null,
    check (num_nonnulls(channel, account) = 1),
    check ((quiet_from is null) = (quiet_to is null))
);
comment on column notify_rule.place is 'null: the whole site; else this place and everything below it';
comment on column notify_rule.after_s is 'tell only what nobody has acknowledged and what still stands after so long: escalation';
comment on column notify_rule.quiet_from is 'local minute of the day from which nothing is sent but severities in quiet_passes; what is held back comes at quiet_to';

-- Changes of alarms that nobody has looked at for notification yet. Filled by the trigger in the transaction of the change, so none is passed over.
create table notify_todo (
    change bigint primary key
);
create function notify_of_change() returns trigger language plpgsql as $$
begin
    if new.kind in ('raised', 'flapping', 'surfaced', 'unsuppressed', 'unsnoozed', 'cleared', 'acknowledged', 'assigned', 'closed', 'reopened') then
        insert into notify_todo values (new.id) on conflict do nothing;
    end if;
    return null;
end $$;
create trigger notify_of_change after insert on alarm_change for each row execute function notify_of_change();

create table notification (
    id bigint generated always as identity primary key,
    change bigint not null,
    alarm bigint not null references alarm on delete cascade,
    rule bigint not null references notify_rule on delete cascade,
    kind text not null,
    state text not null check (state in ('waiting', 'sent', 'failed', 'needless')),
    made_at timestamptz not null,
    due_at timestamptz not null,
    taken_until timestamptz,
    attempts integer not null default 0,
    told text,
    sent_at timestamptz,
    proof text,
    read_at timestamptz,
    unique (change, rule)
);
create index notification_due on notification (due_at) where state = 'waiting';
create index notification_rule on notification (rule, id desc);
comment on column notification.state is 'needless: what it would have told was over or acknowledged before it was due';
comment on column notification.taken_until is 'a sender is at it until then; after that another one may try';
comment on column notification.told is 'why the last try failed; never an address or secret';
comment on column notification.proof is 'what the other side answered when it took the message: SMTP reply, status and body';
