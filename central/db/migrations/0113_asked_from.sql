alter table installation add column asked_from timestamptz;
comment on column installation.asked_from is
    'readings are due from here on: when a plan brought a meter that had hung there for long (installed_at); null: since installed_at';
