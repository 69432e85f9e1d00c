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
    """`count` buildings of one kind with `floors` floors each; floor area, people and campus building type of one of them are made up."""

    id: str
    name: Text
    count: int
    floors: int
    area_m2: int
    people: int
    building_type: str


def _name(zh: str, en: str) -> Text:
    return Text(zh=zh, en=en)


# Dorm rooms: one prepaid meter each, 11,003 behind 59 gateways; the makers' shares of the gateways follow their counts.
DORM_METERS = (
    (Meters(_name("常工电子", "Changgong"), 6746, "changgong/dorm_prepaid", "2016"), 36),
    (Meters(_name("正泰", "Chint"), 1524, "chint/ddsy_prepaid", "2018"), 8),
    (Meters(_name("盛帆", "Shengfan"), 2733, "shengfan/dorm_prepaid", "2019"), 15),
)
DORM_WATER = Meters(_name("浪花", "Langhua"), 624, "langhua/cold_water", "7101")

# Teaching, laboratory and service buildings: 1,602 meters of eight makers behind 70 gateways.
ENERGY_METERS = (
    Meters(_name("常工电子", "Changgong"), 1163, "changgong/three_phase", "2015"),
    Meters(_name("安科瑞", "Acrel"), 185, "acrel/adl400", ""),
    Meters(_name("丹东华通", "Dandong Huatong"), 29, "huatong/pd194_map_a", ""),
    Meters(_name("南京同辉", "Nanjing Tonghui"), 110, "tonghui/three_phase", "2008"),
    Meters(_name("上海广合", "Shanghai Guanghe"), 69, "guanghe/three_phase_1997", "2006"),
    Meters(_name("科广", "KG"), 12, "kg/three_phase", "2013"),
    Meters(_name("上海双宾", "Shanghai Shuangbin"), 33, "shuangbin/single_phase", "2011"),
    Meters(_name("杭州坦凌", "Hangzhou Tanling"), 1, "tanling/single_phase", "2012"),
)
# They report over an IoT card through the maker's platform; the leading digits of their IMEIs are of no real card.
ENERGY_WATER = Meters(_name("南京迈拓", "Nanjing Maituo"), 182, "maituo/nb_cold_water", "5201")
ENERGY_WATER_IMEI = "86000000"
ENERGY_WATER_VIA = "webhook/maituo"
ENERGY_GATEWAYS = 70

ENERGY_BUILDINGS = (
    Buildings("teach", _name("教学楼", "Teaching Building"), 8, 5, 9000, 2200, "C"),
    Buildings("lab", _name("实验楼", "Laboratory"), 10, 6, 11000, 420, "D"),
    Buildings("college", _name("学院楼", "College Building"), 8, 5, 8000, 600, "E"),
    Buildings("canteen", _name("食堂", "Canteen"), 4, 2, 5200, 1800, "G"),
    Buildings("library", _name("图书馆", "Library"), 1, 6, 24000, 3500, "B"),
    Buildings("gym", _name("体育馆", "Gymnasium"), 1, 2, 9500, 400, "F"),
    Buildings("admin", _name("行政楼", "Administration"), 1, 4, 7000, 310, "A"),
    Buildings("clinic", _name("校医院", "Clinic"), 1, 3, 4200, 90, "K"),
    Buildings("service", _name("后勤楼", "Services"), 1, 3, 3000, 120, "M"),
)
DORM_FLOORS = 6
DORM_M2_A_ROOM, DORM_PEOPLE_A_ROOM = 24, 4
# Energy items of the meters of one building of the energy system, in turn; dorm meters are all 01A1.
ENERGY_ITEMS = ("01A1", "01A2", "01B2E", "01C2", "01D6", "01A1", "01B1C", "01C1")

# Classrooms: 54 boxes in 70 rooms with 139 light switches, 70 control switches and 70 air-conditioner controllers (on a line of their own: they want
# two stop bits); a sensor tells each room's temperature. Cameras are no line devices.
CLASSROOMS = 70
CLASSROOM_BOXES = 54
LIGHT_SWITCHES = 139
CLASSROOM_BUILDINGS = 3
CONTROL_SWITCH = "waveshare/modbus_rtu_relay_8ch"
LIGHT_SWITCH = "juying/jy_dam0404"
AIR_CONDITIONER = "intesis/inmbs_canonical"
TEMPERATURE_SENSOR = "generic/xy_md02"
