-- Commands to devices behind gateways: what was asked, how far it is, and every step on the way.

create table command (
    id text primary key check (id ~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$'),
    key text not null,
    kind text not null check (kind in ('read', 'frames', 'switch')),
    gateway text not null references gateway,
    device text references device,
    line text,
    arguments jsonb not null,
    reason text not null,
    requested_by text not null,
    requested_at timestamptz not null,
    expires_at timestamptz not null check (expires_at > requested_at),
    state text not null default 'queued'
        check (state in ('queued', 'sent', 'running', 'done', 'refused', 'failed', 'expired', 'unknown')),
    attempts integer not null default 0,
    sent_at timestamptz,
    last_sent_at timestamptz,
    settled_at timestamptz,
    code text not null default '',
    message text not null default '',
    late boolean not null default false,
    repeats integer not null default 0,
    evidence jsonb,
    unique (requested_by, key),
    check (device is not null or line is not null)
);
create index command_open on command (gateway, requested_at) where state in ('queued', 'sent', 'running');
create index command_device on command (device, requested_at desc);
create index command_line on command (gateway, line, requested_at desc) where device is null;
create index command_settled on command (settled_at) where kind <> 'switch';
-- one switch at a time moves an output; `arguments` of a switch: {"command": name, "quantity": what shows it, "value": the wanted one}
create unique index command_one_switch on command (device, (arguments ->> 'quantity')) where kind = 'switch' and state in ('queued', 'sent', 'running');
comment on column command.key is 'chosen by who asks; the same key of the same asker is the same command';
comment on column command.late is 'its result came after it had been given up as expired or unknown';
comment on column command.repeats is 'results that came again after the first';
comment on column command.evidence is 'the gateway''s final result: values, what a switch shows, raw frames';

create table command_event (
    id bigint generated always as identity primary key,
    command text not null references command on delete cascade,
    at timestamptz not null,
    what text not null,
    details jsonb not null default '{}'
);
create index command_event_command on command_event (command, id);
create trigger command_event_append_only before update or truncate on command_event execute function refuse_change();
comment on table command_event is 'append-only history; it goes with its command (reads and frames after some months, switches never)';
