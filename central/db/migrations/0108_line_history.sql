-- What gateways count, hour by hour: health messages hold counters since the agent's start, this holds what they rose by.

create table line_hour (
    gateway text not null,
    line text not null,
    hour timestamptz not null,
    exchanges bigint not null default 0,
    timeouts bigint not null default 0,
    checksum_errors bigint not null default 0,
    noise_bytes bigint not null default 0,
    useful_bytes bigint not null default 0,
    busy_ms bigint not null default 0,
    seconds integer not null default 0,
    primary key (gateway, line, hour)
) with (fillfactor = 70);
create index line_hour_hour on line_hour using brin (hour);
comment on table line_hour is 'no foreign key, as gateway_status; rows go after 400 days';
comment on column line_hour.seconds is 'how much of the hour the counters tell of; less than 3600: the box or its reports were away';

create table gateway_hour (
    gateway text not null,
    hour timestamptz not null,
    reports integer not null default 0,
    restarts integer not null default 0,
    backlog_max integer not null default 0,
    outbox_bytes_max bigint not null default 0,
    primary key (gateway, hour)
) with (fillfactor = 70);
create index gateway_hour_hour on gateway_hour using brin (hour);
comment on column gateway_hour.restarts is 'starts of the agent that its own uptime tells of';
