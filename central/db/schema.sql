-- The whole schema, written by `central migrate --write-schema`; change it through a migration.

set check_function_bodies = false;  -- functions stand before their tables

CREATE EXTENSION IF NOT EXISTS btree_gist WITH SCHEMA public;

CREATE EXTENSION IF NOT EXISTS pg_trgm WITH SCHEMA public;

CREATE FUNCTION public.audit_is_append_only() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
begin
    raise exception 'audit rows are never changed or deleted' using errcode = 'insufficient_privilege';
end
$$;

CREATE FUNCTION public.counting_points(node text, of_medium text, on_day date, zone text) RETURNS TABLE(point_id integer, point text, place text, role text, installed_at timestamp with time zone, removed_at timestamp with time zone, above text)
    LANGUAGE sql STABLE
    AS $$
    with recursive below as materialized (
        select m.id, h.point, h.place, h.role, h.upstream
        from place_within as w
        join point_position as h on h.place = w.place and h.valid_from <= on_day and h.valid_to > on_day
        join metering_point as m on m.code = h.point and m.medium = of_medium
        where w.above = node and h.role not in ('check', 'virtual')
    ), stands as (
        select i.point, min(i.installed_at) as installed_at, max(coalesce(i.removed_at, 'infinity')) as removed_at
        from installation as i where i.register is not null and i.point in (select b.point from below as b) group by i.point
    ), here as materialized (
        select b.id, b.point, b.place, b.role, b.upstream, s.installed_at, s.removed_at
        from below as b join stands as s on s.point = b.point
        where (s.installed_at at time zone zone)::date <= on_day
            and (s.removed_at = 'infinity' or (s.removed_at at time zone zone)::date >= on_day)
    ), up (point, above, depth) as (
        select point, upstream, 1 from here where upstream is not null
        union all
        select up.point, h.upstream, up.depth + 1
        from up join point_position as h on h.point = up.above and h.valid_from <= on_day and h.valid_to > on_day
        left join lateral (
            select i.point, min(i.installed_at) as installed_at, max(coalesce(i.removed_at, 'infinity')) as removed_at
            from installation as i where i.register is not null and i.point = h.point group by i.point
        ) as s on true
        where h.upstream is not null and up.depth < 20 and (s.point is null or (s.installed_at at time zone zone)::date <= on_day
            and (s.removed_at = 'infinity' or (s.removed_at at time zone zone)::date >= on_day))
    ), nearest as (
        select distinct on (up.point) up.point, up.above from up join here as a on a.point = up.above where up.above <> up.point order by up.point, up.depth
    )
    select here.id, here.point, here.place, here.role, here.installed_at, here.removed_at, nearest.above
    from here left join nearest on nearest.point = here.point
$$;

COMMENT ON FUNCTION public.counting_points(node text, of_medium text, on_day date, zone text) IS 'points that count in a place on a local day; above: the nearest of them that measures this one too, null for those whose sum is the place''s';

CREATE FUNCTION public.heard_within(of_device text, of_gateway text, usual_s integer, reports integer) RETURNS interval
    LANGUAGE sql STABLE
    AS $$
    select case when of_gateway is null
        then coalesce((select (reports * m.every_h + m.window_h) * interval '1 hour' from iot_meter as m where m.device = of_device), usual_s * interval '1 second')
        else usual_s * interval '1 second' end
$$;

CREATE FUNCTION public.hold_horizon(OUT packed_before timestamp with time zone, OUT kept_from timestamp with time zone) RETURNS record
    LANGUAGE plpgsql
    AS $$
begin
    lock table reading in row exclusive mode;
    select s.packed_before, s.kept_from into packed_before, kept_from from storage_state as s;
end $$;

CREATE FUNCTION public.in_scope(of_place text, scope text[]) RETURNS boolean
    LANGUAGE sql STABLE
    AS $$
    select scope is null or exists (select from place_within as w where w.place = of_place and w.above = any(scope))
$$;

COMMENT ON FUNCTION public.in_scope(of_place text, scope text[]) IS 'whether a place lies in a scope: null is the whole site, else places with everything below them';

CREATE FUNCTION public.newest_reading(id bigint) RETURNS TABLE(measured_at timestamp with time zone, value bigint, quality smallint)
    LANGUAGE sql STABLE
    AS $$
    select n.measured_at, n.value, n.quality from (
        (select r.measured_at, r.value, r.quality from reading as r where r.series_id = id order by r.measured_at desc limit 1)
        union all
        (select b.last_at, b.last_value, b.last_quality from reading_block as b where b.series_id = id order by b.week desc limit 1)
    ) as n
    order by n.measured_at desc limit 1
$$;

COMMENT ON FUNCTION public.newest_reading(id bigint) IS 'the last reading of a series, packed or not; no row when there is none';

CREATE FUNCTION public.notify_of_change() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
begin
    if new.kind in ('raised', 'flapping', 'surfaced', 'unsuppressed', 'unsnoozed', 'cleared', 'acknowledged', 'assigned', 'closed', 'reopened') then
        insert into notify_todo values (new.id) on conflict do nothing;
    end if;
    return null;
end $$;

CREATE FUNCTION public.packable(at timestamp with time zone, value bigint) RETURNS boolean
    LANGUAGE sql STABLE PARALLEL SAFE
    AS $$
    select at = date_trunc('milliseconds', at) and value between -35184372088832 and 35184372088832
$$;

CREATE FUNCTION public.packed_between(ids bigint[], from_at timestamp with time zone, to_at timestamp with time zone) RETURNS TABLE(series_id bigint, measured_at timestamp with time zone, value bigint, quality smallint)
    LANGUAGE sql STABLE
    AS $$
    select b.series_id, d.measured_at, d.value, d.quality
    from reading_block as b
    cross join lateral (  -- limit: one look by key for each block, whatever the planner thinks of hashing the whole history
        select k.first_at, k.step_ms, k.late_low, k.late_high from reading_block as k
        where k.series_id = coalesce(b.times_of, b.series_id) and k.week = b.week limit 1
    ) as t
    cross join lateral (
        select t.first_at + ((n - 1) * t.step_ms + coalesce(sum(late_high) over steps, 0) * 65536 + sum(late_low) over steps)
                * interval '1 millisecond' as measured_at,
            b.first_value + b.unit * (coalesce(sum(rise_high) over steps, 0) * 65536 + sum(rise_low) over steps) as value,
            coalesce(quality, 0::smallint) as quality
        from unnest(t.late_low, t.late_high, b.rise_low, b.rise_high, b.quality) with ordinality as u (late_low, late_high, rise_low, rise_high, quality, n)
        window steps as (order by n rows unbounded preceding)
    ) as d
    where b.series_id = any(ids) and b.week > from_at - interval '168 hours' and b.week < to_at and b.first_at < to_at and b.last_at >= from_at
        and d.measured_at >= from_at and d.measured_at < to_at
$$;

COMMENT ON FUNCTION public.packed_between(ids bigint[], from_at timestamp with time zone, to_at timestamp with time zone) IS 'the packed part of readings_between';

CREATE FUNCTION public.place_within_follows() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
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

CREATE FUNCTION public.readings_between(ids bigint[], from_at timestamp with time zone, to_at timestamp with time zone) RETURNS TABLE(series_id bigint, measured_at timestamp with time zone, value bigint, quality smallint)
    LANGUAGE sql STABLE
    AS $$
    select r.series_id, r.measured_at, r.value, r.quality
    from unnest(ids) as s (id) cross join lateral (
        select * from reading where reading.series_id = s.id and reading.measured_at >= from_at and reading.measured_at < to_at
    ) as r
    union all
    select p.series_id, p.measured_at, p.value, p.quality from packed_between(ids, from_at, to_at) as p
$$;

COMMENT ON FUNCTION public.readings_between(ids bigint[], from_at timestamp with time zone, to_at timestamp with time zone) IS 'from_at <= measured_at < to_at, in no order';

CREATE FUNCTION public.refuse_change() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
begin
    raise exception '% is append-only; write a new row instead', tg_table_name using errcode = 'restrict_violation';
end $$;

CREATE FUNCTION public.water_meters(now_at timestamp with time zone, online_s integer, stale_s integer, silent_reports integer) RETURNS TABLE(device text, name_zh text, name_en text, number text, profile text, place text, own_reports boolean, imei text, every_h integer, window_h integer, state text, last_at timestamp with time zone, due_at timestamp with time zone, said jsonb)
    LANGUAGE sql STABLE
    AS $$
    select d.code, d.name_zh, d.name_en, d.address, d.profile, d.place, m.device is not null, m.imei, m.every_h, m.window_h,
        case when l.last_at is null then 'never'
             when now_at >= l.last_at + l.silent_after then 'silent'
             when now_at >= l.last_at + l.late_after then 'late' else 'reporting' end,
        l.last_at, case when m.device is not null then coalesce(l.last_at, m.registered_at) + m.every_h * interval '1 hour' end,
        coalesce(case when d.gateway is null then s.state else (
            select jsonb_object_agg(e.quantity, n.value) from series as e cross join lateral newest_reading(e.id) as n
            where e.device = d.code and e.quantity in ('valve_state', 'battery_voltage', 'battery_low', 'signal_rsrp', 'signal_csq', 'status_word_188',
                'leak', 'burst', 'reverse_flow', 'magnetic_tamper', 'cover_open')
        ) end, '{}')
    from device as d
    left join iot_meter as m on m.device = d.code and m.removed_at is null and d.gateway is null
    left join iot_state as s on s.device = d.code
    left join device_status as t on t.device = d.code
    cross join lateral (
        select case when d.gateway is null then s.last_report_at else t.last_measured_at end as last_at,
            case when m.device is not null then (m.every_h + m.window_h) * interval '1 hour' else online_s * interval '1 second' end as late_after,
            case when m.device is not null then (silent_reports * m.every_h + m.window_h) * interval '1 hour' else stale_s * interval '1 second' end
                as silent_after
    ) as l
    where d.kind = 'water_meter' and d.removed_at is null
$$;

CREATE FUNCTION public.week_of(at timestamp with time zone) RETURNS timestamp with time zone
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$
    select timestamptz 'epoch' + floor(extract(epoch from at) / 604800) * interval '168 hours'
$$;

CREATE TABLE public.academic_term (
    kind text NOT NULL,
    first_day date NOT NULL,
    last_day date NOT NULL,
    CONSTRAINT academic_term_check CHECK ((last_day >= first_day))
);

CREATE TABLE public.account (
    account_id bigint NOT NULL,
    name text NOT NULL,
    role text NOT NULL,
    password_hash text,
    disabled_at timestamp with time zone,
    created_at timestamp with time zone NOT NULL,
    places text[],
    erased_at timestamp with time zone,
    CONSTRAINT account_admin_sees_all CHECK (((role <> 'admin'::text) OR (places IS NULL))),
    CONSTRAINT account_name_check CHECK (((name = lower(name)) AND ((length(name) >= 2) AND (length(name) <= 40)))),
    CONSTRAINT account_places_check CHECK (((cardinality(places) >= 1) AND (cardinality(places) <= 200))),
    CONSTRAINT account_role_check CHECK ((role = ANY (ARRAY['admin'::text, 'operator'::text, 'engineer'::text, 'viewer'::text])))
);

COMMENT ON COLUMN public.account.password_hash IS 'null: signs in by the identity provider only, or not at all';

COMMENT ON COLUMN public.account.places IS 'null: the whole site; else these places and everything below them';

COMMENT ON COLUMN public.account.erased_at IS 'when the personal data was deleted; the name is a pseudonym since';

ALTER TABLE public.account ALTER COLUMN account_id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.account_account_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.account_external (
    provider text NOT NULL,
    subject text NOT NULL,
    account_id bigint,
    name text NOT NULL,
    first_seen_at timestamp with time zone NOT NULL,
    last_seen_at timestamp with time zone NOT NULL,
    CONSTRAINT account_external_name_check CHECK ((length(name) <= 100)),
    CONSTRAINT account_external_provider_check CHECK ((provider = ANY (ARRAY['oidc'::text, 'cas'::text]))),
    CONSTRAINT account_external_subject_check CHECK (((length(subject) >= 1) AND (length(subject) <= 300)))
);

CREATE TABLE public.account_factor (
    account_id bigint NOT NULL,
    secret bytea NOT NULL,
    last_counter bigint NOT NULL,
    enrolled_at timestamp with time zone NOT NULL
);

COMMENT ON COLUMN public.account_factor.last_counter IS 'the time step of the newest code taken: the same one or an older one is a replay';

CREATE TABLE public.ack_cursor (
    gateway text NOT NULL,
    generation bigint NOT NULL,
    epoch bigint NOT NULL,
    received int8multirange NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL
)
WITH (fillfactor='60');

COMMENT ON COLUMN public.ack_cursor.received IS 'every seq committed; its first range is the cumulative ack when it starts at 1';

CREATE TABLE public.adjustment (
    id bigint NOT NULL,
    closed_month date NOT NULL,
    into_month date NOT NULL,
    point_id integer NOT NULL,
    value bigint NOT NULL,
    rates bigint[] NOT NULL,
    reason text NOT NULL,
    actor text NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL
);

COMMENT ON TABLE public.adjustment IS 'what a closed month would be more (or less) by what is known today; counted in an open month';

ALTER TABLE public.adjustment ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.adjustment_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.alarm (
    id bigint NOT NULL,
    rule text NOT NULL,
    severity text NOT NULL,
    kind text NOT NULL,
    subject text NOT NULL,
    place text,
    gateway text,
    name_zh text NOT NULL,
    name_en text NOT NULL,
    value bigint NOT NULL,
    data jsonb DEFAULT '{}'::jsonb NOT NULL,
    over_since timestamp with time zone NOT NULL,
    raised_at timestamp with time zone NOT NULL,
    flapping boolean DEFAULT false NOT NULL,
    parent bigint,
    orphaned_at timestamp with time zone,
    suppressed_by bigint,
    unknown_since timestamp with time zone,
    acknowledged_at timestamp with time zone,
    acknowledged_by text,
    assignee bigint,
    snoozed_until timestamp with time zone,
    cleared_at timestamp with time zone,
    clear_value bigint,
    closed_at timestamp with time zone,
    closed_by text,
    close_cause text,
    state text GENERATED ALWAYS AS (
CASE
    WHEN (closed_at IS NOT NULL) THEN 'closed'::text
    WHEN (cleared_at IS NOT NULL) THEN 'cleared'::text
    WHEN (acknowledged_at IS NOT NULL) THEN 'acknowledged'::text
    ELSE 'open'::text
END) STORED NOT NULL,
    CONSTRAINT alarm_check CHECK ((parent <> id)),
    CONSTRAINT alarm_check1 CHECK (((closed_at IS NULL) = (close_cause IS NULL))),
    CONSTRAINT alarm_kind_check CHECK ((kind = ANY (ARRAY['site'::text, 'place'::text, 'gateway'::text, 'line'::text, 'device'::text, 'point'::text]))),
    CONSTRAINT alarm_severity_check CHECK ((severity = ANY (ARRAY['urgent'::text, 'important'::text, 'general'::text])))
)
WITH (fillfactor='70');

