import time, sys
import numpy as np, pytest
sys.path.insert(0, "/work/main")
from central.consumption.arrivals import pack_arrival
from central.consumption.work import work_off, run_round
from central.ingest.pack import Rows, pack
from central.db.copy import copy_in
POINTS=int(__import__("os").environ.get("N","5000"))
def put(conn, series, at_ms, value):
    r=Rows(series, at_ms, value, np.zeros(len(series),np.int64))
    copy_in(conn, b"copy reading (series_id, measured_at, value, quality) from stdin (format binary)", pack(r))
    for k in range(0,len(series),2000):
        conn.execute("insert into arrival (packed) values (%s)", [pack_arrival(series[k:k+2000], at_ms[k:k+2000])])
    conn.commit()
def cpu(c):
    import os
    pid=c.info.backend_pid
    try:
        import pathlib
        f=pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")",1)[1].split(); db=(int(f[11])+int(f[12]))/os.sysconf("SC_CLK_TCK")
    except OSError: db=0
    return time.process_time(), db
def test_speed(site):
    c=site
    c.execute("insert into place select 'f'||n, 'b1', 'floor', 'f','f', n from generate_series(1,%s) n", [POINTS//100+1])
    c.execute("insert into place select 'r'||n, 'f'||(n/100+1), 'room', 'r','r', n from generate_series(0,%s) n", [POINTS])
    c.execute("insert into device select 'd'||n,'acme/one','electricity_meter',n::text,'b1','gw-1','l1','d','d','{}',n from generate_series(1,%s) n",[POINTS])
    c.execute("insert into metering_point (code,name_zh,name_en,position) select 'd'||n,'d','d',n from generate_series(1,%s) n",[POINTS])
    c.execute("insert into point_position (point, place) select 'd'||n, 'r'||n from generate_series(1,%s) n",[POINTS])
    c.execute("insert into installation (point,device,installed_at,register) select 'd'||n,'d'||n,'2025-01-01','energy_active_forward' from generate_series(1,%s) n",[POINTS])
    c.execute("insert into series (device, quantity) select 'd'||n,'energy_active_forward' from generate_series(1,%s) n",[POINTS])
    c.commit()
    ids=np.array([r[0] for r in c.execute("select id from series order by id")])
    t0=1740844800000-0  # 2025-03-02 00:00 Shanghai
    rng=np.random.default_rng(1)
    off=rng.integers(0,800_000,len(ids))
    for q in range(0,80,20):
        s=np.repeat(ids,20); k=np.tile(np.arange(q,q+20),len(ids)); at=t0+k*900_000+np.repeat(off,20)
        put(c,s,at,k*200)
    c.execute("analyze"); c.commit()
    b=time.perf_counter(); d=work_off(c); e=time.perf_counter()-b
    print(f"\nfirst: {d} {e:.2f}s {d.points/e:.0f} points/s")
    for q in (80,81,82):
        put(c, ids, t0+q*900_000+off, np.full(len(ids), q*200))
        c0=cpu(c); b=time.perf_counter(); d=work_off(c); e=time.perf_counter()-b; c1=cpu(c); print('cpu python %.2f db %.2f' % (c1[0]-c0[0], c1[1]-c0[1]))
        print(f"live: {d} {e:.2f}s {d.points/e:.0f} points/s")

    k=np.arange(0,30*96); few=ids[:100]
    r=Rows(np.repeat(few,len(k)), t0+86_400_000+np.tile(k,100)*900_000, np.tile(k*100+20_000,100), np.zeros(100*len(k),np.int64))
    copy_in(c, b"copy reading (series_id, measured_at, value, quality) from stdin (format binary)", pack(r)); c.commit()
    c.execute("insert into dirty (point_id, from_at, to_at, reason) select id, '-infinity','infinity','x' from metering_point where code like 'd%' order by id limit 100"); c.commit()
    c0=cpu(c); b=time.perf_counter(); d=work_off(c); e=time.perf_counter()-b; c1=cpu(c)
    print("rebuild 100x30: %s %.2fs cpu python %.2f db %.2f" % (d, e, c1[0]-c0[0], c1[1]-c0[1]))
