-- What places were reported with when a month was closed: a later change of the tree moves no published figure.

create table closed_place (
    month date not null references closed_month,
    place text not null references place,
    medium text not null,
    value bigint not null,
    points_s bigint not null,
    known_s bigint not null,
    rates bigint[] not null,
    primary key (month, place, medium)
);
create trigger closed_place_append_only before update or delete or truncate on closed_place execute function refuse_change();
