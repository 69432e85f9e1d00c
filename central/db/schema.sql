-- The whole schema, written by `central migrate --write-schema`; change it through a migration.

CREATE EXTENSION IF NOT EXISTS btree_gist WITH SCHEMA public;

CREATE EXTENSION IF NOT EXISTS pg_trgm WITH SCHEMA public;

CREATE FUNCTION public.audit_is_append_only() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
begin
    raise exception 'audit rows are never changed or deleted' using errcode = 'insufficient_privilege';
end
$$;

CREATE TABLE public.account (
    account_id bigint NOT NULL,
    name text NOT NULL,
    role text NOT NULL,
    password_hash text NOT NULL,
    disabled_at timestamp with time zone,
    created_at timestamp with time zone NOT NULL,
    CONSTRAINT account_name_check CHECK (((name = lower(name)) AND ((length(name) >= 2) AND (length(name) <= 40)))),
    CONSTRAINT account_role_check CHECK ((role = ANY (ARRAY['admin'::text, 'operator'::text, 'viewer'::text])))
);

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

CREATE TABLE public.api_token (
    api_token_id bigint NOT NULL,
    name text NOT NULL,
    token_digest bytea NOT NULL,
    permissions text[] NOT NULL,
    created_at timestamp with time zone NOT NULL,
    revoked_at timestamp with time zone,
    CONSTRAINT api_token_name_check CHECK (((length(name) >= 1) AND (length(name) <= 60)))
);

ALTER TABLE public.api_token ALTER COLUMN api_token_id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.api_token_api_token_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

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
    gateway text NOT NULL,
    line text NOT NULL,
    name_zh text NOT NULL,
    name_en text NOT NULL,
    poll_s jsonb DEFAULT '{}'::jsonb NOT NULL,
    "position" integer NOT NULL,
    removed_at timestamp with time zone
);

CREATE TABLE public.device_status (
    device text NOT NULL,
    last_measured_at timestamp with time zone NOT NULL
)
WITH (fillfactor='60');

COMMENT ON TABLE public.device_status IS 'derived from reading by ingest, some seconds late; counts over the whole site read it';

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
    CONSTRAINT gateway_status_state_check CHECK ((state = ANY (ARRAY['online'::text, 'offline'::text, 'maintenance'::text])))
)
WITH (fillfactor='60');

COMMENT ON TABLE public.gateway_status IS 'no foreign key: a box may say hello before its plan is imported';

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
    CONSTRAINT installation_ct_check CHECK ((ct >= 1)),
    CONSTRAINT installation_interval CHECK ((removed_at > installed_at)),
    CONSTRAINT installation_pt_check CHECK ((pt >= 1))
);

COMMENT ON COLUMN public.installation.opening IS 'registers at the start, quantity -> base-unit integer';

ALTER TABLE public.installation ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.installation_id_seq
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
    place text NOT NULL,
    name_zh text NOT NULL,
    name_en text NOT NULL,
    "position" integer NOT NULL,
    removed_at timestamp with time zone
);

