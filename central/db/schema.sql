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
    password_hash text NOT NULL,
    disabled_at timestamp with time zone,
    created_at timestamp with time zone NOT NULL,
    places text[],
    CONSTRAINT account_name_check CHECK (((name = lower(name)) AND ((length(name) >= 2) AND (length(name) <= 40)))),
    CONSTRAINT account_places_check CHECK (((cardinality(places) >= 1) AND (cardinality(places) <= 200))),
    CONSTRAINT account_role_check CHECK ((role = ANY (ARRAY['admin'::text, 'operator'::text, 'viewer'::text])))
);

COMMENT ON COLUMN public.account.places IS 'null: the whole site; else these places and everything below them';

ALTER TABLE public.account ALTER COLUMN account_id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.account_account_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

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

CREATE TABLE public.api_token (
    api_token_id bigint NOT NULL,
    name text NOT NULL,
    token_digest bytea NOT NULL,
    permissions text[] NOT NULL,
    created_at timestamp with time zone NOT NULL,
    revoked_at timestamp with time zone,
    places text[],
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

CREATE SEQUENCE public.leader_epoch
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;

COMMENT ON SEQUENCE public.leader_epoch IS 'fencing token: every new leader of the jobs role takes the next value';

CREATE TABLE public.line (
    gateway text NOT NULL,
    code text NOT NULL,
    settings jsonb NOT NULL,
    "position" integer NOT NULL,
    removed_at timestamp with time zone
);

COMMENT ON COLUMN public.line.settings IS 'the plan''s line without its devices: port, baud, parity, ...';

CREATE TABLE public.login_failure (
    key_digest bytea NOT NULL,
    failures integer NOT NULL,
    last_at timestamp with time zone NOT NULL,
    open_at timestamp with time zone NOT NULL
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
    CONSTRAINT one_time_link_places_check CHECK (((cardinality(places) >= 1) AND (cardinality(places) <= 200))),
    CONSTRAINT one_time_link_role_check CHECK ((role = ANY (ARRAY['admin'::text, 'operator'::text, 'viewer'::text])))
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

CREATE TABLE public.place_within (
    place text NOT NULL,
    above text NOT NULL
);

COMMENT ON TABLE public.place_within IS 'derived from place.parent by triggers: each place with itself and every place above it, so that "below here" is one join';

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
    ends_at timestamp with time zone NOT NULL
);

ALTER TABLE ONLY public.academic_term
    ADD CONSTRAINT academic_term_pkey PRIMARY KEY (kind, first_day);

ALTER TABLE ONLY public.account
    ADD CONSTRAINT account_name_key UNIQUE (name);

ALTER TABLE ONLY public.account
    ADD CONSTRAINT account_pkey PRIMARY KEY (account_id);

ALTER TABLE ONLY public.ack_cursor
    ADD CONSTRAINT ack_cursor_pkey PRIMARY KEY (gateway, generation, epoch);

ALTER TABLE ONLY public.adjustment
    ADD CONSTRAINT adjustment_pkey PRIMARY KEY (id);

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

ALTER TABLE ONLY public.batch
    ADD CONSTRAINT batch_pkey PRIMARY KEY (gateway, generation, epoch, seq);

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

ALTER TABLE ONLY public.finding
    ADD CONSTRAINT finding_code_point_device_place_at_key UNIQUE NULLS NOT DISTINCT (code, point, device, place, at);

ALTER TABLE ONLY public.finding
    ADD CONSTRAINT finding_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.gateway_gap
    ADD CONSTRAINT gateway_gap_pkey PRIMARY KEY (id);

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

ALTER TABLE ONLY public.line
    ADD CONSTRAINT line_pkey PRIMARY KEY (gateway, code);

ALTER TABLE ONLY public.login_failure
    ADD CONSTRAINT login_failure_pkey PRIMARY KEY (key_digest);

ALTER TABLE ONLY public.metering_point
    ADD CONSTRAINT metering_point_id_key UNIQUE (id);

ALTER TABLE ONLY public.metering_point
    ADD CONSTRAINT metering_point_pkey PRIMARY KEY (code);

ALTER TABLE ONLY public.old_box_acceptance
    ADD CONSTRAINT old_box_acceptance_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.one_time_link
    ADD CONSTRAINT one_time_link_pkey PRIMARY KEY (token_digest);

ALTER TABLE ONLY public.place_day
    ADD CONSTRAINT place_day_pkey PRIMARY KEY (place, medium, day);

ALTER TABLE ONLY public.place_month
    ADD CONSTRAINT place_month_pkey PRIMARY KEY (place, medium, month);

ALTER TABLE ONLY public.place
    ADD CONSTRAINT place_pkey PRIMARY KEY (code);

ALTER TABLE ONLY public.place_within
    ADD CONSTRAINT place_within_pkey PRIMARY KEY (place, above);

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

ALTER TABLE ONLY public.registry_edit
    ADD CONSTRAINT registry_edit_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.replacement
    ADD CONSTRAINT replacement_key_key UNIQUE (key);

ALTER TABLE ONLY public.replacement
    ADD CONSTRAINT replacement_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.series
    ADD CONSTRAINT series_device_quantity_key UNIQUE (device, quantity);

ALTER TABLE ONLY public.series
    ADD CONSTRAINT series_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.site_plan
    ADD CONSTRAINT site_plan_pkey PRIMARY KEY (version);

ALTER TABLE ONLY public.storage_state
    ADD CONSTRAINT storage_state_pkey PRIMARY KEY (one);

ALTER TABLE ONLY public.tariff_version
    ADD CONSTRAINT tariff_version_pkey PRIMARY KEY (tariff, valid_from);

ALTER TABLE ONLY public.virtual_term
    ADD CONSTRAINT virtual_term_pkey PRIMARY KEY (point, input);

ALTER TABLE ONLY public.web_session
    ADD CONSTRAINT web_session_pkey PRIMARY KEY (token_digest);

CREATE INDEX adjustment_closed ON public.adjustment USING btree (closed_month, point_id);

CREATE INDEX adjustment_into ON public.adjustment USING btree (into_month);

CREATE UNIQUE INDEX api_token_live_name ON public.api_token USING btree (name) WHERE (revoked_at IS NULL);

CREATE INDEX batch_received ON public.batch USING brin (received_at);

CREATE INDEX completeness_day_device ON public.completeness_day USING btree (device, day);

CREATE INDEX completeness_day_look ON public.completeness_day USING btree (look_at) WHERE (NOT settled);

CREATE INDEX consumption_day_day ON public.consumption_day USING btree (day);

CREATE INDEX consumption_day_pending ON public.consumption_day USING btree (point_id, day) WHERE pending;

CREATE INDEX consumption_mark_point ON public.consumption_mark USING btree (point);

CREATE INDEX device_line ON public.device USING btree (gateway, line);

CREATE INDEX device_place ON public.device USING btree (place);

CREATE INDEX device_search ON public.device USING gin ((((((((code || ' '::text) || address) || ' '::text) || name_zh) || ' '::text) || lower(name_en))) public.gin_trgm_ops);

CREATE INDEX event_at ON public.event USING btree (at);

CREATE INDEX event_device ON public.event USING btree (device, at) WHERE (device IS NOT NULL);

CREATE INDEX finding_open ON public.finding USING btree (opened_at) WHERE (resolved_at IS NULL);

CREATE INDEX gateway_gap_closed ON public.gateway_gap USING btree (COALESCE(filled_at, lost_at)) WHERE ((filled_at IS NOT NULL) OR (lost_at IS NOT NULL));

CREATE INDEX gateway_gap_given_up ON public.gateway_gap USING btree (gateway, generation, epoch) WHERE (given_up <> '{}'::int8multirange);

CREATE INDEX gateway_gap_open ON public.gateway_gap USING btree (gateway, generation, epoch) WHERE ((filled_at IS NULL) AND (lost_at IS NULL));

CREATE INDEX gateway_replacement_gateway ON public.gateway_replacement USING btree (gateway);

CREATE INDEX iot_command_device ON public.iot_command USING btree (device, id DESC);

CREATE UNIQUE INDEX iot_command_one_valve ON public.iot_command USING btree (device) WHERE ((state = ANY (ARRAY['queued'::text, 'sent'::text])) AND (kind = ANY (ARRAY['valve_open'::text, 'valve_close'::text])));

CREATE INDEX iot_command_open ON public.iot_command USING btree (device, id) WHERE (state = ANY (ARRAY['queued'::text, 'sent'::text]));

CREATE INDEX iot_nonce_seen ON public.iot_nonce USING btree (seen_at);

CREATE INDEX iot_report_newest ON public.iot_report USING btree (device, reported_at DESC);

CREATE INDEX iot_report_received ON public.iot_report USING brin (received_at);

CREATE INDEX login_failure_last ON public.login_failure USING btree (last_at);

CREATE INDEX place_parent ON public.place USING btree (parent);

CREATE INDEX place_search ON public.place USING gin ((((((code || ' '::text) || name_zh) || ' '::text) || lower(name_en))) public.gin_trgm_ops);

CREATE INDEX place_within_above ON public.place_within USING btree (above);

CREATE INDEX point_position_place ON public.point_position USING btree (place);

CREATE INDEX quarantine_waiting ON public.quarantine USING btree (received_at) WHERE (replayed_at IS NULL);

CREATE INDEX registry_edit_point ON public.registry_edit USING btree (point, kind);

CREATE INDEX replacement_devices ON public.replacement USING btree (old_device);

CREATE INDEX replacement_new_device ON public.replacement USING btree (new_device);

CREATE INDEX replacement_point ON public.replacement USING btree (point);

CREATE INDEX web_session_account ON public.web_session USING btree (account_id, created_at);

CREATE TRIGGER adjustment_append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON public.adjustment FOR EACH STATEMENT EXECUTE FUNCTION public.refuse_change();

CREATE TRIGGER audit_append_only BEFORE DELETE OR UPDATE ON public.audit FOR EACH ROW EXECUTE FUNCTION public.audit_is_append_only();

CREATE TRIGGER audit_no_truncate BEFORE TRUNCATE ON public.audit FOR EACH STATEMENT EXECUTE FUNCTION public.audit_is_append_only();

CREATE TRIGGER closed_figure_append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON public.closed_figure FOR EACH STATEMENT EXECUTE FUNCTION public.refuse_change();

CREATE TRIGGER closed_place_append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON public.closed_place FOR EACH STATEMENT EXECUTE FUNCTION public.refuse_change();

CREATE TRIGGER iot_report_append_only BEFORE UPDATE OR TRUNCATE ON public.iot_report FOR EACH STATEMENT EXECUTE FUNCTION public.refuse_change();

CREATE TRIGGER place_within_follows AFTER INSERT OR UPDATE OF parent ON public.place FOR EACH ROW EXECUTE FUNCTION public.place_within_follows();

CREATE TRIGGER ratio_correction_append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON public.ratio_correction FOR EACH STATEMENT EXECUTE FUNCTION public.refuse_change();

ALTER TABLE ONLY public.adjustment
    ADD CONSTRAINT adjustment_closed_month_fkey FOREIGN KEY (closed_month) REFERENCES public.closed_month(month);

ALTER TABLE ONLY public.adjustment
    ADD CONSTRAINT adjustment_point_id_fkey FOREIGN KEY (point_id) REFERENCES public.metering_point(id);

ALTER TABLE ONLY public.closed_figure
    ADD CONSTRAINT closed_figure_month_fkey FOREIGN KEY (month) REFERENCES public.closed_month(month);

ALTER TABLE ONLY public.closed_figure
    ADD CONSTRAINT closed_figure_point_id_fkey FOREIGN KEY (point_id) REFERENCES public.metering_point(id);

ALTER TABLE ONLY public.closed_place
    ADD CONSTRAINT closed_place_month_fkey FOREIGN KEY (month) REFERENCES public.closed_month(month);

ALTER TABLE ONLY public.closed_place
    ADD CONSTRAINT closed_place_place_fkey FOREIGN KEY (place) REFERENCES public.place(code);

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

ALTER TABLE ONLY public.line
    ADD CONSTRAINT line_gateway_fkey FOREIGN KEY (gateway) REFERENCES public.gateway(code);

ALTER TABLE ONLY public.old_box_acceptance
    ADD CONSTRAINT old_box_acceptance_gateway_fkey FOREIGN KEY (gateway) REFERENCES public.gateway(code);

ALTER TABLE ONLY public.one_time_link
    ADD CONSTRAINT one_time_link_account_id_fkey FOREIGN KEY (account_id) REFERENCES public.account(account_id);

ALTER TABLE ONLY public.place_day
    ADD CONSTRAINT place_day_place_fkey FOREIGN KEY (place) REFERENCES public.place(code);

ALTER TABLE ONLY public.place_month
    ADD CONSTRAINT place_month_place_fkey FOREIGN KEY (place) REFERENCES public.place(code);

ALTER TABLE ONLY public.place
    ADD CONSTRAINT place_parent_fkey FOREIGN KEY (parent) REFERENCES public.place(code);

ALTER TABLE ONLY public.place_within
    ADD CONSTRAINT place_within_above_fkey FOREIGN KEY (above) REFERENCES public.place(code);

ALTER TABLE ONLY public.place_within
    ADD CONSTRAINT place_within_place_fkey FOREIGN KEY (place) REFERENCES public.place(code);

ALTER TABLE ONLY public.point_position
    ADD CONSTRAINT point_position_place_fkey FOREIGN KEY (place) REFERENCES public.place(code);

ALTER TABLE ONLY public.point_position
    ADD CONSTRAINT point_position_point_fkey FOREIGN KEY (point) REFERENCES public.metering_point(code);

ALTER TABLE ONLY public.point_position
    ADD CONSTRAINT point_position_upstream_fkey FOREIGN KEY (upstream) REFERENCES public.metering_point(code);

ALTER TABLE ONLY public.ratio_correction
    ADD CONSTRAINT ratio_correction_installation_fkey FOREIGN KEY (installation) REFERENCES public.installation(id);

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

ALTER TABLE ONLY public.series
    ADD CONSTRAINT series_device_fkey FOREIGN KEY (device) REFERENCES public.device(code);

ALTER TABLE ONLY public.virtual_term
    ADD CONSTRAINT virtual_term_input_fkey FOREIGN KEY (input) REFERENCES public.metering_point(code);

ALTER TABLE ONLY public.virtual_term
    ADD CONSTRAINT virtual_term_point_fkey FOREIGN KEY (point) REFERENCES public.metering_point(code);

ALTER TABLE ONLY public.web_session
    ADD CONSTRAINT web_session_account_id_fkey FOREIGN KEY (account_id) REFERENCES public.account(account_id);