COMMENT ON TABLE public.alarm IS 'one row each time a rule''s condition came to hold for a thing; facts clear it, people acknowledge and close it';

COMMENT ON COLUMN public.alarm.kind IS 'what subject names; line: gateway/line; site: the platform itself, which has no place';

COMMENT ON COLUMN public.alarm.name_zh IS 'the thing''s name when it was raised: history keeps what it said';

COMMENT ON COLUMN public.alarm.parent IS 'the alarm that explains this one: listed below it, not counted by itself';

COMMENT ON COLUMN public.alarm.orphaned_at IS 'when the parent cleared; soon after, this one stands by itself';

COMMENT ON COLUMN public.alarm.suppressed_by IS 'raised during planned work: not shown as open until that is over';

COMMENT ON COLUMN public.alarm.unknown_since IS 'since when nothing is known of the thing; the alarm stays as it was';

COMMENT ON COLUMN public.alarm.snoozed_until IS 'put aside by a person, with a reason (alarm_change); comes back by itself';

CREATE TABLE public.alarm_change (
    id bigint NOT NULL,
    alarm bigint NOT NULL,
    at timestamp with time zone NOT NULL,
    kind text NOT NULL,
    actor text,
    note text DEFAULT ''::text NOT NULL,
    data jsonb DEFAULT '{}'::jsonb NOT NULL,
    key text,
    CONSTRAINT alarm_change_kind_check CHECK ((kind = ANY (ARRAY['raised'::text, 'flapping'::text, 'suppressed'::text, 'unsuppressed'::text, 'muted'::text, 'surfaced'::text, 'unknown'::text, 'known'::text, 'cleared'::text, 'acknowledged'::text, 'assigned'::text, 'snoozed'::text, 'unsnoozed'::text, 'commented'::text, 'closed'::text, 'reopened'::text])))
);

COMMENT ON COLUMN public.alarm_change.actor IS 'null: facts, by the rule';

COMMENT ON COLUMN public.alarm_change.key IS 'chosen by the caller: the same request again is answered again, not done again';

ALTER TABLE public.alarm_change ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.alarm_change_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

ALTER TABLE public.alarm ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.alarm_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.alarm_round (
    one boolean DEFAULT true NOT NULL,
    at timestamp with time zone NOT NULL,
    took_ms integer NOT NULL,
    facts integer NOT NULL,
    failed jsonb NOT NULL,
    CONSTRAINT alarm_round_one_check CHECK (one)
);

COMMENT ON TABLE public.alarm_round IS 'the newest evaluation: when, how long, how many facts, and which watches could not be asked and why';

CREATE TABLE public.alarm_rule_override (
    id bigint NOT NULL,
    rule text NOT NULL,
    version integer NOT NULL,
    changes jsonb NOT NULL,
    reason text NOT NULL,
    actor text NOT NULL,
    at timestamp with time zone NOT NULL
);

COMMENT ON COLUMN public.alarm_rule_override.changes IS 'what differs from the rule as shipped; {}: nothing any more';

ALTER TABLE public.alarm_rule_override ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.alarm_rule_override_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.alarm_seen (
    account bigint NOT NULL,
    alarm bigint NOT NULL,
    at timestamp with time zone NOT NULL
);

CREATE TABLE public.alarm_track (
    rule text NOT NULL,
    kind text NOT NULL,
    subject text NOT NULL,
    over_ms bigint,
    under_ms bigint,
    unknown_ms bigint,
    raised boolean NOT NULL,
    flapping boolean NOT NULL,
    raises bigint[] NOT NULL
)
WITH (fillfactor='70');

CREATE TABLE public.alarm_window (
    id bigint NOT NULL,
    place text,
    gateway text,
    device text,
    rule text,
    from_at timestamp with time zone NOT NULL,
    until_at timestamp with time zone NOT NULL,
    weekdays smallint DEFAULT 0 NOT NULL,
    start_minute smallint DEFAULT 0 NOT NULL,
    minutes integer DEFAULT 0 NOT NULL,
    reason text NOT NULL,
    actor text NOT NULL,
    created_at timestamp with time zone NOT NULL,
    ended_at timestamp with time zone,
    ended_by text,
    CONSTRAINT alarm_window_check CHECK ((until_at > from_at)),
    CONSTRAINT alarm_window_check1 CHECK ((num_nonnulls(place, gateway, device, rule) >= 1)),
    CONSTRAINT alarm_window_check2 CHECK (((weekdays = 0) = (minutes = 0))),
    CONSTRAINT alarm_window_minutes_check CHECK (((minutes >= 0) AND (minutes <= 10080))),
    CONSTRAINT alarm_window_start_minute_check CHECK (((start_minute >= 0) AND (start_minute <= 1439))),
    CONSTRAINT alarm_window_weekdays_check CHECK (((weekdays >= 0) AND (weekdays <= 127)))
);

COMMENT ON TABLE public.alarm_window IS 'planned work: alarms raised in it wait until it is over; a place, a gateway with its devices, a device, a rule, or several of them together';

COMMENT ON COLUMN public.alarm_window.weekdays IS '0: once, from_at to until_at; else bits Monday=1 ... Sunday=64: local days on which it begins at start_minute for so many minutes';

ALTER TABLE public.alarm_window ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.alarm_window_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.analytics_round (
    done_on date NOT NULL,
    at timestamp with time zone DEFAULT now() NOT NULL
);

COMMENT ON TABLE public.analytics_round IS 'local days whose morning round is done; only the newest is asked for';

CREATE TABLE public.api_token (
    api_token_id bigint NOT NULL,
    name text NOT NULL,
    token_digest bytea NOT NULL,
    permissions text[] NOT NULL,
    created_at timestamp with time zone NOT NULL,
    revoked_at timestamp with time zone,
    places text[],
    expires_at timestamp with time zone,
    last_used_at timestamp with time zone,
    created_by text DEFAULT 'console'::text NOT NULL,
    CONSTRAINT api_token_identity_sees_all CHECK (((places IS NULL) OR (NOT (permissions @> '{identity.manage}'::text[])))),
    CONSTRAINT api_token_name_check CHECK (((length(name) >= 1) AND (length(name) <= 60))),
    CONSTRAINT api_token_places_check CHECK (((cardinality(places) >= 1) AND (cardinality(places) <= 200)))
);

ALTER TABLE public.api_token ALTER COLUMN api_token_id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.api_token_api_token_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.arrival (
    id bigint NOT NULL,
    packed bytea NOT NULL,
    arrived_at timestamp with time zone DEFAULT now() NOT NULL
);

ALTER TABLE public.arrival ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.arrival_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.attachment (
    sha256 text NOT NULL,
    media_type text NOT NULL,
    content bytea NOT NULL,
    actor text NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT attachment_content_check CHECK ((octet_length(content) <= 8388608)),
    CONSTRAINT attachment_media_type_check CHECK ((media_type = ANY (ARRAY['image/jpeg'::text, 'image/png'::text, 'image/webp'::text])))
);
ALTER TABLE ONLY public.attachment ALTER COLUMN content SET STORAGE EXTERNAL;

COMMENT ON TABLE public.attachment IS 'photos taken as evidence; media_type is what the bytes are, whatever the sender said';

CREATE TABLE public.audit (
    audit_id bigint NOT NULL,
    at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    actor text NOT NULL,
    action text NOT NULL,
    target text NOT NULL,
    details jsonb DEFAULT '{}'::jsonb NOT NULL
);

ALTER TABLE public.audit ALTER COLUMN audit_id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.audit_audit_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.audit_seal (
    audit_seal_id bigint NOT NULL,
    first_id bigint NOT NULL,
    last_id bigint NOT NULL,
    rows bigint NOT NULL,
    digest bytea NOT NULL,
    sealed_at timestamp with time zone NOT NULL,
    CONSTRAINT audit_seal_check CHECK ((last_id >= first_id))
);

ALTER TABLE public.audit_seal ALTER COLUMN audit_seal_id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.audit_seal_audit_seal_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.batch (
    gateway text NOT NULL,
    generation bigint NOT NULL,
    epoch bigint NOT NULL,
    seq bigint NOT NULL,
    received_at timestamp with time zone DEFAULT now() NOT NULL,
    outcome text NOT NULL,
    readings integer NOT NULL,
    events integer NOT NULL,
    CONSTRAINT batch_outcome_check CHECK ((outcome = ANY (ARRAY['stored'::text, 'quarantined'::text])))
);

CREATE TABLE public.batch_item (
    batch_id bigint NOT NULL,
    "position" integer NOT NULL,
    key text NOT NULL,
    name_zh text NOT NULL,
    name_en text NOT NULL,
    place_zh text NOT NULL,
    place_en text NOT NULL,
    state text NOT NULL,
    message text DEFAULT ''::text NOT NULL,
    tries integer DEFAULT 0 NOT NULL,
    finished_at timestamp with time zone,
    CONSTRAINT batch_item_state_check CHECK ((state = ANY (ARRAY['excluded'::text, 'pending'::text, 'running'::text, 'done'::text, 'failed'::text, 'skipped'::text])))
);

COMMENT ON COLUMN public.batch_item.state IS 'excluded: the preview said that this one cannot be done and why; skipped: it could not be done any more, or the rest was cancelled';

COMMENT ON COLUMN public.batch_item.tries IS 'grows when a person tries failed ones again; with batch and position it makes a key under which the work is done once';

CREATE TABLE public.batch_job (
    id bigint NOT NULL,
    owner text NOT NULL,
    account_id bigint,
    action text NOT NULL,
    table_name text NOT NULL,
    parameters jsonb DEFAULT '{}'::jsonb NOT NULL,
    warnings text[] DEFAULT '{}'::text[] NOT NULL,
    factor boolean DEFAULT false NOT NULL,
    state text DEFAULT 'draft'::text NOT NULL,
    claims integer DEFAULT 0 NOT NULL,
    claimed_until timestamp with time zone,
    turn_at timestamp with time zone,
    created_at timestamp with time zone NOT NULL,
    started_at timestamp with time zone,
    finished_at timestamp with time zone,
    CONSTRAINT batch_job_state_check CHECK ((state = ANY (ARRAY['draft'::text, 'running'::text, 'done'::text, 'cancelled'::text])))
);

COMMENT ON TABLE public.batch_job IS 'one action on many rows of a table; a draft is the preview somebody looks at, and starting it works once';

COMMENT ON COLUMN public.batch_job.factor IS 'who started it had shown a second factor';

COMMENT ON COLUMN public.batch_job.turn_at IS 'when a worker last went on with it: batches take turns';

ALTER TABLE public.batch_job ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.batch_job_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.battery_day (
    device text NOT NULL,
    day date NOT NULL,
    least_mv integer NOT NULL
);

COMMENT ON TABLE public.battery_day IS 'derived from reading: the least battery voltage of a local day; old days go with the look-back of the forecast';

CREATE TABLE public.battery_forecast (
    device text NOT NULL,
    state text NOT NULL,
    voltage_mv integer NOT NULL,
    limit_mv integer NOT NULL,
    since date NOT NULL,
    days integer NOT NULL,
    fall_uv_day integer,
    day date,
    earliest date,
    latest date,
    knee boolean NOT NULL,
    CONSTRAINT battery_forecast_state_check CHECK ((state = ANY (ARRAY['too_little'::text, 'steady'::text, 'falling'::text, 'low'::text])))
);

CREATE TABLE public.place (
    code text NOT NULL,
    parent text,
    kind text NOT NULL,
    name_zh text NOT NULL,
    name_en text NOT NULL,
    "position" integer NOT NULL,
    removed_at timestamp with time zone,
    CONSTRAINT place_kind_check CHECK ((kind = ANY (ARRAY['campus'::text, 'zone'::text, 'building'::text, 'floor'::text, 'room'::text])))
);

CREATE TABLE public.place_within (
    place text NOT NULL,
    above text NOT NULL
);

COMMENT ON TABLE public.place_within IS 'derived from place.parent by triggers: each place with itself and every place above it, so that "below here" is one join';

CREATE VIEW public.building_of AS
 SELECT w.place,
    w.above AS building
   FROM (public.place_within w
     JOIN public.place b ON ((b.code = w.above)))
  WHERE ((b.kind = 'building'::text) AND (b.removed_at IS NULL));

COMMENT ON VIEW public.building_of IS 'the building a place lies in, itself included; places above or beside buildings have none';

CREATE TABLE public.calendar_day (
    day date NOT NULL,
    kind text NOT NULL,
    name_zh text DEFAULT ''::text NOT NULL,
    name_en text DEFAULT ''::text NOT NULL,
    CONSTRAINT calendar_day_kind_check CHECK ((kind = ANY (ARRAY['holiday'::text, 'workday'::text])))
);

COMMENT ON TABLE public.calendar_day IS 'days that are not what their weekday says';

CREATE TABLE public.clock_offset (
    id bigint NOT NULL,
    gateway text NOT NULL,
    from_ms bigint NOT NULL,
    to_ms bigint,
    offset_ms bigint NOT NULL,
    noted_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT clock_offset_check CHECK ((to_ms > from_ms))
);

COMMENT ON TABLE public.clock_offset IS 'stamps of a gateway with from_ms <= stamp < to_ms are offset_ms ahead of true time; readings keep the stamps they were sent with';

ALTER TABLE public.clock_offset ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.clock_offset_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.closed_figure (
    month date NOT NULL,
    point_id integer NOT NULL,
    value bigint NOT NULL,
    known_s integer NOT NULL,
    measured boolean NOT NULL,
    rates bigint[] NOT NULL
);

CREATE TABLE public.closed_month (
    month date NOT NULL,
    closed_at timestamp with time zone DEFAULT now() NOT NULL,
    actor text NOT NULL,
    inputs jsonb NOT NULL,
    CONSTRAINT closed_month_month_check CHECK ((EXTRACT(day FROM month) = (1)::numeric))
);

COMMENT ON COLUMN public.closed_month.inputs IS 'versions of tariff and factors the figures were closed with';

CREATE TABLE public.closed_place (
    month date NOT NULL,
    place text NOT NULL,
    medium text NOT NULL,
    value bigint NOT NULL,
    points_s bigint NOT NULL,
    known_s bigint NOT NULL,
    rates bigint[] NOT NULL
);