CREATE TABLE public.one_time_link (
    token_digest bytea NOT NULL,
    role text NOT NULL,
    account_id bigint,
    created_by text NOT NULL,
    created_at timestamp with time zone NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    used_at timestamp with time zone,
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

CREATE TABLE public.reading (
    series_id bigint NOT NULL,
    measured_at timestamp with time zone NOT NULL,
    value bigint NOT NULL,
    quality smallint NOT NULL
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

CREATE TABLE public.web_session (
    token_digest bytea NOT NULL,
    account_id bigint NOT NULL,
    created_at timestamp with time zone NOT NULL,
    last_seen_at timestamp with time zone NOT NULL,
    ends_at timestamp with time zone NOT NULL
);

ALTER TABLE ONLY public.account
    ADD CONSTRAINT account_name_key UNIQUE (name);

ALTER TABLE ONLY public.account
    ADD CONSTRAINT account_pkey PRIMARY KEY (account_id);

ALTER TABLE ONLY public.ack_cursor
    ADD CONSTRAINT ack_cursor_pkey PRIMARY KEY (gateway, generation, epoch);

ALTER TABLE ONLY public.api_token
    ADD CONSTRAINT api_token_pkey PRIMARY KEY (api_token_id);

ALTER TABLE ONLY public.api_token
    ADD CONSTRAINT api_token_token_digest_key UNIQUE (token_digest);

ALTER TABLE ONLY public.audit
    ADD CONSTRAINT audit_pkey PRIMARY KEY (audit_id);

ALTER TABLE ONLY public.batch
    ADD CONSTRAINT batch_pkey PRIMARY KEY (gateway, generation, epoch, seq);

ALTER TABLE ONLY public.desired_document
    ADD CONSTRAINT desired_document_pkey PRIMARY KEY (gateway, document);

ALTER TABLE ONLY public.device
    ADD CONSTRAINT device_pkey PRIMARY KEY (code);

ALTER TABLE ONLY public.device_status
    ADD CONSTRAINT device_status_pkey PRIMARY KEY (device);

ALTER TABLE ONLY public.event
    ADD CONSTRAINT event_gateway_generation_epoch_seq_position_key UNIQUE (gateway, generation, epoch, seq, "position");

ALTER TABLE ONLY public.event
    ADD CONSTRAINT event_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.gateway
    ADD CONSTRAINT gateway_pkey PRIMARY KEY (code);

ALTER TABLE ONLY public.gateway_status
    ADD CONSTRAINT gateway_status_pkey PRIMARY KEY (gateway);

ALTER TABLE ONLY public.installation
    ADD CONSTRAINT installation_one_device_a_point EXCLUDE USING gist (point WITH =, tstzrange(installed_at, removed_at) WITH &&);

ALTER TABLE ONLY public.installation
    ADD CONSTRAINT installation_one_point_a_device EXCLUDE USING gist (device WITH =, tstzrange(installed_at, removed_at) WITH &&);

ALTER TABLE ONLY public.installation
    ADD CONSTRAINT installation_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.line
    ADD CONSTRAINT line_pkey PRIMARY KEY (gateway, code);

ALTER TABLE ONLY public.login_failure
    ADD CONSTRAINT login_failure_pkey PRIMARY KEY (key_digest);

ALTER TABLE ONLY public.metering_point
    ADD CONSTRAINT metering_point_pkey PRIMARY KEY (code);

ALTER TABLE ONLY public.one_time_link
    ADD CONSTRAINT one_time_link_pkey PRIMARY KEY (token_digest);

ALTER TABLE ONLY public.place
    ADD CONSTRAINT place_pkey PRIMARY KEY (code);

ALTER TABLE ONLY public.quarantine
    ADD CONSTRAINT quarantine_digest_key UNIQUE (digest);

ALTER TABLE ONLY public.quarantine
    ADD CONSTRAINT quarantine_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.reading
    ADD CONSTRAINT reading_pkey PRIMARY KEY (series_id, measured_at);

ALTER TABLE ONLY public.series
    ADD CONSTRAINT series_device_quantity_key UNIQUE (device, quantity);

ALTER TABLE ONLY public.series
    ADD CONSTRAINT series_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.site_plan
    ADD CONSTRAINT site_plan_pkey PRIMARY KEY (version);

ALTER TABLE ONLY public.web_session
    ADD CONSTRAINT web_session_pkey PRIMARY KEY (token_digest);

CREATE UNIQUE INDEX api_token_live_name ON public.api_token USING btree (name) WHERE (revoked_at IS NULL);

CREATE INDEX batch_received ON public.batch USING brin (received_at);

CREATE INDEX device_line ON public.device USING btree (gateway, line);

CREATE INDEX device_place ON public.device USING btree (place);

CREATE INDEX device_search ON public.device USING gin ((((((((code || ' '::text) || address) || ' '::text) || name_zh) || ' '::text) || lower(name_en))) public.gin_trgm_ops);

CREATE INDEX event_at ON public.event USING btree (at);

CREATE INDEX event_device ON public.event USING btree (device, at) WHERE (device IS NOT NULL);

CREATE INDEX login_failure_last ON public.login_failure USING btree (last_at);

CREATE INDEX place_parent ON public.place USING btree (parent);

CREATE INDEX place_search ON public.place USING gin ((((((code || ' '::text) || name_zh) || ' '::text) || lower(name_en))) public.gin_trgm_ops);

CREATE INDEX quarantine_waiting ON public.quarantine USING btree (received_at) WHERE (replayed_at IS NULL);

CREATE INDEX web_session_account ON public.web_session USING btree (account_id, created_at);

CREATE TRIGGER audit_append_only BEFORE DELETE OR UPDATE ON public.audit FOR EACH ROW EXECUTE FUNCTION public.audit_is_append_only();

CREATE TRIGGER audit_no_truncate BEFORE TRUNCATE ON public.audit FOR EACH STATEMENT EXECUTE FUNCTION public.audit_is_append_only();

ALTER TABLE ONLY public.desired_document
    ADD CONSTRAINT desired_document_gateway_fkey FOREIGN KEY (gateway) REFERENCES public.gateway(code);

ALTER TABLE ONLY public.device
    ADD CONSTRAINT device_gateway_line_fkey FOREIGN KEY (gateway, line) REFERENCES public.line(gateway, code);

ALTER TABLE ONLY public.device
    ADD CONSTRAINT device_place_fkey FOREIGN KEY (place) REFERENCES public.place(code);

ALTER TABLE ONLY public.device_status
    ADD CONSTRAINT device_status_device_fkey FOREIGN KEY (device) REFERENCES public.device(code);

ALTER TABLE ONLY public.gateway
    ADD CONSTRAINT gateway_place_fkey FOREIGN KEY (place) REFERENCES public.place(code);

ALTER TABLE ONLY public.installation
    ADD CONSTRAINT installation_device_fkey FOREIGN KEY (device) REFERENCES public.device(code);

ALTER TABLE ONLY public.installation
    ADD CONSTRAINT installation_point_fkey FOREIGN KEY (point) REFERENCES public.metering_point(code);

ALTER TABLE ONLY public.line
    ADD CONSTRAINT line_gateway_fkey FOREIGN KEY (gateway) REFERENCES public.gateway(code);

ALTER TABLE ONLY public.metering_point
    ADD CONSTRAINT metering_point_place_fkey FOREIGN KEY (place) REFERENCES public.place(code);

ALTER TABLE ONLY public.one_time_link
    ADD CONSTRAINT one_time_link_account_id_fkey FOREIGN KEY (account_id) REFERENCES public.account(account_id);

ALTER TABLE ONLY public.place
    ADD CONSTRAINT place_parent_fkey FOREIGN KEY (parent) REFERENCES public.place(code);

ALTER TABLE ONLY public.series
    ADD CONSTRAINT series_device_fkey FOREIGN KEY (device) REFERENCES public.device(code);

ALTER TABLE ONLY public.web_session
    ADD CONSTRAINT web_session_account_id_fkey FOREIGN KEY (account_id) REFERENCES public.account(account_id);
