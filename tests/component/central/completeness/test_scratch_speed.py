import time
from central.completeness.days import *
from central.completeness.model import Expected
from central.consumption.days import bounds
from datetime import date
from central.fleet.gaps import mind_gaps
FROM_MS, TO_MS = bounds(date(2026,3,10), "Asia/Shanghai")
def test_speed(site):
    c=site
    c.execute("insert into place (code,parent,kind,name_zh,name_en,position) select 'r'||n,'b1','room','x','x',n from generate_series(1,11000) n")
    c.execute("insert into gateway (code,place,name_zh,name_en,position,generation) select 'g'||n,'b1','x','x',n,1 from generate_series(1,130) n")
    c.execute("insert into line (gateway,code,settings,position) select 'g'||n,'l1','{}',1 from generate_series(1,130) n")
    c.execute("insert into device (code,profile,kind,address,place,gateway,line,name_zh,name_en,position) select 'd'||n,'acme/one','electricity_meter','1','r'||(n%11000+1),'g'||(n%130+1),'l1','x','x',n from generate_series(1,13700) n")
    c.execute("insert into metering_point (code,name_zh,name_en,position) select 'd'||n,'x','x',n from generate_series(1,13700) n")
    c.execute("insert into installation (point,device,installed_at) select 'd'||n,'d'||n,'2026-01-01' from generate_series(1,13700) n")
    c.execute("insert into series (device,quantity) select 'd'||n,'energy_active_forward' from generate_series(1,13700) n")
    c.execute("insert into reading select s.id, to_timestamp(%s/1000.0 + k*900 + s.id %% 900), k, 0 from series s, generate_series(0,95) k", (FROM_MS,))
    c.execute("insert into ack_cursor select 'g'||n,1,5,'{[1,100000)}' from generate_series(1,130) n")
    c.execute("insert into ack_cursor select 'g'||n,1,6,(select range_agg(int8range(k*10,k*10+5)) from generate_series(1,200) k) from generate_series(1,130) n")
    c.commit(); c.execute("commit"); c.autocommit=True; c.execute("vacuum analyze"); c.autocommit=False
    ex=[Expected("acme/one","energy_active_forward","energy",900,0)]
    now=TO_MS+3600_000
    def t(name,f):
        s=time.perf_counter(); r=f(); c.commit(); print(f"{name}: {time.perf_counter()-s:.3f} s ->", r if not isinstance(r,list) else len(r))
    t("begin 2 days back, first", lambda: begin_days(c,ex,now))
    t("begin again", lambda: begin_days(c,ex,now))
    t("begin 40 back", lambda: begin_days(c,ex,now,40))
    t("begin 40 back again", lambda: begin_days(c,ex,now,40))
    c.execute("update completeness_day set look_at='infinity' where day <> '2026-03-10'")
    t("count 2000", lambda: count_days(c,now))
    t("count 13700", lambda: count_days(c,now,20000))
    t("count nothing", lambda: count_days(c,now))
    for by in By: t(by, lambda: completeness(c,date(2026,3,10),by,now))
    t("places of b1", lambda: completeness(c,date(2026,3,10),By.PLACE,now,"b1"))
    print(completeness(c,date(2026,3,10),By.SITE,now))
    t("gaps first", lambda: mind_gaps(c,now))
    t("gaps again", lambda: mind_gaps(c,now+1))
    c.execute("delete from gateway_gap"); c.execute("delete from ack_cursor where epoch=6")
    t("gaps none", lambda: mind_gaps(c,now+1))