CREATE TABLE public.command (
    id text NOT NULL,
    key text NOT NULL,
    kind text NOT NULL,
    gateway text NOT NULL,
    device text,
    line text,
    arguments jsonb NOT NULL,
    reason text NOT NULL,
    requested_by text NOT NULL,
    requested_at timestamp with time zone NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    state text DEFAULT 'queued'::text NOT NULL,
    attempts integer DEFAULT 0 NOT NULL,
    sent_at timestamp with time zone,
    last_sent_at timestamp with time zone,
    settled_at timestamp with time zone,
    code text DEFAULT ''::text NOT NULL,
    message text DEFAULT ''::text NOT NULL,
    late boolean DEFAULT false NOT NULL,
    repeats integer DEFAULT 0 NOT NULL,
    evidence jsonb,
    CONSTRAINT command_check CHECK ((expires_at > requested_at)),
    CONSTRAINT command_check1 CHECK (((device IS NOT NULL) OR (line IS NOT NULL))),
    CONSTRAINT command_id_check CHECK ((id ~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$'::text)),
    CONSTRAINT command_kind_check CHECK ((kind = ANY (ARRAY['read'::text, 'frames'::text, 'switch'::text]))),
    CONSTRAINT command_state_check CHECK ((state = ANY (ARRAY['queued'::text, 'sent'::text, 'running'::text, 'done'::text, 'refused'::text, 'failed'::text, 'expired'::text, 'unknown'::text])))
);

COMMENT ON COLUMN public.command.key IS 'chosen by who asks; the same key of the same asker is the same command';

COMMENT ON COLUMN public.command.late IS 'its result came after it had been given up as expired or unknown';

COMMENT ON COLUMN public.command.repeats IS 'results that came again after the first';

COMMENT ON COLUMN public.command.evidence IS 'the gateway''s final result: values, what a switch shows, raw frames';

CREATE TABLE public.command_event (
    id bigint NOT NULL,
    command text NOT NULL,
    at timestamp with time zone NOT NULL,
    what text NOT NULL,
    details jsonb DEFAULT '{}'::jsonb NOT NULL
);

COMMENT ON TABLE public.command_event IS 'append-only history; it goes with its command (reads and frames after some months, switches never)';

ALTER TABLE public.command_event ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.command_event_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.completeness_day (
    device text NOT NULL,
    day date NOT NULL,
    period_s integer NOT NULL,
    quantity text,
    due integer DEFAULT 0 NOT NULL,
    measured integer DEFAULT 0 NOT NULL,
    made_up integer DEFAULT 0 NOT NULL,
    settled boolean DEFAULT false NOT NULL,
    looked_at timestamp with time zone,
    look_at timestamp with time zone NOT NULL,
    CONSTRAINT completeness_day_period_s_check CHECK ((period_s > 0))
)
WITH (fillfactor='70');

COMMENT ON TABLE public.completeness_day IS 'derived from reading: of the readings that were due, how many there are; counted again until the day is over and nothing is missing';

COMMENT ON COLUMN public.completeness_day.period_s IS 'how often the device is read; on a day it changes, the longer period';

COMMENT ON COLUMN public.completeness_day.due IS 'whole periods that have ended, while the device stood at a point';

COMMENT ON COLUMN public.completeness_day.measured IS 'due periods with a reading measured in them, whenever it arrived; made_up: only with one made up or substituted';

CREATE TABLE public.consumption_day (
    point_id integer NOT NULL,
    day date NOT NULL,
    value bigint NOT NULL,
    known_s integer NOT NULL,
    slots integer[] NOT NULL,
    known smallint[],
    pins bit varying(128) NOT NULL,
    seen bit varying(128) NOT NULL,
    made_up bit varying(128),
    rates bigint[] NOT NULL,
    first_at timestamp with time zone,
    first_value bigint,
    last_at timestamp with time zone,
    last_value bigint,
    pending boolean DEFAULT false NOT NULL,
    version integer DEFAULT 1 NOT NULL
)
WITH (fillfactor='80');

COMMENT ON TABLE public.consumption_day IS 'derived: rebuilt bit for bit (but for version) from reading, installation, mark and tariff';

COMMENT ON COLUMN public.consumption_day.slots IS 'consumption of each 15-minute slot in the point''s base unit; null: nothing of the slot is known';

COMMENT ON COLUMN public.consumption_day.known IS 'seconds known of each slot; null when every slot is known whole (900) or not at all';

COMMENT ON COLUMN public.consumption_day.pins IS 'n+1 bits: boundary k between slots is held by readings near it, not interpolated over a gap; a period is measured when both its ends are';

COMMENT ON COLUMN public.consumption_day.seen IS 'n bits: a reading that was due in this slot was taken in it';

COMMENT ON COLUMN public.consumption_day.made_up IS 'n bits: only a make-up or substituted reading stands in this slot; null when none';

COMMENT ON COLUMN public.consumption_day.rates IS 'value split by tariff rate: sharp, peak, flat, valley, deep valley; sums to value';

COMMENT ON COLUMN public.consumption_day.first_at IS 'first and last accepted reading of the day and their registers';

COMMENT ON COLUMN public.consumption_day.pending IS 'judged without enough later readings; looked at again when they come';

CREATE TABLE public.consumption_mark (
    id bigint NOT NULL,
    point text NOT NULL,
    from_at timestamp with time zone NOT NULL,
    to_at timestamp with time zone NOT NULL,
    reason text NOT NULL,
    actor text NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    withdrawn_at timestamp with time zone,
    CONSTRAINT consumption_mark_check CHECK ((to_at > from_at))
);

COMMENT ON TABLE public.consumption_mark IS 'intervals whose readings are believed to be filled in, not measured: shown as estimated, kept out of models';

ALTER TABLE public.consumption_mark ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.consumption_mark_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.consumption_month (
    point_id integer NOT NULL,
    month date NOT NULL,
    value bigint NOT NULL,
    known_s integer NOT NULL,
    measured boolean NOT NULL,
    days smallint NOT NULL,
    rates bigint[] NOT NULL,
    version integer DEFAULT 1 NOT NULL
)
WITH (fillfactor='80');

CREATE TABLE public.desired_document (
    gateway text NOT NULL,
    document text NOT NULL,
    version integer NOT NULL,
    sha256 text NOT NULL,
    body jsonb NOT NULL,
    changed_at timestamp with time zone DEFAULT now() NOT NULL
);

CREATE TABLE public.device (
    code text NOT NULL,
    profile text NOT NULL,
    kind text NOT NULL,
    address text NOT NULL,
    place text NOT NULL,
    gateway text,
    line text,
    name_zh text NOT NULL,
    name_en text NOT NULL,
    poll_s jsonb DEFAULT '{}'::jsonb NOT NULL,
    "position" integer NOT NULL,
    removed_at timestamp with time zone,
    CONSTRAINT device_on_a_line_or_none CHECK (((gateway IS NULL) = (line IS NULL)))
);

COMMENT ON COLUMN public.device.gateway IS 'null: nobody asks it, it reports by itself (iot_meter)';

CREATE TABLE public.device_status (
    device text NOT NULL,
    last_measured_at timestamp with time zone NOT NULL
)
WITH (fillfactor='60');

COMMENT ON TABLE public.device_status IS 'derived from reading by ingest, some seconds late; counts over the whole site read it';

CREATE TABLE public.dirty (
    id bigint NOT NULL,
    point_id integer NOT NULL,
    from_at timestamp with time zone NOT NULL,
    to_at timestamp with time zone NOT NULL,
    reason text NOT NULL,
    noted_at timestamp with time zone DEFAULT now() NOT NULL
);

ALTER TABLE public.dirty ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.dirty_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.dirty_place (
    id bigint NOT NULL,
    place text NOT NULL,
    from_day date NOT NULL,
    to_day date NOT NULL,
    reason text NOT NULL
);

ALTER TABLE public.dirty_place ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.dirty_place_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.event (
    id bigint NOT NULL,
    gateway text,
    generation bigint,
    epoch bigint,
    seq bigint,
    "position" integer,
    code text NOT NULL,
    at timestamp with time zone NOT NULL,
    severity text NOT NULL,
    line text,
    device text,
    message text NOT NULL,
    data jsonb DEFAULT '{}'::jsonb NOT NULL,
    received_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT event_severity_check CHECK ((severity = ANY (ARRAY['info'::text, 'warning'::text, 'error'::text])))
);

COMMENT ON COLUMN public.event.seq IS 'null for events central raised itself';

ALTER TABLE public.event ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.event_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.export_job (
    id bigint NOT NULL,
    owner text NOT NULL,
    account_id bigint,
    scope text[],
    table_name text NOT NULL,
    format text NOT NULL,
    query text NOT NULL,
    columns text[] NOT NULL,
    language text NOT NULL,
    state text DEFAULT 'queued'::text NOT NULL,
    rows_done integer DEFAULT 0 NOT NULL,
    rows_total integer,
    error text,
    claims integer DEFAULT 0 NOT NULL,
    claimed_until timestamp with time zone,
    file_name text,
    bytes bigint,
    sha256 text,
    removed text,
    created_at timestamp with time zone NOT NULL,
    finished_at timestamp with time zone,
    expires_at timestamp with time zone,
    CONSTRAINT export_job_check CHECK (((state = 'done'::text) = ((file_name IS NOT NULL) AND (bytes IS NOT NULL) AND (sha256 IS NOT NULL) AND (expires_at IS NOT NULL)))),
    CONSTRAINT export_job_format_check CHECK ((format = ANY (ARRAY['xlsx'::text, 'csv'::text, 'pdf'::text]))),
    CONSTRAINT export_job_query_check CHECK ((length(query) <= 8000)),
    CONSTRAINT export_job_removed_check CHECK ((removed = ANY (ARRAY['expired'::text, 'room'::text, 'deleted'::text]))),
    CONSTRAINT export_job_state_check CHECK ((state = ANY (ARRAY['queued'::text, 'running'::text, 'done'::text, 'failed'::text, 'cancelled'::text])))
);

COMMENT ON COLUMN public.export_job.owner IS 'name of the account, or token:NAME; the account''s right and scope are looked up again when the job runs';

COMMENT ON COLUMN public.export_job.scope IS 'what the owner might see when the file was made; null is the whole site';

COMMENT ON COLUMN public.export_job.claims IS 'how often a worker took it: fences a worker that was thought dead, and ends a job that kills its workers';

COMMENT ON COLUMN public.export_job.removed IS 'why the file is gone although the job is done: too old, no room, deleted by its owner';

ALTER TABLE public.export_job ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.export_job_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.external_login (
    state_digest bytea NOT NULL,
    provider text NOT NULL,
    visit_digest bytea NOT NULL,
    nonce text NOT NULL,
    verifier text NOT NULL,
    next text NOT NULL,
    ends_at timestamp with time zone NOT NULL
);

CREATE TABLE public.finding (
    id bigint NOT NULL,
    code text NOT NULL,
    point text,
    device text,
    place text,
    at timestamp with time zone NOT NULL,
    until timestamp with time zone,
    data jsonb DEFAULT '{}'::jsonb NOT NULL,
    opened_at timestamp with time zone DEFAULT now() NOT NULL,
    resolved_at timestamp with time zone,
    resolution text
);

COMMENT ON TABLE public.finding IS 'what the computation cannot settle by itself: falls, jumps, negative residuals, mismatches; open until settled by data or by a person';

ALTER TABLE public.finding ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.finding_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.gateway (
    code text NOT NULL,
    place text NOT NULL,
    name_zh text NOT NULL,
    name_en text NOT NULL,
    generation bigint DEFAULT 0 NOT NULL,
    "position" integer NOT NULL,
    removed_at timestamp with time zone
);

COMMENT ON COLUMN public.gateway.generation IS 'highest generation seen or enrolled; batches of a lower one are quarantined; 0 = never seen';

CREATE TABLE public.gateway_gap (
    id bigint NOT NULL,
    gateway text NOT NULL,
    generation bigint NOT NULL,
    epoch bigint NOT NULL,
    first bigint NOT NULL,
    last bigint NOT NULL,
    missing int8multirange NOT NULL,
    given_up int8multirange DEFAULT '{}'::int8multirange NOT NULL,
    found_at timestamp with time zone NOT NULL,
    moved_at timestamp with time zone NOT NULL,
    asked_at timestamp with time zone,
    asked_last bigint,
    times integer DEFAULT 0 NOT NULL,
    fruitless integer DEFAULT 0 NOT NULL,
    filled_at timestamp with time zone,
    lost_at timestamp with time zone,
    lost bigint DEFAULT 0 NOT NULL,
    CONSTRAINT gateway_gap_check CHECK ((last >= first)),
    CONSTRAINT gateway_gap_check1 CHECK (((filled_at IS NULL) OR (lost_at IS NULL)))
);

COMMENT ON TABLE public.gateway_gap IS 'numbers a gateway has given to messages and central has not got; no foreign key, as gateway_status';

COMMENT ON COLUMN public.gateway_gap.missing IS 'what is missing still and not given up';

COMMENT ON COLUMN public.gateway_gap.given_up IS 'what cannot come any more: the gateway does not hold it, or never answers';

COMMENT ON COLUMN public.gateway_gap.moved_at IS 'when some of it came last; the gateway is at it by itself while this moves';

COMMENT ON COLUMN public.gateway_gap.asked_last IS 'highest number asked for so far in the present pass over the gap';

COMMENT ON COLUMN public.gateway_gap.fruitless IS 'asks since something came last; the wait before the next grows with it';

COMMENT ON COLUMN public.gateway_gap.lost IS 'how many numbers carry no data: given up, or the gateway sent a note of loss in their place';

ALTER TABLE public.gateway_gap ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.gateway_gap_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.gateway_status (
    gateway text NOT NULL,
    state text DEFAULT 'offline'::text NOT NULL,
    state_at timestamp with time zone,
    last_seen_at timestamp with time zone,
    generation bigint,
    epoch bigint,
    agent_version text,
    started_at timestamp with time zone,
    birth jsonb,
    reported jsonb,
    health jsonb,
    health_at timestamp with time zone,
    clock_offset_ms bigint,
    clock_reports jsonb DEFAULT '[]'::jsonb NOT NULL,
    clock_alarm_at timestamp with time zone,
    CONSTRAINT gateway_status_state_check CHECK ((state = ANY (ARRAY['online'::text, 'offline'::text, 'maintenance'::text])))
)
WITH (fillfactor='60');

COMMENT ON TABLE public.gateway_status IS 'no foreign key: a box may say hello before its plan is imported';

COMMENT ON COLUMN public.gateway_status.clock_offset_ms IS 'gateway clock minus ours at the newest health report; positive: the gateway is ahead';

COMMENT ON COLUMN public.gateway_status.clock_reports IS 'the last reports as [gateway stamp ms, offset ms], oldest first';

COMMENT ON COLUMN public.gateway_status.clock_alarm_at IS 'since when the offset is above the alarm limit; null: it is not';

CREATE VIEW public.gateway_heard AS
 SELECT g.code,
    g.place,
    s.state,
    s.health,
    s.health_at,
    s.reported,
    s.clock_offset_ms,
    GREATEST(s.last_seen_at, s.health_at, c.updated_at) AS heard_at
   FROM ((public.gateway g
     LEFT JOIN public.gateway_status s ON ((s.gateway = g.code)))
     LEFT JOIN ( SELECT ack_cursor.gateway,
            max(ack_cursor.updated_at) AS updated_at
           FROM public.ack_cursor
          GROUP BY ack_cursor.gateway) c ON ((c.gateway = g.code)))
  WHERE (g.removed_at IS NULL);

COMMENT ON VIEW public.gateway_heard IS 'gateways of the plan and when anything of theirs came last; heard_at null: never';

CREATE TABLE public.gateway_hour (
    gateway text NOT NULL,
    hour timestamp with time zone NOT NULL,
    reports integer DEFAULT 0 NOT NULL,
    restarts integer DEFAULT 0 NOT NULL,
    backlog_max integer DEFAULT 0 NOT NULL,
    outbox_bytes_max bigint DEFAULT 0 NOT NULL
)
WITH (fillfactor='70');

COMMENT ON COLUMN public.gateway_hour.restarts IS 'starts of the agent that its own uptime tells of';

CREATE TABLE public.gateway_replacement (
    id bigint NOT NULL,
    key text NOT NULL,
    digest bytea NOT NULL,
    gateway text NOT NULL,
    old_generation bigint NOT NULL,
    new_generation bigint NOT NULL,
    person text NOT NULL,
    reason text NOT NULL,
    actor text NOT NULL,
    answer jsonb NOT NULL,
    at timestamp with time zone DEFAULT now() NOT NULL
);

ALTER TABLE public.gateway_replacement ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.gateway_replacement_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.installation (
    id bigint NOT NULL,
    point text NOT NULL,
    device text NOT NULL,
    installed_at timestamp with time zone NOT NULL,
    removed_at timestamp with time zone,
    ct integer DEFAULT 1 NOT NULL,
    pt integer DEFAULT 1 NOT NULL,
    opening jsonb DEFAULT '{}'::jsonb NOT NULL,
    closing jsonb DEFAULT '{}'::jsonb NOT NULL,
    register text,
    numerator bigint DEFAULT 1 NOT NULL,
    denominator bigint DEFAULT 1 NOT NULL,
    rollover bigint,
    max_per_hour bigint,
    ratio_version integer DEFAULT 1 NOT NULL,
    asked_from timestamp with time zone,
    CONSTRAINT installation_ct_check CHECK ((ct >= 1)),
    CONSTRAINT installation_denominator_check CHECK ((denominator >= 1)),
    CONSTRAINT installation_interval CHECK ((removed_at > installed_at)),
    CONSTRAINT installation_max_per_hour_check CHECK ((max_per_hour > 0)),
    CONSTRAINT installation_numerator_check CHECK ((numerator >= 1)),
    CONSTRAINT installation_pt_check CHECK ((pt >= 1)),
    CONSTRAINT installation_rollover_check CHECK ((rollover > 0))
);

COMMENT ON COLUMN public.installation.opening IS 'registers at the start, quantity -> base-unit integer';

COMMENT ON COLUMN public.installation.register IS 'the cumulative quantity that counts for the point; null: not known, nothing is computed';

COMMENT ON COLUMN public.installation.numerator IS 'consumption = register difference * ct * pt * numerator / denominator (numerator/denominator corrects a wrong meter constant)';

COMMENT ON COLUMN public.installation.rollover IS 'register value at which the meter wraps to 0, base units; null: not known, a wrap is treated as a fall';

COMMENT ON COLUMN public.installation.max_per_hour IS 'what can pass the meter in an hour, register base units; null: the default of the medium';

COMMENT ON COLUMN public.installation.asked_from IS 'readings are due from here on: when a plan brought a meter that had hung there for long (installed_at); null: since installed_at';

ALTER TABLE public.installation ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.installation_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.iot_command (
    id bigint NOT NULL,
    key text NOT NULL,
    device text NOT NULL,
    kind text NOT NULL,
    arguments jsonb NOT NULL,
    reason text NOT NULL,
    requested_by text NOT NULL,
    requested_at timestamp with time zone NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    state text DEFAULT 'queued'::text NOT NULL,
    attempts integer DEFAULT 0 NOT NULL,
    sent_at timestamp with time zone,
    answer text,
    settled_at timestamp with time zone,
    CONSTRAINT iot_command_check CHECK ((expires_at > requested_at)),
    CONSTRAINT iot_command_kind_check CHECK ((kind = ANY (ARRAY['valve_open'::text, 'valve_close'::text, 'read_history'::text, 'set_report_period'::text]))),
    CONSTRAINT iot_command_state_check CHECK ((state = ANY (ARRAY['queued'::text, 'sent'::text, 'confirmed'::text, 'expired'::text, 'refused'::text, 'cancelled'::text])))
);

COMMENT ON COLUMN public.iot_command.sent_at IS 'when it was first handed over; only what a meter says of a later time confirms it';

ALTER TABLE public.iot_command ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.iot_command_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.iot_meter (
    device text NOT NULL,
    number text NOT NULL,
    imei text NOT NULL,
    iccid text,
    via text NOT NULL,
    every_h integer NOT NULL,
    window_h integer NOT NULL,
    "position" integer NOT NULL,
    registered_at timestamp with time zone DEFAULT now() NOT NULL,
    removed_at timestamp with time zone,
    silent_told_at timestamp with time zone,
    CONSTRAINT iot_meter_every_h_check CHECK (((every_h >= 1) AND (every_h <= 168))),
    CONSTRAINT iot_meter_imei_check CHECK ((imei ~ '^[0-9]{15}$'::text)),
    CONSTRAINT iot_meter_via_check CHECK ((via ~ '^(mqtt|tcp|udp|webhook/[a-z0-9][a-z0-9-]{0,30})$'::text)),
    CONSTRAINT iot_meter_window_h_check CHECK (((window_h >= 0) AND (window_h <= 48)))
);

COMMENT ON COLUMN public.iot_meter.number IS 'the device''s address without leading zeros: what a report without IMEI is known by';

COMMENT ON COLUMN public.iot_meter.via IS 'the one way its reports may come; webhook/SOURCE names the key they are signed with';

COMMENT ON COLUMN public.iot_meter.silent_told_at IS 'when event iot.silent was raised; null: it reports, or nobody was told yet';

CREATE TABLE public.iot_nonce (
    source text NOT NULL,
    nonce text NOT NULL,
    seen_at timestamp with time zone DEFAULT now() NOT NULL
);

CREATE TABLE public.iot_report (
    id bigint NOT NULL,
    device text NOT NULL,
    digest bytea NOT NULL,
    via text NOT NULL,
    measured_at timestamp with time zone NOT NULL,
    reported_at timestamp with time zone NOT NULL,
    received_at timestamp with time zone NOT NULL,
    report jsonb NOT NULL,
    raw text NOT NULL
);

COMMENT ON TABLE public.iot_report IS 'what meters said, as it came; old ones go by setting iot.keep_report_days';

COMMENT ON COLUMN public.iot_report.digest IS 'SHA-256 of what the meter said without how it was carried: the same report again is counted, not stored';

ALTER TABLE public.iot_report ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.iot_report_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.iot_state (
    device text NOT NULL,
    last_report_at timestamp with time zone NOT NULL,
    measured_at timestamp with time zone NOT NULL,
    state jsonb NOT NULL,
    firmware text,
    reports bigint DEFAULT 0 NOT NULL,
    repeats bigint DEFAULT 0 NOT NULL
)
WITH (fillfactor='60');

COMMENT ON COLUMN public.iot_state.state IS 'newest value by quantity, base units; an older report that comes late changes nothing here';

CREATE TABLE public.kiosk_token (
    kiosk_token_id bigint NOT NULL,
    name text NOT NULL,
    token_digest bytea NOT NULL,
    place text,
    created_by text NOT NULL,
    created_at timestamp with time zone NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    last_seen_at timestamp with time zone,
    revoked_at timestamp with time zone,
    CONSTRAINT kiosk_token_check CHECK ((expires_at > created_at)),
    CONSTRAINT kiosk_token_name_check CHECK (((length(name) >= 1) AND (length(name) <= 60)))
);

COMMENT ON TABLE public.kiosk_token IS 'read-only access of a wall screen to /wall; the secret itself is shown once and not kept';

COMMENT ON COLUMN public.kiosk_token.place IS 'what it shows, with everything below; null: the whole site';

COMMENT ON COLUMN public.kiosk_token.last_seen_at IS 'newest refresh of the screen, at most a minute behind';

ALTER TABLE public.kiosk_token ALTER COLUMN kiosk_token_id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.kiosk_token_kiosk_token_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE SEQUENCE public.leader_epoch
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;

COMMENT ON SEQUENCE public.leader_epoch IS 'fencing token: every new leader of the jobs role takes the next value';

CREATE TABLE public.leak (
    id bigint NOT NULL,
    point text,
    place text,
    began_on date NOT NULL,
    opened_on date NOT NULL,
    opened_at timestamp with time zone NOT NULL,
    basis text NOT NULL,
    reason text NOT NULL,
    usual_l_day bigint NOT NULL,
    limit_l_day bigint NOT NULL,
    floor_l_day bigint NOT NULL,
    lost_l_day bigint GENERATED ALWAYS AS ((floor_l_day - usual_l_day)) STORED,
    nights integer NOT NULL,
    last_on date NOT NULL,
    cleared_on date,
    cleared_at timestamp with time zone,
    clear_reason text,
    CONSTRAINT leak_check CHECK ((num_nonnulls(point, place) = 1)),
    CONSTRAINT leak_check1 CHECK (((cleared_on IS NULL) = (cleared_at IS NULL))),
    CONSTRAINT leak_clear_reason_check CHECK ((clear_reason = ANY (ARRAY['quiet'::text, 'known_use'::text]))),
    CONSTRAINT leak_reason_check CHECK ((reason = ANY (ARRAY['above_zero'::text, 'step'::text, 'never_zero'::text])))
);

COMMENT ON TABLE public.leak IS 'derived by following the nights again; point and opened_on keep their id. Open while cleared_at is null';

COMMENT ON COLUMN public.leak.opened_at IS 'when the night that opened it was over, not when it was looked at';

COMMENT ON COLUMN public.leak.lost_l_day IS 'what flows above the usual: a thousandth of it is m3 a day, a 24th litres an hour';

ALTER TABLE public.leak ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.leak_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.leak_known_use (
    id bigint NOT NULL,
    point text,
    place text,
    after date NOT NULL,
    floor_l_day bigint NOT NULL,
    reason text NOT NULL,
    actor text NOT NULL,
    at timestamp with time zone NOT NULL,
    CONSTRAINT leak_known_use_check CHECK ((num_nonnulls(point, place) = 1)),
    CONSTRAINT leak_known_use_floor_l_day_check CHECK ((floor_l_day >= 0))
);

COMMENT ON TABLE public.leak_known_use IS 'somebody said that this much flows by right in the nights after this day; the newest row of a point counts';

ALTER TABLE public.leak_known_use ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.leak_known_use_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.leak_watch (
    about text NOT NULL,
    code text NOT NULL,
    settled_on date NOT NULL,
    state jsonb NOT NULL,
    CONSTRAINT leak_watch_about_check CHECK ((about = ANY (ARRAY['point'::text, 'place'::text])))
);

COMMENT ON TABLE public.leak_watch IS 'what is remembered of a point up to and with a night that is too old to change; everything later is followed again from here';

CREATE TABLE public.line (
    gateway text NOT NULL,
    code text NOT NULL,
    settings jsonb NOT NULL,
    "position" integer NOT NULL,
    removed_at timestamp with time zone
);

COMMENT ON COLUMN public.line.settings IS 'the plan''s line without its devices: port, baud, parity, ...';

CREATE TABLE public.line_hour (
    gateway text NOT NULL,
    line text NOT NULL,
    hour timestamp with time zone NOT NULL,
    exchanges bigint DEFAULT 0 NOT NULL,
    timeouts bigint DEFAULT 0 NOT NULL,
    checksum_errors bigint DEFAULT 0 NOT NULL,
    noise_bytes bigint DEFAULT 0 NOT NULL,
    useful_bytes bigint DEFAULT 0 NOT NULL,
    busy_ms bigint DEFAULT 0 NOT NULL,
    seconds integer DEFAULT 0 NOT NULL
)
WITH (fillfactor='70');

COMMENT ON TABLE public.line_hour IS 'no foreign key, as gateway_status; rows go after 400 days';

COMMENT ON COLUMN public.line_hour.seconds IS 'how much of the hour the counters tell of; less than 3600: the box or its reports were away';

CREATE TABLE public.load_shape (
    place text NOT NULL,
    medium text NOT NULL,
    week date NOT NULL,
    night_permille integer,
    weekend_permille integer,
    night bigint,
    CONSTRAINT load_shape_week_check CHECK ((EXTRACT(isodow FROM week) = (1)::numeric))
);

COMMENT ON TABLE public.load_shape IS 'derived nightly, a row a week: mean of 00-05 over mean of 09-17 on workdays, mean of free days over mean of workdays';

COMMENT ON COLUMN public.load_shape.night IS 'what flowed from 00 to 05 in the week''s known days, a seventh a day';

CREATE TABLE public.login_failure (
    key_digest bytea NOT NULL,
    failures integer NOT NULL,
    last_at timestamp with time zone NOT NULL,
    open_at timestamp with time zone NOT NULL
);

CREATE TABLE public.login_step (
    token_digest bytea NOT NULL,
    account_id bigint NOT NULL,
    method text NOT NULL,
    created_at timestamp with time zone NOT NULL,
    ends_at timestamp with time zone NOT NULL
);

CREATE TABLE public.metering_point (
    code text NOT NULL,
    name_zh text NOT NULL,
    name_en text NOT NULL,
    "position" integer NOT NULL,
    removed_at timestamp with time zone,
    id integer NOT NULL,
    medium text DEFAULT 'electricity'::text NOT NULL,
    CONSTRAINT metering_point_medium_check CHECK ((medium = ANY (ARRAY['electricity'::text, 'water'::text])))
);

COMMENT ON COLUMN public.metering_point.id IS 'short key of the consumption tables';

ALTER TABLE public.metering_point ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.metering_point_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.night_flow (
    about text NOT NULL,
    code text NOT NULL,
    night date NOT NULL,
    basis text NOT NULL,
    floor_l_day bigint,
    whole boolean NOT NULL,
    version integer NOT NULL,
    CONSTRAINT night_flow_about_check CHECK ((about = ANY (ARRAY['point'::text, 'place'::text]))),
    CONSTRAINT night_flow_basis_check CHECK ((basis = ANY (ARRAY['quarter'::text, 'hour'::text, 'day'::text, 'place'::text])))
);

COMMENT ON TABLE public.night_flow IS 'derived from consumption_day and place_day; old nights go (central.analytics.nights.KEEP_NIGHTS)';

COMMENT ON COLUMN public.night_flow.night IS 'the local day whose 02:00 to 05:00 it is';

COMMENT ON COLUMN public.night_flow.floor_l_day IS 'the least flow as litres a day, so that every basis stays a whole number; null: too little data';

COMMENT ON COLUMN public.night_flow.version IS 'version of the day row it was taken from: only what changed is looked at again';

CREATE TABLE public.notification (
    id bigint NOT NULL,
    change bigint NOT NULL,
    alarm bigint NOT NULL,
    rule bigint NOT NULL,
    kind text NOT NULL,
    state text NOT NULL,
    made_at timestamp with time zone NOT NULL,
    due_at timestamp with time zone NOT NULL,
    taken_until timestamp with time zone,
    attempts integer DEFAULT 0 NOT NULL,
    told text,
    sent_at timestamp with time zone,
    proof text,
    read_at timestamp with time zone,
    CONSTRAINT notification_state_check CHECK ((state = ANY (ARRAY['waiting'::text, 'sent'::text, 'failed'::text, 'needless'::text])))
);

COMMENT ON COLUMN public.notification.state IS 'needless: what it would have told was over or acknowledged before it was due';

COMMENT ON COLUMN public.notification.taken_until IS 'a sender is at it until then; after that another one may try';

COMMENT ON COLUMN public.notification.told IS 'why the last try failed; never an address or secret';

COMMENT ON COLUMN public.notification.proof IS 'what the other side answered when it took the message: SMTP reply, status and body';

ALTER TABLE public.notification ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.notification_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.notify_channel (
    id bigint NOT NULL,
    name text NOT NULL,
    kind text NOT NULL,
    language text NOT NULL,
    sealed bytea NOT NULL,
    hint text NOT NULL,
    enabled boolean DEFAULT true NOT NULL,
    actor text NOT NULL,
    created_at timestamp with time zone NOT NULL,
    CONSTRAINT notify_channel_kind_check CHECK ((kind = ANY (ARRAY['email'::text, 'wecom'::text, 'dingtalk'::text, 'webhook'::text]))),
    CONSTRAINT notify_channel_language_check CHECK ((language = ANY (ARRAY['zh_CN'::text, 'en'::text]))),
    CONSTRAINT notify_channel_name_check CHECK (((length(name) >= 1) AND (length(name) <= 60)))
);

COMMENT ON COLUMN public.notify_channel.hint IS 'what may be shown of the address: the host, or who gets the mail';

ALTER TABLE public.notify_channel ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.notify_channel_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.notify_rule (
    id bigint NOT NULL,
    name text NOT NULL,
    channel bigint,
    account bigint,
    place text,
    severities text[] NOT NULL,
    alarm_rules text[] DEFAULT '{}'::text[] NOT NULL,
    kinds text[] NOT NULL,
    after_s integer DEFAULT 0 NOT NULL,
    quiet_from smallint,
    quiet_to smallint,
    quiet_passes text[] DEFAULT '{urgent}'::text[] NOT NULL,
    enabled boolean DEFAULT true NOT NULL,
    actor text NOT NULL,
    created_at timestamp with time zone NOT NULL,
    CONSTRAINT notify_rule_after_s_check CHECK (((after_s >= 0) AND (after_s <= 86400))),
    CONSTRAINT notify_rule_check CHECK ((num_nonnulls(channel, account) = 1)),
    CONSTRAINT notify_rule_check1 CHECK (((quiet_from IS NULL) = (quiet_to IS NULL))),
    CONSTRAINT notify_rule_kinds_check CHECK (((cardinality(kinds) >= 1) AND (cardinality(kinds) <= 8))),
    CONSTRAINT notify_rule_name_check CHECK (((length(name) >= 1) AND (length(name) <= 60))),
    CONSTRAINT notify_rule_quiet_from_check CHECK (((quiet_from >= 0) AND (quiet_from <= 1439))),
    CONSTRAINT notify_rule_quiet_to_check CHECK (((quiet_to >= 0) AND (quiet_to <= 1439))),
    CONSTRAINT notify_rule_severities_check CHECK (((cardinality(severities) >= 1) AND (cardinality(severities) <= 3)))
);

COMMENT ON COLUMN public.notify_rule.place IS 'null: the whole site; else this place and everything below it';

COMMENT ON COLUMN public.notify_rule.after_s IS 'tell only what nobody has acknowledged and what still stands after so long: escalation';

COMMENT ON COLUMN public.notify_rule.quiet_from IS 'local minute of the day from which nothing is sent but severities in quiet_passes; what is held back comes at quiet_to';

ALTER TABLE public.notify_rule ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.notify_rule_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.notify_todo (
    change bigint NOT NULL
);

CREATE TABLE public.old_box_acceptance (
    id bigint NOT NULL,
    gateway text NOT NULL,
    generation bigint NOT NULL,
    batches integer NOT NULL,
    reason text NOT NULL,
    actor text NOT NULL,
    at timestamp with time zone DEFAULT now() NOT NULL
);

COMMENT ON TABLE public.old_box_acceptance IS 'decisions to store what a replaced box had still sent';

ALTER TABLE public.old_box_acceptance ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.old_box_acceptance_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.one_time_link (
    token_digest bytea NOT NULL,
    role text NOT NULL,
    account_id bigint,
    created_by text NOT NULL,
    created_at timestamp with time zone NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    used_at timestamp with time zone,
    places text[],
    CONSTRAINT one_time_link_admin_sees_all CHECK (((role <> 'admin'::text) OR (places IS NULL) OR (account_id IS NOT NULL))),
    CONSTRAINT one_time_link_places_check CHECK (((cardinality(places) >= 1) AND (cardinality(places) <= 200))),
    CONSTRAINT one_time_link_role_check CHECK ((role = ANY (ARRAY['admin'::text, 'operator'::text, 'engineer'::text, 'viewer'::text])))
);

CREATE TABLE public.place_day (
    place text NOT NULL,
    medium text NOT NULL,
    day date NOT NULL,
    value bigint NOT NULL,
    points integer NOT NULL,
    slots bigint[] NOT NULL,
    known integer[] NOT NULL,
    rates bigint[] NOT NULL,
    version integer DEFAULT 1 NOT NULL
)
WITH (fillfactor='70');

COMMENT ON COLUMN public.place_day.points IS 'points that count here on that day';

COMMENT ON COLUMN public.place_day.known IS 'how many of them are known whole in each slot';

CREATE TABLE public.place_fact (
    place text NOT NULL,
    fact text NOT NULL,
    valid_from date DEFAULT '-infinity'::date NOT NULL,
    number bigint,
    code text,
    source text NOT NULL,
    actor text NOT NULL,
    noted_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT place_fact_check CHECK ((((number IS NULL) OR (code IS NULL)) AND ((code IS NULL) OR (fact = 'building_type'::text)) AND ((number IS NULL) OR (fact <> 'building_type'::text)))),
    CONSTRAINT place_fact_fact_check CHECK ((fact = ANY (ARRAY['area_m2'::text, 'air_conditioned_m2'::text, 'heated_m2'::text, 'people'::text, 'building_type'::text, 'floors'::text, 'built_year'::text]))),
    CONSTRAINT place_fact_number_check CHECK ((number >= 0))
);

COMMENT ON TABLE public.place_fact IS 'what is true of a place from a local day on, until the next row of the same fact; neither number nor code: not known from then on';

CREATE TABLE public.place_month (
    place text NOT NULL,
    medium text NOT NULL,
    month date NOT NULL,
    value bigint NOT NULL,
    points_s bigint NOT NULL,
    known_s bigint NOT NULL,
    rates bigint[] NOT NULL,
    version integer DEFAULT 1 NOT NULL
)
WITH (fillfactor='70');

COMMENT ON COLUMN public.place_month.points_s IS 'seconds there are to be known: points times length, summed over the days; known_s of them are';

CREATE TABLE public.point_item (
    point text NOT NULL,
    valid_from date DEFAULT '-infinity'::date NOT NULL,
    item text,
    source text NOT NULL,
    actor text NOT NULL,
    noted_at timestamp with time zone DEFAULT now() NOT NULL
);

COMMENT ON TABLE public.point_item IS 'energy item (code of the site''s own tree, central/reports/dictionaries) of a point from a local day on; null: none from then on';

CREATE TABLE public.point_position (
    point text NOT NULL,
    place text NOT NULL,
    upstream text,
    role text DEFAULT 'sub'::text NOT NULL,
    valid_from date DEFAULT '-infinity'::date NOT NULL,
    valid_to date DEFAULT 'infinity'::date NOT NULL,
    CONSTRAINT point_position_interval CHECK ((valid_to > valid_from)),
    CONSTRAINT point_position_role_check CHECK ((role = ANY (ARRAY['intake'::text, 'main'::text, 'branch'::text, 'sub'::text, 'check'::text, 'virtual'::text])))
);

COMMENT ON COLUMN public.point_position.upstream IS 'the point that measures this one too; a sum counts a point only where none above it is in the sum';

COMMENT ON COLUMN public.point_position.role IS 'check meters are in no sum; virtual points are computed from virtual_term';

CREATE TABLE public.quarantine (
    id bigint NOT NULL,
    digest bytea NOT NULL,
    reason text NOT NULL,
    message text NOT NULL,
    topic text NOT NULL,
    gateway text,
    generation bigint,
    epoch bigint,
    seq bigint,
    properties jsonb NOT NULL,
    payload bytea NOT NULL,
    payload_bytes integer NOT NULL,
    received_at timestamp with time zone DEFAULT now() NOT NULL,
    last_at timestamp with time zone DEFAULT now() NOT NULL,
    times integer DEFAULT 1 NOT NULL,
    replayed_at timestamp with time zone
);

COMMENT ON COLUMN public.quarantine.digest IS 'SHA-256 over topic and payload: the same message again raises times';

ALTER TABLE public.quarantine ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.quarantine_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.ratio_correction (
    id bigint NOT NULL,
    installation bigint NOT NULL,
    before jsonb NOT NULL,
    after jsonb NOT NULL,
    reason text NOT NULL,
    actor text NOT NULL,
    corrected_at timestamp with time zone DEFAULT now() NOT NULL
);

ALTER TABLE public.ratio_correction ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.ratio_correction_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.reading (
    series_id bigint NOT NULL,
    measured_at timestamp with time zone NOT NULL,
    value bigint NOT NULL,
    quality smallint NOT NULL
);

CREATE TABLE public.reading_block (
    series_id bigint NOT NULL,
    week timestamp with time zone NOT NULL,
    times_of bigint,
    readings integer NOT NULL,
    first_at timestamp with time zone NOT NULL,
    last_at timestamp with time zone NOT NULL,
    first_value bigint NOT NULL,
    last_value bigint NOT NULL,
    unit bigint NOT NULL,
    step_ms integer,
    last_quality smallint NOT NULL,
    late_low smallint[],
    late_high smallint[],
    rise_low smallint[] NOT NULL,
    rise_high integer[],
    quality smallint[],
    CONSTRAINT reading_block_check CHECK ((((times_of IS NULL) = (late_low IS NOT NULL)) AND ((times_of IS NULL) = (step_ms IS NOT NULL)))),
    CONSTRAINT reading_block_readings_check CHECK ((readings > 0)),
    CONSTRAINT reading_block_unit_check CHECK ((unit > 0))
);

COMMENT ON COLUMN public.reading_block.times_of IS 'the series whose block of this week holds these times too (same exchange, same instants); null: they are here';

COMMENT ON COLUMN public.reading_block.late_low IS 'how much longer than step_ms each step took, ms, signed low 16 bits; the rest in late_high (null: all 0)';

COMMENT ON COLUMN public.reading_block.rise_low IS 'each step of the value in units, signed low 16 bits; the rest in rise_high (null: all 0); the first is 0';

COMMENT ON COLUMN public.reading_block.quality IS 'null: all good';

CREATE TABLE public.reading_verdict (
    series_id bigint NOT NULL,
    measured_at timestamp with time zone NOT NULL,
    verdict text NOT NULL,
    reason text NOT NULL,
    CONSTRAINT reading_verdict_verdict_check CHECK ((verdict = ANY (ARRAY['rejected'::text, 'baseline'::text])))
);

COMMENT ON COLUMN public.reading_verdict.verdict IS 'rejected: as if never read; baseline: counting starts anew here, what was before it is unknown';

CREATE TABLE public.recovery_code (
    account_id bigint NOT NULL,
    code_digest bytea NOT NULL,
    used_at timestamp with time zone
);

CREATE TABLE public.registry_edit (
    id bigint NOT NULL,
    point text NOT NULL,
    kind text NOT NULL,
    before jsonb NOT NULL,
    after jsonb NOT NULL,
    what text NOT NULL,
    actor text NOT NULL,
    at timestamp with time zone DEFAULT now() NOT NULL,
    withdrawn_at timestamp with time zone,
    CONSTRAINT registry_edit_kind_check CHECK ((kind = ANY (ARRAY['meter'::text, 'ratio'::text, 'position'::text])))
);

COMMENT ON COLUMN public.registry_edit.before IS 'the site plan''s keys for the point and the values they had: a plan that still says so is older than the change';

ALTER TABLE public.registry_edit ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.registry_edit_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.replacement (
    id bigint NOT NULL,
    key text NOT NULL,
    digest bytea NOT NULL,
    point text NOT NULL,
    old_device text NOT NULL,
    new_device text NOT NULL,
    old_installation bigint NOT NULL,
    new_installation bigint,
    removed_at timestamp with time zone NOT NULL,
    installed_at timestamp with time zone NOT NULL,
    closing jsonb NOT NULL,
    opening jsonb NOT NULL,
    unreadable text,
    carried jsonb DEFAULT '{}'::jsonb NOT NULL,
    adopted integer DEFAULT 0 NOT NULL,
    photos text[] DEFAULT '{}'::text[] NOT NULL,
    person text NOT NULL,
    reason text NOT NULL,
    actor text NOT NULL,
    request jsonb NOT NULL,
    answer jsonb NOT NULL,
    done_at timestamp with time zone DEFAULT now() NOT NULL,
    cancelled_at timestamp with time zone,
    cancelled_by text,
    cancel_reason text
);

COMMENT ON TABLE public.replacement IS 'one row a meter replacement, kept when it is cancelled';

COMMENT ON COLUMN public.replacement.key IS 'chosen by the caller: the same key with the same request is answered again, not done again';

COMMENT ON COLUMN public.replacement.digest IS 'SHA-256 of the request';

COMMENT ON COLUMN public.replacement.new_installation IS 'null after it was cancelled: the stay is gone, its facts are here';

COMMENT ON COLUMN public.replacement.carried IS 'credit and purchase count the old meter showed: to be carried over to the new one';

COMMENT ON COLUMN public.replacement.adopted IS 'readings the new meter had sent under the old one''s name, copied to its own series';

ALTER TABLE public.replacement ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.replacement_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE VIEW public.reported_place_month AS
 SELECT closed_place.month,
    closed_place.place,
    closed_place.medium,
    closed_place.value,
    closed_place.points_s,
    closed_place.known_s,
    closed_place.rates
   FROM public.closed_place
UNION ALL
 SELECT l.month,
    l.place,
    l.medium,
    l.value,
    l.points_s,
    l.known_s,
    l.rates
   FROM public.place_month l
  WHERE (l.month <> ALL (ARRAY( SELECT c.month
           FROM public.closed_month c)));

CREATE VIEW public.reported_point_month AS
 SELECT closed_figure.month,
    closed_figure.point_id,
    closed_figure.value,
    closed_figure.known_s,
    closed_figure.measured,
    closed_figure.rates
   FROM public.closed_figure
UNION ALL
 SELECT l.month,
    l.point_id,
    l.value,
    l.known_s,
    l.measured,
    l.rates
   FROM public.consumption_month l
  WHERE (l.month <> ALL (ARRAY( SELECT c.month
           FROM public.closed_month c)));

CREATE TABLE public.rise_figure (
    point_id integer NOT NULL,
    until date NOT NULL,
    recent bigint NOT NULL,
    recent_s bigint NOT NULL,
    before bigint NOT NULL,
    before_s bigint NOT NULL,
    recent_fen bigint,
    before_fen bigint
)
WITH (fillfactor='80');

COMMENT ON TABLE public.rise_figure IS 'derived nightly: the seven days up to `until`, and the 28 before them (four times the same weekdays)';

COMMENT ON COLUMN public.rise_figure.recent_fen IS 'both at the prices of `until`, so that a new price is no rise; null without a tariff';

CREATE TABLE public.series (
    id bigint NOT NULL,
    device text NOT NULL,
    quantity text NOT NULL
);

ALTER TABLE public.series ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.series_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.site_plan (
    version integer NOT NULL,
    name text NOT NULL,
    text text NOT NULL,
    sha256 text NOT NULL,
    actor text NOT NULL,
    imported_at timestamp with time zone DEFAULT now() NOT NULL,
    summary jsonb NOT NULL
);

ALTER TABLE public.site_plan ALTER COLUMN version ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.site_plan_version_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.storage_state (
    one boolean DEFAULT true NOT NULL,
    packed_before timestamp with time zone DEFAULT '-infinity'::timestamp with time zone NOT NULL,
    kept_from timestamp with time zone DEFAULT '-infinity'::timestamp with time zone NOT NULL,
    packed_at timestamp with time zone,
    packed_readings bigint DEFAULT 0 NOT NULL,
    CONSTRAINT storage_state_one_check CHECK (one)
);

COMMENT ON COLUMN public.storage_state.packed_before IS 'the horizon: readings before it may be packed; one that arrives takes the checked path. Only rises';

COMMENT ON COLUMN public.storage_state.kept_from IS 'readings before it were removed by retention; one that arrives is refused and counted. Only rises';

COMMENT ON COLUMN public.storage_state.packed_readings IS 'readings in blocks';

CREATE TABLE public.table_preference (
    account_id bigint NOT NULL,
    table_name text NOT NULL,
    columns text[] NOT NULL,
    CONSTRAINT table_preference_columns_check CHECK (((cardinality(columns) >= 1) AND (cardinality(columns) <= 200))),
    CONSTRAINT table_preference_table_name_check CHECK ((length(table_name) <= 64))
);

COMMENT ON TABLE public.table_preference IS 'columns an account chose to see; no row: the usual ones';

CREATE TABLE public.table_view (
    id bigint NOT NULL,
    account_id bigint NOT NULL,
    table_name text NOT NULL,
    name text NOT NULL,
    query text NOT NULL,
    CONSTRAINT table_view_name_check CHECK (((length(name) >= 1) AND (length(name) <= 80))),
    CONSTRAINT table_view_query_check CHECK ((length(query) <= 4000)),
    CONSTRAINT table_view_table_name_check CHECK ((length(table_name) <= 64))
);

COMMENT ON TABLE public.table_view IS 'saved filters: filters, sort and columns as an address says them, under a name; at most 50 of an account and table';

ALTER TABLE public.table_view ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.table_view_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.tariff_version (
    tariff text NOT NULL,
    valid_from date NOT NULL,
    body jsonb NOT NULL,
    actor text NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL
);

CREATE TABLE public.virtual_term (
    point text NOT NULL,
    input text NOT NULL,
    coefficient smallint NOT NULL,
    CONSTRAINT virtual_term_check CHECK ((point <> input)),
    CONSTRAINT virtual_term_coefficient_check CHECK ((coefficient = ANY (ARRAY['-1'::integer, 1])))
);

CREATE TABLE public.web_session (
    token_digest bytea NOT NULL,
    account_id bigint NOT NULL,
    created_at timestamp with time zone NOT NULL,
    last_seen_at timestamp with time zone NOT NULL,
    ends_at timestamp with time zone NOT NULL,
    session_id bigint NOT NULL,
    factor_at timestamp with time zone,
    method text DEFAULT 'password'::text NOT NULL,
    address text DEFAULT ''::text NOT NULL,
    device text DEFAULT ''::text NOT NULL,
    CONSTRAINT web_session_device_check CHECK ((length(device) <= 300))
);

COMMENT ON COLUMN public.web_session.factor_at IS 'when a second factor was shown in this session';

COMMENT ON COLUMN public.web_session.device IS 'the browser''s own description of itself';

ALTER TABLE public.web_session ALTER COLUMN session_id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.web_session_session_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

ALTER TABLE ONLY public.academic_term
    ADD CONSTRAINT academic_term_pkey PRIMARY KEY (kind, first_day);

ALTER TABLE ONLY public.account_external
    ADD CONSTRAINT account_external_pkey PRIMARY KEY (provider, subject);

ALTER TABLE ONLY public.account_factor
    ADD CONSTRAINT account_factor_pkey PRIMARY KEY (account_id);

ALTER TABLE ONLY public.account
    ADD CONSTRAINT account_name_key UNIQUE (name);

ALTER TABLE ONLY public.account
    ADD CONSTRAINT account_pkey PRIMARY KEY (account_id);

ALTER TABLE ONLY public.ack_cursor
    ADD CONSTRAINT ack_cursor_pkey PRIMARY KEY (gateway, generation, epoch);

ALTER TABLE ONLY public.adjustment
    ADD CONSTRAINT adjustment_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.alarm_change
    ADD CONSTRAINT alarm_change_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.alarm
    ADD CONSTRAINT alarm_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.alarm_round
    ADD CONSTRAINT alarm_round_pkey PRIMARY KEY (one);

ALTER TABLE ONLY public.alarm_rule_override
    ADD CONSTRAINT alarm_rule_override_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.alarm_rule_override
    ADD CONSTRAINT alarm_rule_override_rule_version_key UNIQUE (rule, version);

ALTER TABLE ONLY public.alarm_seen
    ADD CONSTRAINT alarm_seen_pkey PRIMARY KEY (account, alarm);

ALTER TABLE ONLY public.alarm_track
    ADD CONSTRAINT alarm_track_pkey PRIMARY KEY (rule, kind, subject);

ALTER TABLE ONLY public.alarm_window
    ADD CONSTRAINT alarm_window_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.analytics_round
    ADD CONSTRAINT analytics_round_pkey PRIMARY KEY (done_on);

ALTER TABLE ONLY public.api_token
    ADD CONSTRAINT api_token_pkey PRIMARY KEY (api_token_id);

ALTER TABLE ONLY public.api_token
    ADD CONSTRAINT api_token_token_digest_key UNIQUE (token_digest);

ALTER TABLE ONLY public.arrival
    ADD CONSTRAINT arrival_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.attachment
    ADD CONSTRAINT attachment_pkey PRIMARY KEY (sha256);

ALTER TABLE ONLY public.audit
    ADD CONSTRAINT audit_pkey PRIMARY KEY (audit_id);

ALTER TABLE ONLY public.audit_seal
    ADD CONSTRAINT audit_seal_last_id_key UNIQUE (last_id);

ALTER TABLE ONLY public.audit_seal
    ADD CONSTRAINT audit_seal_pkey PRIMARY KEY (audit_seal_id);

ALTER TABLE ONLY public.batch_item
    ADD CONSTRAINT batch_item_batch_id_key_key UNIQUE (batch_id, key);

ALTER TABLE ONLY public.batch_item
    ADD CONSTRAINT batch_item_pkey PRIMARY KEY (batch_id, "position");

ALTER TABLE ONLY public.batch_job
    ADD CONSTRAINT batch_job_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.batch
    ADD CONSTRAINT batch_pkey PRIMARY KEY (gateway, generation, epoch, seq);

ALTER TABLE ONLY public.battery_day
    ADD CONSTRAINT battery_day_pkey PRIMARY KEY (device, day);

ALTER TABLE ONLY public.battery_forecast
    ADD CONSTRAINT battery_forecast_pkey PRIMARY KEY (device);

ALTER TABLE ONLY public.calendar_day
    ADD CONSTRAINT calendar_day_pkey PRIMARY KEY (day);

ALTER TABLE ONLY public.clock_offset
    ADD CONSTRAINT clock_offset_once EXCLUDE USING gist (gateway WITH =, int8range(from_ms, to_ms) WITH &&);

ALTER TABLE ONLY public.clock_offset
    ADD CONSTRAINT clock_offset_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.closed_figure
    ADD CONSTRAINT closed_figure_pkey PRIMARY KEY (month, point_id);

ALTER TABLE ONLY public.closed_month
    ADD CONSTRAINT closed_month_pkey PRIMARY KEY (month);

ALTER TABLE ONLY public.closed_place
    ADD CONSTRAINT closed_place_pkey PRIMARY KEY (month, place, medium);

ALTER TABLE ONLY public.command_event
    ADD CONSTRAINT command_event_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.command
    ADD CONSTRAINT command_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.command
    ADD CONSTRAINT command_requested_by_key_key UNIQUE (requested_by, key);

ALTER TABLE ONLY public.completeness_day
    ADD CONSTRAINT completeness_day_pkey PRIMARY KEY (day, device);

ALTER TABLE ONLY public.consumption_day
    ADD CONSTRAINT consumption_day_pkey PRIMARY KEY (point_id, day);

ALTER TABLE ONLY public.consumption_mark
    ADD CONSTRAINT consumption_mark_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.consumption_month
    ADD CONSTRAINT consumption_month_pkey PRIMARY KEY (month, point_id);

ALTER TABLE ONLY public.desired_document
    ADD CONSTRAINT desired_document_pkey PRIMARY KEY (gateway, document);

ALTER TABLE ONLY public.device
    ADD CONSTRAINT device_pkey PRIMARY KEY (code);

ALTER TABLE ONLY public.device_status
    ADD CONSTRAINT device_status_pkey PRIMARY KEY (device);

ALTER TABLE ONLY public.dirty
    ADD CONSTRAINT dirty_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.dirty_place
    ADD CONSTRAINT dirty_place_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.event
    ADD CONSTRAINT event_gateway_generation_epoch_seq_position_key UNIQUE (gateway, generation, epoch, seq, "position");

ALTER TABLE ONLY public.event
    ADD CONSTRAINT event_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.export_job
    ADD CONSTRAINT export_job_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.external_login
    ADD CONSTRAINT external_login_pkey PRIMARY KEY (state_digest);

ALTER TABLE ONLY public.finding
    ADD CONSTRAINT finding_code_point_device_place_at_key UNIQUE NULLS NOT DISTINCT (code, point, device, place, at);

ALTER TABLE ONLY public.finding
    ADD CONSTRAINT finding_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.gateway_gap
    ADD CONSTRAINT gateway_gap_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.gateway_hour
    ADD CONSTRAINT gateway_hour_pkey PRIMARY KEY (gateway, hour);

ALTER TABLE ONLY public.gateway
    ADD CONSTRAINT gateway_pkey PRIMARY KEY (code);

ALTER TABLE ONLY public.gateway_replacement
    ADD CONSTRAINT gateway_replacement_key_key UNIQUE (key);

ALTER TABLE ONLY public.gateway_replacement
    ADD CONSTRAINT gateway_replacement_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.gateway_status
    ADD CONSTRAINT gateway_status_pkey PRIMARY KEY (gateway);

ALTER TABLE ONLY public.installation
    ADD CONSTRAINT installation_one_device_a_point EXCLUDE USING gist (point WITH =, tstzrange(installed_at, removed_at) WITH &&);

ALTER TABLE ONLY public.installation
    ADD CONSTRAINT installation_one_point_a_register EXCLUDE USING gist (device WITH =, COALESCE(register, ''::text) WITH =, tstzrange(installed_at, removed_at) WITH &&);

ALTER TABLE ONLY public.installation
    ADD CONSTRAINT installation_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.iot_command
    ADD CONSTRAINT iot_command_key_key UNIQUE (key);

ALTER TABLE ONLY public.iot_command
    ADD CONSTRAINT iot_command_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.iot_meter
    ADD CONSTRAINT iot_meter_one_a_card EXCLUDE USING btree (imei WITH =) WHERE ((removed_at IS NULL)) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY public.iot_meter
    ADD CONSTRAINT iot_meter_one_a_number EXCLUDE USING btree (number WITH =) WHERE ((removed_at IS NULL)) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY public.iot_meter
    ADD CONSTRAINT iot_meter_pkey PRIMARY KEY (device);

ALTER TABLE ONLY public.iot_nonce
    ADD CONSTRAINT iot_nonce_pkey PRIMARY KEY (source, nonce);

ALTER TABLE ONLY public.iot_report
    ADD CONSTRAINT iot_report_device_digest_key UNIQUE (device, digest);

ALTER TABLE ONLY public.iot_report
    ADD CONSTRAINT iot_report_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.iot_state
    ADD CONSTRAINT iot_state_pkey PRIMARY KEY (device);

ALTER TABLE ONLY public.kiosk_token
    ADD CONSTRAINT kiosk_token_pkey PRIMARY KEY (kiosk_token_id);

ALTER TABLE ONLY public.kiosk_token
    ADD CONSTRAINT kiosk_token_token_digest_key UNIQUE (token_digest);

ALTER TABLE ONLY public.leak_known_use
    ADD CONSTRAINT leak_known_use_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.leak
    ADD CONSTRAINT leak_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.leak
    ADD CONSTRAINT leak_point_place_opened_on_key UNIQUE NULLS NOT DISTINCT (point, place, opened_on);

ALTER TABLE ONLY public.leak_watch
    ADD CONSTRAINT leak_watch_pkey PRIMARY KEY (about, code);

ALTER TABLE ONLY public.line_hour
    ADD CONSTRAINT line_hour_pkey PRIMARY KEY (gateway, line, hour);

ALTER TABLE ONLY public.line
    ADD CONSTRAINT line_pkey PRIMARY KEY (gateway, code);

ALTER TABLE ONLY public.load_shape
    ADD CONSTRAINT load_shape_pkey PRIMARY KEY (place, medium, week);

ALTER TABLE ONLY public.login_failure
    ADD CONSTRAINT login_failure_pkey PRIMARY KEY (key_digest);

ALTER TABLE ONLY public.login_step
    ADD CONSTRAINT login_step_pkey PRIMARY KEY (token_digest);

ALTER TABLE ONLY public.metering_point
    ADD CONSTRAINT metering_point_id_key UNIQUE (id);

ALTER TABLE ONLY public.metering_point
    ADD CONSTRAINT metering_point_pkey PRIMARY KEY (code);

ALTER TABLE ONLY public.night_flow
    ADD CONSTRAINT night_flow_pkey PRIMARY KEY (about, code, night);

ALTER TABLE ONLY public.notification
    ADD CONSTRAINT notification_change_rule_key UNIQUE (change, rule);

ALTER TABLE ONLY public.notification
    ADD CONSTRAINT notification_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.notify_channel
    ADD CONSTRAINT notify_channel_name_key UNIQUE (name);

ALTER TABLE ONLY public.notify_channel
    ADD CONSTRAINT notify_channel_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.notify_rule
    ADD CONSTRAINT notify_rule_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.notify_todo
    ADD CONSTRAINT notify_todo_pkey PRIMARY KEY (change);

ALTER TABLE ONLY public.old_box_acceptance
    ADD CONSTRAINT old_box_acceptance_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.one_time_link
    ADD CONSTRAINT one_time_link_pkey PRIMARY KEY (token_digest);

ALTER TABLE ONLY public.place_day
    ADD CONSTRAINT place_day_pkey PRIMARY KEY (place, medium, day);

ALTER TABLE ONLY public.place_fact
    ADD CONSTRAINT place_fact_pkey PRIMARY KEY (place, fact, valid_from);

ALTER TABLE ONLY public.place_month
    ADD CONSTRAINT place_month_pkey PRIMARY KEY (place, medium, month);

ALTER TABLE ONLY public.place
    ADD CONSTRAINT place_pkey PRIMARY KEY (code);

ALTER TABLE ONLY public.place_within
    ADD CONSTRAINT place_within_pkey PRIMARY KEY (place, above);

ALTER TABLE ONLY public.point_item
    ADD CONSTRAINT point_item_pkey PRIMARY KEY (point, valid_from);

ALTER TABLE ONLY public.point_position
    ADD CONSTRAINT point_position_once EXCLUDE USING gist (point WITH =, daterange(valid_from, valid_to) WITH &&);

ALTER TABLE ONLY public.point_position
    ADD CONSTRAINT point_position_pkey PRIMARY KEY (point, valid_from);

ALTER TABLE ONLY public.quarantine
    ADD CONSTRAINT quarantine_digest_key UNIQUE (digest);

ALTER TABLE ONLY public.quarantine
    ADD CONSTRAINT quarantine_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.ratio_correction
    ADD CONSTRAINT ratio_correction_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.reading_block
    ADD CONSTRAINT reading_block_pkey PRIMARY KEY (series_id, week);

ALTER TABLE ONLY public.reading
    ADD CONSTRAINT reading_pkey PRIMARY KEY (series_id, measured_at);

ALTER TABLE ONLY public.reading_verdict
    ADD CONSTRAINT reading_verdict_pkey PRIMARY KEY (series_id, measured_at);

ALTER TABLE ONLY public.recovery_code
    ADD CONSTRAINT recovery_code_pkey PRIMARY KEY (account_id, code_digest);

ALTER TABLE ONLY public.registry_edit
    ADD CONSTRAINT registry_edit_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.replacement
    ADD CONSTRAINT replacement_key_key UNIQUE (key);

ALTER TABLE ONLY public.replacement
    ADD CONSTRAINT replacement_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.rise_figure
    ADD CONSTRAINT rise_figure_pkey PRIMARY KEY (point_id);

ALTER TABLE ONLY public.series
    ADD CONSTRAINT series_device_quantity_key UNIQUE (device, quantity);

ALTER TABLE ONLY public.series
    ADD CONSTRAINT series_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.site_plan
    ADD CONSTRAINT site_plan_pkey PRIMARY KEY (version);

ALTER TABLE ONLY public.storage_state
    ADD CONSTRAINT storage_state_pkey PRIMARY KEY (one);

ALTER TABLE ONLY public.table_preference
    ADD CONSTRAINT table_preference_pkey PRIMARY KEY (account_id, table_name);

ALTER TABLE ONLY public.table_view
    ADD CONSTRAINT table_view_account_id_table_name_name_key UNIQUE (account_id, table_name, name);

ALTER TABLE ONLY public.table_view
    ADD CONSTRAINT table_view_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.tariff_version
    ADD CONSTRAINT tariff_version_pkey PRIMARY KEY (tariff, valid_from);

ALTER TABLE ONLY public.virtual_term
    ADD CONSTRAINT virtual_term_pkey PRIMARY KEY (point, input);

ALTER TABLE ONLY public.web_session
    ADD CONSTRAINT web_session_pkey PRIMARY KEY (token_digest);

ALTER TABLE ONLY public.web_session
    ADD CONSTRAINT web_session_session_id_key UNIQUE (session_id);

CREATE INDEX account_external_account ON public.account_external USING btree (account_id);

CREATE INDEX adjustment_closed ON public.adjustment USING btree (closed_month, point_id);

CREATE INDEX adjustment_into ON public.adjustment USING btree (into_month);

CREATE INDEX alarm_assignee ON public.alarm USING btree (assignee) WHERE ((assignee IS NOT NULL) AND (cleared_at IS NULL));

CREATE INDEX alarm_change_alarm ON public.alarm_change USING btree (alarm, id);

CREATE UNIQUE INDEX alarm_change_key ON public.alarm_change USING btree (alarm, key) WHERE (key IS NOT NULL);

CREATE UNIQUE INDEX alarm_one_a_cause ON public.alarm USING btree (rule, kind, subject) WHERE (cleared_at IS NULL);

CREATE INDEX alarm_parent ON public.alarm USING btree (parent) WHERE (parent IS NOT NULL);

CREATE INDEX alarm_place ON public.alarm USING btree (place, raised_at DESC);

CREATE INDEX alarm_raised ON public.alarm USING btree (raised_at DESC, id DESC);

CREATE INDEX alarm_seen_alarm ON public.alarm_seen USING btree (alarm);

CREATE INDEX alarm_standing ON public.alarm USING btree (severity, place) WHERE ((cleared_at IS NULL) AND (closed_at IS NULL));

CREATE INDEX alarm_subject ON public.alarm USING btree (kind, subject, id DESC);

CREATE INDEX alarm_window_coming ON public.alarm_window USING btree (until_at) WHERE (ended_at IS NULL);

CREATE UNIQUE INDEX api_token_live_name ON public.api_token USING btree (name) WHERE (revoked_at IS NULL);

CREATE INDEX audit_at ON public.audit USING btree (at);

CREATE INDEX batch_item_open ON public.batch_item USING btree (batch_id, "position") WHERE (state = ANY (ARRAY['pending'::text, 'running'::text]));

CREATE INDEX batch_job_open ON public.batch_job USING btree (turn_at NULLS FIRST, id) WHERE (state = 'running'::text);

CREATE INDEX batch_job_owner ON public.batch_job USING btree (owner, id DESC);

CREATE INDEX batch_received ON public.batch USING brin (received_at);

CREATE INDEX command_device ON public.command USING btree (device, requested_at DESC);

CREATE INDEX command_event_command ON public.command_event USING btree (command, id);

CREATE INDEX command_line ON public.command USING btree (gateway, line, requested_at DESC) WHERE (device IS NULL);

CREATE UNIQUE INDEX command_one_switch ON public.command USING btree (device, ((arguments ->> 'quantity'::text))) WHERE ((kind = 'switch'::text) AND (state = ANY (ARRAY['queued'::text, 'sent'::text, 'running'::text])));

CREATE INDEX command_open ON public.command USING btree (gateway, requested_at) WHERE (state = ANY (ARRAY['queued'::text, 'sent'::text, 'running'::text]));

CREATE INDEX command_settled ON public.command USING btree (settled_at) WHERE (kind <> 'switch'::text);

CREATE INDEX completeness_day_device ON public.completeness_day USING btree (device, day);

CREATE INDEX completeness_day_look ON public.completeness_day USING btree (look_at) WHERE (NOT settled);

CREATE INDEX consumption_day_day ON public.consumption_day USING btree (day);

CREATE INDEX consumption_day_pending ON public.consumption_day USING btree (point_id, day) WHERE pending;

CREATE INDEX consumption_mark_point ON public.consumption_mark USING btree (point);

CREATE INDEX device_line ON public.device USING btree (gateway, line);

CREATE INDEX device_place ON public.device USING btree (place);

CREATE INDEX device_search ON public.device USING gin ((((((((code || ' '::text) || address) || ' '::text) || name_zh) || ' '::text) || lower(name_en))) public.gin_trgm_ops);

CREATE INDEX device_standing ON public.device USING btree (place) WHERE (removed_at IS NULL);

CREATE INDEX event_at ON public.event USING btree (at);

CREATE INDEX event_device ON public.event USING btree (device, at) WHERE (device IS NOT NULL);

CREATE INDEX event_meter_clock ON public.event USING btree (device, at DESC) WHERE (code = ANY (ARRAY['meter.clock_off'::text, 'meter.clock_right'::text, 'iot.clock_wrong'::text]));

CREATE INDEX event_outbox_full ON public.event USING btree (at) WHERE (code = 'outbox.full'::text);

CREATE INDEX export_job_files ON public.export_job USING btree (expires_at) WHERE ((state = 'done'::text) AND (removed IS NULL));

CREATE INDEX export_job_open ON public.export_job USING btree (id) WHERE (state = ANY (ARRAY['queued'::text, 'running'::text]));

CREATE INDEX export_job_owner ON public.export_job USING btree (owner, id DESC);

CREATE INDEX external_login_ends ON public.external_login USING btree (ends_at);

CREATE INDEX finding_open ON public.finding USING btree (opened_at) WHERE (resolved_at IS NULL);

CREATE INDEX gateway_gap_closed ON public.gateway_gap USING btree (COALESCE(filled_at, lost_at)) WHERE ((filled_at IS NOT NULL) OR (lost_at IS NOT NULL));

CREATE INDEX gateway_gap_given_up ON public.gateway_gap USING btree (gateway, generation, epoch) WHERE (given_up <> '{}'::int8multirange);

CREATE INDEX gateway_gap_open ON public.gateway_gap USING btree (gateway, generation, epoch) WHERE ((filled_at IS NULL) AND (lost_at IS NULL));

CREATE INDEX gateway_hour_hour ON public.gateway_hour USING brin (hour);

CREATE INDEX gateway_replacement_gateway ON public.gateway_replacement USING btree (gateway);

CREATE INDEX iot_command_device ON public.iot_command USING btree (device, id DESC);

CREATE UNIQUE INDEX iot_command_one_valve ON public.iot_command USING btree (device) WHERE ((state = ANY (ARRAY['queued'::text, 'sent'::text])) AND (kind = ANY (ARRAY['valve_open'::text, 'valve_close'::text])));

CREATE INDEX iot_command_open ON public.iot_command USING btree (device, id) WHERE (state = ANY (ARRAY['queued'::text, 'sent'::text]));

CREATE INDEX iot_nonce_seen ON public.iot_nonce USING btree (seen_at);

CREATE INDEX iot_report_newest ON public.iot_report USING btree (device, reported_at DESC);

CREATE INDEX iot_report_received ON public.iot_report USING brin (received_at);

CREATE UNIQUE INDEX kiosk_token_name ON public.kiosk_token USING btree (name) WHERE (revoked_at IS NULL);

CREATE INDEX leak_known_use_place ON public.leak_known_use USING btree (place);

CREATE INDEX leak_known_use_point ON public.leak_known_use USING btree (point);

CREATE INDEX leak_open ON public.leak USING btree (opened_on) WHERE (cleared_on IS NULL);

CREATE INDEX leak_place ON public.leak USING btree (place) WHERE (place IS NOT NULL);

CREATE INDEX line_hour_hour ON public.line_hour USING brin (hour);

CREATE INDEX login_failure_last ON public.login_failure USING btree (last_at);

CREATE INDEX login_step_ends ON public.login_step USING btree (ends_at);

CREATE INDEX notification_due ON public.notification USING btree (due_at) WHERE (state = 'waiting'::text);

CREATE INDEX notification_rule ON public.notification USING btree (rule, id DESC);

CREATE INDEX place_parent ON public.place USING btree (parent);

CREATE INDEX place_search ON public.place USING gin ((((((code || ' '::text) || name_zh) || ' '::text) || lower(name_en))) public.gin_trgm_ops);

CREATE INDEX place_within_below ON public.place_within USING btree (above, place);

CREATE INDEX point_position_place ON public.point_position USING btree (place);

CREATE INDEX quarantine_waiting ON public.quarantine USING btree (received_at) WHERE (replayed_at IS NULL);

CREATE INDEX registry_edit_point ON public.registry_edit USING btree (point, kind);

CREATE INDEX replacement_devices ON public.replacement USING btree (old_device);

CREATE INDEX replacement_new_device ON public.replacement USING btree (new_device);

CREATE INDEX replacement_point ON public.replacement USING btree (point);

CREATE INDEX web_session_account ON public.web_session USING btree (account_id, created_at);

CREATE TRIGGER adjustment_append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON public.adjustment FOR EACH STATEMENT EXECUTE FUNCTION public.refuse_change();

CREATE TRIGGER alarm_change_append_only BEFORE UPDATE OR TRUNCATE ON public.alarm_change FOR EACH STATEMENT EXECUTE FUNCTION public.refuse_change();

CREATE TRIGGER alarm_rule_override_append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON public.alarm_rule_override FOR EACH STATEMENT EXECUTE FUNCTION public.refuse_change();

CREATE TRIGGER audit_append_only BEFORE DELETE OR UPDATE ON public.audit FOR EACH ROW EXECUTE FUNCTION public.audit_is_append_only();

CREATE TRIGGER audit_no_truncate BEFORE TRUNCATE ON public.audit FOR EACH STATEMENT EXECUTE FUNCTION public.audit_is_append_only();

CREATE TRIGGER audit_seal_append_only BEFORE DELETE OR UPDATE ON public.audit_seal FOR EACH ROW EXECUTE FUNCTION public.audit_is_append_only();

CREATE TRIGGER audit_seal_no_truncate BEFORE TRUNCATE ON public.audit_seal FOR EACH STATEMENT EXECUTE FUNCTION public.audit_is_append_only();

CREATE TRIGGER closed_figure_append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON public.closed_figure FOR EACH STATEMENT EXECUTE FUNCTION public.refuse_change();

CREATE TRIGGER closed_place_append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON public.closed_place FOR EACH STATEMENT EXECUTE FUNCTION public.refuse_change();

CREATE TRIGGER command_event_append_only BEFORE UPDATE OR TRUNCATE ON public.command_event FOR EACH STATEMENT EXECUTE FUNCTION public.refuse_change();

CREATE TRIGGER iot_report_append_only BEFORE UPDATE OR TRUNCATE ON public.iot_report FOR EACH STATEMENT EXECUTE FUNCTION public.refuse_change();

CREATE TRIGGER leak_known_use_append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON public.leak_known_use FOR EACH STATEMENT EXECUTE FUNCTION public.refuse_change();

CREATE TRIGGER notify_of_change AFTER INSERT ON public.alarm_change FOR EACH ROW EXECUTE FUNCTION public.notify_of_change();

CREATE TRIGGER place_within_follows AFTER INSERT OR UPDATE OF parent ON public.place FOR EACH ROW EXECUTE FUNCTION public.place_within_follows();

CREATE TRIGGER ratio_correction_append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON public.ratio_correction FOR EACH STATEMENT EXECUTE FUNCTION public.refuse_change();

ALTER TABLE ONLY public.account_external
    ADD CONSTRAINT account_external_account_id_fkey FOREIGN KEY (account_id) REFERENCES public.account(account_id);

ALTER TABLE ONLY public.account_factor
    ADD CONSTRAINT account_factor_account_id_fkey FOREIGN KEY (account_id) REFERENCES public.account(account_id);

ALTER TABLE ONLY public.adjustment
    ADD CONSTRAINT adjustment_closed_month_fkey FOREIGN KEY (closed_month) REFERENCES public.closed_month(month);

ALTER TABLE ONLY public.adjustment
    ADD CONSTRAINT adjustment_point_id_fkey FOREIGN KEY (point_id) REFERENCES public.metering_point(id);

ALTER TABLE ONLY public.alarm
    ADD CONSTRAINT alarm_assignee_fkey FOREIGN KEY (assignee) REFERENCES public.account(account_id);

ALTER TABLE ONLY public.alarm_change
    ADD CONSTRAINT alarm_change_alarm_fkey FOREIGN KEY (alarm) REFERENCES public.alarm(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.alarm
    ADD CONSTRAINT alarm_parent_fkey FOREIGN KEY (parent) REFERENCES public.alarm(id);

ALTER TABLE ONLY public.alarm
    ADD CONSTRAINT alarm_place_fkey FOREIGN KEY (place) REFERENCES public.place(code);

ALTER TABLE ONLY public.alarm_seen
    ADD CONSTRAINT alarm_seen_account_fkey FOREIGN KEY (account) REFERENCES public.account(account_id) ON DELETE CASCADE;

ALTER TABLE ONLY public.alarm_seen
    ADD CONSTRAINT alarm_seen_alarm_fkey FOREIGN KEY (alarm) REFERENCES public.alarm(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.alarm
    ADD CONSTRAINT alarm_suppressed_by_fkey FOREIGN KEY (suppressed_by) REFERENCES public.alarm_window(id);

ALTER TABLE ONLY public.alarm_window
    ADD CONSTRAINT alarm_window_device_fkey FOREIGN KEY (device) REFERENCES public.device(code);

ALTER TABLE ONLY public.alarm_window
    ADD CONSTRAINT alarm_window_gateway_fkey FOREIGN KEY (gateway) REFERENCES public.gateway(code);

ALTER TABLE ONLY public.alarm_window
    ADD CONSTRAINT alarm_window_place_fkey FOREIGN KEY (place) REFERENCES public.place(code);

ALTER TABLE ONLY public.batch_item
    ADD CONSTRAINT batch_item_batch_id_fkey FOREIGN KEY (batch_id) REFERENCES public.batch_job(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.batch_job
    ADD CONSTRAINT batch_job_account_id_fkey FOREIGN KEY (account_id) REFERENCES public.account(account_id);

ALTER TABLE ONLY public.battery_day
    ADD CONSTRAINT battery_day_device_fkey FOREIGN KEY (device) REFERENCES public.device(code);

ALTER TABLE ONLY public.battery_forecast
    ADD CONSTRAINT battery_forecast_device_fkey FOREIGN KEY (device) REFERENCES public.device(code);

ALTER TABLE ONLY public.closed_figure
    ADD CONSTRAINT closed_figure_month_fkey FOREIGN KEY (month) REFERENCES public.closed_month(month);

ALTER TABLE ONLY public.closed_figure
    ADD CONSTRAINT closed_figure_point_id_fkey FOREIGN KEY (point_id) REFERENCES public.metering_point(id);

ALTER TABLE ONLY public.closed_place
    ADD CONSTRAINT closed_place_month_fkey FOREIGN KEY (month) REFERENCES public.closed_month(month);

ALTER TABLE ONLY public.closed_place
    ADD CONSTRAINT closed_place_place_fkey FOREIGN KEY (place) REFERENCES public.place(code);

ALTER TABLE ONLY public.command
    ADD CONSTRAINT command_device_fkey FOREIGN KEY (device) REFERENCES public.device(code);

ALTER TABLE ONLY public.command_event
    ADD CONSTRAINT command_event_command_fkey FOREIGN KEY (command) REFERENCES public.command(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.command
    ADD CONSTRAINT command_gateway_fkey FOREIGN KEY (gateway) REFERENCES public.gateway(code);

ALTER TABLE ONLY public.completeness_day
    ADD CONSTRAINT completeness_day_device_fkey FOREIGN KEY (device) REFERENCES public.device(code);

ALTER TABLE ONLY public.consumption_day
    ADD CONSTRAINT consumption_day_point_id_fkey FOREIGN KEY (point_id) REFERENCES public.metering_point(id);

ALTER TABLE ONLY public.consumption_mark
    ADD CONSTRAINT consumption_mark_point_fkey FOREIGN KEY (point) REFERENCES public.metering_point(code);

ALTER TABLE ONLY public.consumption_month
    ADD CONSTRAINT consumption_month_point_id_fkey FOREIGN KEY (point_id) REFERENCES public.metering_point(id);

ALTER TABLE ONLY public.desired_document
    ADD CONSTRAINT desired_document_gateway_fkey FOREIGN KEY (gateway) REFERENCES public.gateway(code);

ALTER TABLE ONLY public.device
    ADD CONSTRAINT device_gateway_line_fkey FOREIGN KEY (gateway, line) REFERENCES public.line(gateway, code);

ALTER TABLE ONLY public.device
    ADD CONSTRAINT device_place_fkey FOREIGN KEY (place) REFERENCES public.place(code);

ALTER TABLE ONLY public.device_status
    ADD CONSTRAINT device_status_device_fkey FOREIGN KEY (device) REFERENCES public.device(code);

ALTER TABLE ONLY public.dirty_place
    ADD CONSTRAINT dirty_place_place_fkey FOREIGN KEY (place) REFERENCES public.place(code);

ALTER TABLE ONLY public.dirty
    ADD CONSTRAINT dirty_point_id_fkey FOREIGN KEY (point_id) REFERENCES public.metering_point(id);

ALTER TABLE ONLY public.export_job
    ADD CONSTRAINT export_job_account_id_fkey FOREIGN KEY (account_id) REFERENCES public.account(account_id);

ALTER TABLE ONLY public.finding
    ADD CONSTRAINT finding_device_fkey FOREIGN KEY (device) REFERENCES public.device(code);

ALTER TABLE ONLY public.finding
    ADD CONSTRAINT finding_place_fkey FOREIGN KEY (place) REFERENCES public.place(code);

ALTER TABLE ONLY public.finding
    ADD CONSTRAINT finding_point_fkey FOREIGN KEY (point) REFERENCES public.metering_point(code);

ALTER TABLE ONLY public.gateway
    ADD CONSTRAINT gateway_place_fkey FOREIGN KEY (place) REFERENCES public.place(code);

ALTER TABLE ONLY public.gateway_replacement
    ADD CONSTRAINT gateway_replacement_gateway_fkey FOREIGN KEY (gateway) REFERENCES public.gateway(code);

ALTER TABLE ONLY public.installation
    ADD CONSTRAINT installation_device_fkey FOREIGN KEY (device) REFERENCES public.device(code);

ALTER TABLE ONLY public.installation
    ADD CONSTRAINT installation_point_fkey FOREIGN KEY (point) REFERENCES public.metering_point(code);

ALTER TABLE ONLY public.iot_command
    ADD CONSTRAINT iot_command_device_fkey FOREIGN KEY (device) REFERENCES public.device(code);

ALTER TABLE ONLY public.iot_meter
    ADD CONSTRAINT iot_meter_device_fkey FOREIGN KEY (device) REFERENCES public.device(code);

ALTER TABLE ONLY public.iot_report
    ADD CONSTRAINT iot_report_device_fkey FOREIGN KEY (device) REFERENCES public.device(code);

ALTER TABLE ONLY public.iot_state
    ADD CONSTRAINT iot_state_device_fkey FOREIGN KEY (device) REFERENCES public.device(code);

ALTER TABLE ONLY public.kiosk_token
    ADD CONSTRAINT kiosk_token_place_fkey FOREIGN KEY (place) REFERENCES public.place(code);

ALTER TABLE ONLY public.leak_known_use
    ADD CONSTRAINT leak_known_use_place_fkey FOREIGN KEY (place) REFERENCES public.place(code);

ALTER TABLE ONLY public.leak_known_use
    ADD CONSTRAINT leak_known_use_point_fkey FOREIGN KEY (point) REFERENCES public.metering_point(code);

ALTER TABLE ONLY public.leak
    ADD CONSTRAINT leak_place_fkey FOREIGN KEY (place) REFERENCES public.place(code);

ALTER TABLE ONLY public.leak
    ADD CONSTRAINT leak_point_fkey FOREIGN KEY (point) REFERENCES public.metering_point(code);

ALTER TABLE ONLY public.line
    ADD CONSTRAINT line_gateway_fkey FOREIGN KEY (gateway) REFERENCES public.gateway(code);

ALTER TABLE ONLY public.load_shape
    ADD CONSTRAINT load_shape_place_fkey FOREIGN KEY (place) REFERENCES public.place(code);

ALTER TABLE ONLY public.login_step
    ADD CONSTRAINT login_step_account_id_fkey FOREIGN KEY (account_id) REFERENCES public.account(account_id);

ALTER TABLE ONLY public.notification
    ADD CONSTRAINT notification_alarm_fkey FOREIGN KEY (alarm) REFERENCES public.alarm(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.notification
    ADD CONSTRAINT notification_rule_fkey FOREIGN KEY (rule) REFERENCES public.notify_rule(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.notify_rule
    ADD CONSTRAINT notify_rule_account_fkey FOREIGN KEY (account) REFERENCES public.account(account_id) ON DELETE CASCADE;

ALTER TABLE ONLY public.notify_rule
    ADD CONSTRAINT notify_rule_channel_fkey FOREIGN KEY (channel) REFERENCES public.notify_channel(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.notify_rule
    ADD CONSTRAINT notify_rule_place_fkey FOREIGN KEY (place) REFERENCES public.place(code);

ALTER TABLE ONLY public.old_box_acceptance
    ADD CONSTRAINT old_box_acceptance_gateway_fkey FOREIGN KEY (gateway) REFERENCES public.gateway(code);

ALTER TABLE ONLY public.one_time_link
    ADD CONSTRAINT one_time_link_account_id_fkey FOREIGN KEY (account_id) REFERENCES public.account(account_id);

ALTER TABLE ONLY public.place_day
    ADD CONSTRAINT place_day_place_fkey FOREIGN KEY (place) REFERENCES public.place(code);

ALTER TABLE ONLY public.place_fact
    ADD CONSTRAINT place_fact_place_fkey FOREIGN KEY (place) REFERENCES public.place(code);

ALTER TABLE ONLY public.place_month
    ADD CONSTRAINT place_month_place_fkey FOREIGN KEY (place) REFERENCES public.place(code);

ALTER TABLE ONLY public.place
    ADD CONSTRAINT place_parent_fkey FOREIGN KEY (parent) REFERENCES public.place(code);

ALTER TABLE ONLY public.place_within
    ADD CONSTRAINT place_within_above_fkey FOREIGN KEY (above) REFERENCES public.place(code);

ALTER TABLE ONLY public.place_within
    ADD CONSTRAINT place_within_place_fkey FOREIGN KEY (place) REFERENCES public.place(code);

ALTER TABLE ONLY public.point_item
    ADD CONSTRAINT point_item_point_fkey FOREIGN KEY (point) REFERENCES public.metering_point(code);

ALTER TABLE ONLY public.point_position
    ADD CONSTRAINT point_position_place_fkey FOREIGN KEY (place) REFERENCES public.place(code);

ALTER TABLE ONLY public.point_position
    ADD CONSTRAINT point_position_point_fkey FOREIGN KEY (point) REFERENCES public.metering_point(code);

ALTER TABLE ONLY public.point_position
    ADD CONSTRAINT point_position_upstream_fkey FOREIGN KEY (upstream) REFERENCES public.metering_point(code);

ALTER TABLE ONLY public.ratio_correction
    ADD CONSTRAINT ratio_correction_installation_fkey FOREIGN KEY (installation) REFERENCES public.installation(id);

ALTER TABLE ONLY public.recovery_code
    ADD CONSTRAINT recovery_code_account_id_fkey FOREIGN KEY (account_id) REFERENCES public.account(account_id);

ALTER TABLE ONLY public.registry_edit
    ADD CONSTRAINT registry_edit_point_fkey FOREIGN KEY (point) REFERENCES public.metering_point(code);

ALTER TABLE ONLY public.replacement
    ADD CONSTRAINT replacement_new_device_fkey FOREIGN KEY (new_device) REFERENCES public.device(code);

ALTER TABLE ONLY public.replacement
    ADD CONSTRAINT replacement_new_installation_fkey FOREIGN KEY (new_installation) REFERENCES public.installation(id) ON DELETE SET NULL;

ALTER TABLE ONLY public.replacement
    ADD CONSTRAINT replacement_old_device_fkey FOREIGN KEY (old_device) REFERENCES public.device(code);

ALTER TABLE ONLY public.replacement
    ADD CONSTRAINT replacement_old_installation_fkey FOREIGN KEY (old_installation) REFERENCES public.installation(id);

ALTER TABLE ONLY public.replacement
    ADD CONSTRAINT replacement_point_fkey FOREIGN KEY (point) REFERENCES public.metering_point(code);

ALTER TABLE ONLY public.rise_figure
    ADD CONSTRAINT rise_figure_point_id_fkey FOREIGN KEY (point_id) REFERENCES public.metering_point(id);

ALTER TABLE ONLY public.series
    ADD CONSTRAINT series_device_fkey FOREIGN KEY (device) REFERENCES public.device(code);

ALTER TABLE ONLY public.table_preference
    ADD CONSTRAINT table_preference_account_id_fkey FOREIGN KEY (account_id) REFERENCES public.account(account_id) ON DELETE CASCADE;

ALTER TABLE ONLY public.table_view
    ADD CONSTRAINT table_view_account_id_fkey FOREIGN KEY (account_id) REFERENCES public.account(account_id) ON DELETE CASCADE;

ALTER TABLE ONLY public.virtual_term
    ADD CONSTRAINT virtual_term_input_fkey FOREIGN KEY (input) REFERENCES public.metering_point(code);

ALTER TABLE ONLY public.virtual_term
    ADD CONSTRAINT virtual_term_point_fkey FOREIGN KEY (point) REFERENCES public.metering_point(code);

ALTER TABLE ONLY public.web_session
    ADD CONSTRAINT web_session_account_id_fkey FOREIGN KEY (account_id) REFERENCES public.account(account_id);
