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

-- Parts of the academic year, by which weeks of different years are laid beside each other.
create table academic_term (
    kind text not null,
    first_day date not null,
    last_day date not null check (last_day >= first_day),
    primary key (kind, first_day)
);
