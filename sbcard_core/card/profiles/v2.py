"""The second generation (规范版本 2.00): the environment's EF05 and EF06 and, by the attached declarations, the rest.

Sources: tags, formats and lengths agree in three or more public readers and
writers of real cards; the numbers of EF06's records are those of 2.x and 3.x.
The standard's own text is not public.
"""

from dataclasses import replace
from types import MappingProxyType

from sbcard_core.card.access import Access
from sbcard_core.card.files import FileDecl, Format, RecordDecl
from sbcard_core.card.profile import Assumed, PinMessage, Profile, PurseLog
from sbcard_core.card.profiles.directories import DIRECTORIES
from sbcard_core.crypto.auth import SAMPLE as SAMPLE_AUTH
from sbcard_core.crypto.keys import KeyUsage
from sbcard_core.crypto.purse import LOAD_TAC_CANDIDATE
from sbcard_core.crypto.rules import PurseRules

_THREE = "three sources"

EF05 = FileDecl(
    "SSSE/EF05",
    0xEF05,
    "发卡机构及卡基本数据文件",
    (
        RecordDecl(
            0x01,
            "identification_code",
            "卡识别码",
            Format.B,
            16,
            _THREE,
            (
                ("0110639900D15600000500BF7C7A48FB4966", "639900D15600000500BF7C7A48FB4966"),
                ("0110430100D15600000500000001FFFFFFFF", "430100D15600000500000001FFFFFFFF"),
            ),
        ),
        RecordDecl(0x02, "card_class", "卡的类别", Format.AN, 1, _THREE, (("020133", "3"),)),
        RecordDecl(
            0x03, "version", "规范版本", Format.AN, 4, _THREE, (("0304322E3030", "2.00"), ("0304332E3030", "3.00"))
        ),
        RecordDecl(
            0x04,
            "issuer",
            "初始化机构编号",
            Format.CN,
            12,
            _THREE,
            (("040C430100000000000000000000", "430100000000000000000000"), ("040C430100FFFFFFFFFFFFFFFFFF", "430100")),
        ),
        RecordDecl(0x05, "issued_on", "发卡日期", Format.CN, 4, _THREE, (("050420101001", "20101001"),)),
        RecordDecl(0x06, "expires_on", "卡有效期", Format.CN, 4, _THREE, (("060420201001", "20201001"),)),
        RecordDecl(0x07, "card_no", "卡号", Format.AN, 9, _THREE, (("0709583030303030303139", "X00000019"),)),
    ),
    update_key="UK_SSSE",
)

EF06 = FileDecl(
    "SSSE/EF06",
    0xEF06,
    "持卡人基本数据文件",
    (
        RecordDecl(
            0x08,
            "id_number",
            "社会保障号码",
            Format.AN,
            18,
            _THREE,
            (("0812313131313131313938313031303131313130", "111111198101011110"),),
            sensitive=True,
        ),
        RecordDecl(
            0x09,
            "name",
            "姓名",
            Format.AN,
            30,
            _THREE,
            (
                ("091ED5C5C8FD" + "00" * 26, "张三"),
                ("091EC0EEAB7C" + "00" * 26, "李珅"),
            ),
            sensitive=True,
        ),
        RecordDecl(
            0x4E,
            "name_extension",
            "姓名扩展",
            Format.AN,
            20,
            _THREE,
            (("4E14" + "00" * 20, ""), ("4E14C2F2" + "00" * 18, "买")),
            optional=True,
            sensitive=True,
        ),
        RecordDecl(0x0A, "sex", "性别", Format.AN, 1, _THREE, (("0A0131", "1"), ("0A0139", "9"))),
        RecordDecl(0x0B, "ethnicity", "民族", Format.CN, 1, _THREE, (("0B0101", "01"), ("0B0156", "56"))),
        RecordDecl(0x0C, "birthplace", "出生地", Format.CN, 3, _THREE, (("0C03430100", "430100"), ("0C03FFFFFF", ""))),
        RecordDecl(
            0x0D, "birth_date", "出生日期", Format.CN, 4, _THREE, (("0D0419810101", "19810101"),), sensitive=True
        ),
    ),
    update_key="UK_SSSE",
)

EF06_KEY_READ = replace(EF06, read=Access.KEY, read_key="RK_SSSE")
"""EF06 of a 3.00 card: read after external authentication only; three sources."""

V2 = Profile(
    name="2.00",
    version="2.00",
    files=(EF05, EF06),
    # EXTERNAL AUTHENTICATE P2 → PSAM key: 0A reads EF06, 04 writes EF05 and EF06.
    psam_key_of_kid=MappingProxyType({0x0A: 0x0A, 0x04: 0x12}),
    declarations=("environment_2.toml", "applications_2.toml"),
    directories=DIRECTORIES,
)
"""What the public sources agree on; everything else unset and refused."""

SAMPLE_ASSUMED = Assumed(
    auth=SAMPLE_AUTH,
    irk_psam_key_id=0x01,
    purse_aid=bytes.fromhex("D15600000503"),
    purse_key_index=1,
    purse=PurseRules(load_tac=LOAD_TAC_CANDIDATE),
    purse_log=PurseLog(),
    transaction_proof=True,
    secure_mac=KeyUsage.STK,
    pin_message=PinMessage(),
)

SAMPLE = replace(V2, name="2.00 sample", assumed=SAMPLE_ASSUMED)
"""Assumed throughout, for the simulator and the demonstration: a real issuer sets its own values."""
