"""The reference university's inventory as tables: makers, counts, gateways, buildings. Counts are those of a real site; nothing else is."""

from __future__ import annotations

from dataclasses import dataclass

from protocol.record import Text


@dataclass(frozen=True, slots=True)
class Meters:
    """Meters of one maker, the profile that fits them, and the leading digits of their addresses."""

    maker: Text
    count: int
    profile: str
    prefix: str


@dataclass(frozen=True, slots=True)
class Buildings:
    """`count` buildings of one kind with `floors` floors each."""

    id: str
    name: Text
    count: int
    floors: int


def _name(zh: str, en: str) -> Text:
    return Text(zh=zh, en=en)


_PREPAID = "generic/dlt645_2007_single_phase_prepaid"
_SINGLE = "generic/dlt645_2007_single_phase"
_THREE = "generic/dlt645_2007_three_phase"
_OLD_THREE = "generic/dlt645_1997_three_phase"
_MODBUS_THREE = "sfere/pd194e_9s4"

# Dorm rooms: one prepaid meter each, 11,003 behind 59 gateways; the makers' shares of the gateways follow their counts.
DORM_METERS = (
    (Meters(_name("常工电子", "Changgong"), 6746, _PREPAID, "2016"), 36),
    (Meters(_name("正泰", "Chint"), 1524, _PREPAID, "2018"), 8),
    (Meters(_name("盛帆", "Shengfan"), 2733, _PREPAID, "2019"), 15),
)
DORM_WATER = Meters(_name("浪花", "Langhua"), 624, "generic/cjt188_cold_water", "7101")

# Teaching, laboratory and service buildings: 1,602 meters of eight makers behind 70 gateways.
ENERGY_METERS = (
    Meters(_name("常工电子", "Changgong"), 1163, _THREE, "2015"),
    Meters(_name("安科瑞", "Acrel"), 185, "acrel/adl400", ""),
    Meters(_name("丹东华通", "Dandong Huatong"), 29, _MODBUS_THREE, ""),
    Meters(_name("南京同辉", "Nanjing Tonghui"), 110, _OLD_THREE, "2008"),
    Meters(_name("上海广合", "Shanghai Guanghe"), 69, _OLD_THREE, "2006"),
    Meters(_name("科广", "KG"), 12, _MODBUS_THREE, ""),
    Meters(_name("上海双宾", "Shanghai Shuangbin"), 33, _SINGLE, "2011"),
    Meters(_name("杭州坦凌", "Hangzhou Tanling"), 1, _SINGLE, "2012"),
)
# The real ones report over an IoT card. Here they stand on the gateways' lines, so that their load is there.
ENERGY_WATER = Meters(_name("南京迈拓", "Nanjing Maituo"), 182, "generic/cjt188_cold_water", "5201")
ENERGY_GATEWAYS = 70

ENERGY_BUILDINGS = (
    Buildings("teach", _name("教学楼", "Teaching Building"), 8, 5),
    Buildings("lab", _name("实验楼", "Laboratory"), 10, 6),
    Buildings("college", _name("学院楼", "College Building"), 8, 5),
    Buildings("canteen", _name("食堂", "Canteen"), 4, 2),
    Buildings("library", _name("图书馆", "Library"), 1, 6),
    Buildings("gym", _name("体育馆", "Gymnasium"), 1, 2),
    Buildings("admin", _name("行政楼", "Administration"), 1, 4),
    Buildings("clinic", _name("校医院", "Clinic"), 1, 3),
    Buildings("service", _name("后勤楼", "Services"), 1, 3),
)
DORM_FLOORS = 6

# Classrooms: 54 boxes in 70 rooms with 139 light switches and 70 control switches; a sensor tells each room's temperature.
# The 70 air-conditioner controllers wait for a profile of one; cameras are no line devices.
CLASSROOMS = 70
CLASSROOM_BOXES = 54
LIGHT_SWITCHES = 139
CLASSROOM_BUILDINGS = 3
CONTROL_SWITCH = "waveshare/modbus_rtu_relay_8ch"
LIGHT_SWITCH = "juying/jy_dam0404"
TEMPERATURE_SENSOR = "generic/xy_md02"
