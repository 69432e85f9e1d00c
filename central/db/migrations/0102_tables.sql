-- Tables of the console: what an account remembers of them, files made from them, and actions on many rows.

create table table_preference (
    account_id bigint not null references account on delete cascade,
    table_name text not null check (length(table_name) <= 64),
    columns text[] not null check (cardinality(columns) between 1 and 200),
    primary key (account_id, table_name)
);
comment on table table_preference is 'columns an account chose to see; no row: the usual ones';

create table table_view (
    id bigint generated always as identity primary key,
    account_id bigint not null references account on delete cascade,
    table_name text not null check (length(table_name) <= 64),
    name text not null check (length(name) between 1 and 80),
    query text not null check (length(query) <= 4000),
    unique (account_id, table_name, name)
);
comment on table table_view is 'saved filters: filters, sort and columns as an address says them, under a name; at most 50 of an account and table';

create table export_job (
    id bigint generated always as identity primary key,
    owner text not null,
    account_id bigint references account,
    scope text[],
    table_name text not null,
    format text not null check (format in ('xlsx', 'csv', 'pdf')),
    query text not null check (length(query) <= 8000),
    columns text[] not null,
    language text not null,
    state text not null default 'queued' check (state in ('queued', 'running', 'done', 'failed', 'cancelled')),
    rows_done integer not null default 0,
    rows_total integer,
    error text,
    claims integer not null default 0,
    claimed_until timestamptz,
    file_name text,
    bytes bigint,
    sha256 text,
    removed text check (removed in ('expired', 'room', 'deleted')),
    created_at timestamptz not null,
    finished_at timestamptz,
    expires_at timestamptz,
    check ((state = 'done') = (file_name is not null and bytes is not null and sha256 is not null and expires_at is not null))
);
create index export_job_owner on export_job (owner, id desc);
create index export_job_open on export_job (id) where state in ('queued', 'running');
create index export_job_files on export_job (expires_at) where state = 'done' and removed is null;
comment on column export_job.owner is 'name of the account, or token:NAME; the account''s right and scope are looked up again when the job runs';
comment on column export_job.scope is 'what the owner might see when the file was made; null is the whole site';
comment on column export_job.claims is 'how often a worker took it: fences a worker that was thought dead, and ends a job that kills its workers';
comment on column export_job.removed is 'why the file is gone although the job is done: too old, no room, deleted by its owner';

create table batch_job (
    id bigint generated always as identity primary key,
    owner text not null,
    account_id bigint references account,
    action text not null,
    table_name text not null,
    parameters jsonb not null default '{}',
    warnings text[] not null default '{}',
    factor boolean not null default false,
    state text not null default 'draft' check (state in ('draft', 'running', 'done', 'cancelled')),
    claims integer not null default 0,
    claimed_until timestamptz,
    turn_at timestamptz,
    created_at timestamptz not null,
    started_at timestamptz,
    finished_at timestamptz
);
create index batch_job_owner on batch_job (owner, id desc);
create index batch_job_open on batch_job (turn_at nulls first, id) where state = 'running';
comment on table batch_job is 'one action on many rows of a table; a draft is the preview somebody looks at, and starting it works once';
comment on column batch_job.factor is 'who started it had shown a second factor';
comment on column batch_job.turn_at is 'when a worker last went on with it: batches take turns';

create table batch_item (
    batch_id bigint not null references batch_job on delete cascade,
    position integer not null,
    key text not null,
    name_zh text not null,
    name_en text not null,
    place_zh text not null,
    place_en text not null,
    state text not null check (state in ('excluded', 'pending', 'running', 'done', 'failed', 'skipped')),
    message text not null default '',
    tries integer not null default 0,
    finished_at timestamptz,
    primary key (batch_id, position),
    unique (batch_id, key)
);
create index batch_item_open on batch_item (batch_id, position) where state in ('pending', 'running');
comment on column batch_item.state is 'excluded: the preview said that this one cannot be done and why; skipped: it could not be done any more, or the rest was cancelled';
comment on column batch_item.tries is 'grows when a person tries failed ones again; with batch and position it makes a key under which the work is done once';
