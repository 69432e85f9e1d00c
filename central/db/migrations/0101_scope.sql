-- What an account or token may see: the whole site (null) or some places with everything below them.

create table place_within (
    place text not null references place,
    above text not null references place,
    primary key (place, above)
);
create index place_within_above on place_within (above);
comment on table place_within is 'derived from place.parent by triggers: each place with itself and every place above it, so that "below here" is one join';

create function place_within_follows() returns trigger language plpgsql as $$
begin
    if tg_op = 'UPDATE' then
        if new.parent is not distinct from old.parent then
            return null;
        end if;
        -- the places below keep what is between them and here, and get new places above
        delete from place_within where place in (select place from place_within where above = new.code)
            and above in (select above from place_within where place = new.code and above <> new.code);
    else
        insert into place_within (place, above) values (new.code, new.code) on conflict do nothing;
    end if;
    insert into place_within (place, above)
        select b.place, u.above from place_within as b cross join place_within as u
        where b.above = new.code and u.place = new.parent
        on conflict do nothing;
    return null;
end $$;
create trigger place_within_follows after insert or update of parent on place for each row execute function place_within_follows();

insert into place_within (place, above)
with recursive up (place, above) as (
    select code, code from place
    union all
    select up.place, p.parent from up join place as p on p.code = up.above where p.parent is not null
)
select place, above from up;

-- Called for each row, some 20 us; statements over many rows say
-- place in (select place from place_within where above = any(scope)).
create function in_scope(of_place text, scope text[]) returns boolean language sql stable as $$
    select scope is null or exists (select from place_within as w where w.place = of_place and w.above = any(scope))
$$;
comment on function in_scope is 'whether a place lies in a scope: null is the whole site, else places with everything below them';

alter table account add column places text[] check (cardinality(places) between 1 and 200);
alter table api_token add column places text[] check (cardinality(places) between 1 and 200);
alter table one_time_link add column places text[] check (cardinality(places) between 1 and 200);
comment on column account.places is 'null: the whole site; else these places and everything below them';
