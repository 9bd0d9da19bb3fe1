"""The card's directories and how each is selected. DF07's application identifier is not public."""

from sbcard_core.card.access import Confidence
from sbcard_core.card.files import DirectoryDecl

_RID = "D156000005"
_ONE, _TWO, _THREE = "one page", "two sources", "three sources"


def _aid(text: str) -> bytes:
    return bytes.fromhex(text)


DIRECTORIES: tuple[DirectoryDecl, ...] = (
    DirectoryDecl("MF", "主文件", None, 0x3F00, _TWO, Confidence.MEDIUM),
    DirectoryDecl("SSSE", "社会保障系统环境", _aid("7378312E73682EC9E7BBE1B1A3D5CF"), None, _THREE, Confidence.HIGH),
    DirectoryDecl("DF01", "公共数据应用", _aid(_RID + "00"), None, _TWO, Confidence.MEDIUM),
    DirectoryDecl("DF02", "就业与失业应用", _aid(_RID + "01"), None, _ONE, Confidence.LOW),
    DirectoryDecl("DF03", "社会保险应用(非医疗)", _aid(_RID + "02"), None, _ONE, Confidence.LOW),
    DirectoryDecl("DF04", "医疗保险应用", _aid(_RID + "03"), None, _THREE, Confidence.HIGH),
    DirectoryDecl("DF05", "人事人才应用", _aid(_RID + "04"), None, _ONE, Confidence.LOW),
    DirectoryDecl("DF07", "标识F0至F9的应用", None, None, "its identifier is in no public source", Confidence.LOW),
    DirectoryDecl("PKI", "证书应用环境", _aid("504B492EC9E7BBE1B1A3D5CF"), None, _TWO, Confidence.MEDIUM),
    DirectoryDecl("PKI.ADF1", "证书应用", _aid("53532E434552542E41444631"), None, _TWO, Confidence.MEDIUM),
    DirectoryDecl("BANK", "金融应用(借记)", _aid("A000000333010101"), None, _THREE, Confidence.HIGH),
)
