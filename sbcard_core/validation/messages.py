"""What each finding code says: to the clerk in Chinese, to the log in English, and what to do next."""

from typing import NamedTuple


class Message(NamedTuple):
    """One code in words."""

    zh: str
    en: str
    advice_zh: str


MESSAGES: dict[str, Message] = {
    "id_number.missing": Message("社会保障号码为空", "the number is empty", "补填公民身份号码"),
    "id_number.characters": Message(
        "社会保障号码不是17位数字加1位校验码", "not 17 digits and a check character", "对照身份证核对位数和字符"
    ),
    "id_number.length15": Message("社会保障号码是15位旧号码", "a legacy number of 15 digits", "改用18位号码"),
    "id_number.fullwidth": Message(
        "社会保障号码含全角字符或空格,已改为半角",
        "full-width characters or blanks were made plain",
        "请核对改正后的号码",
    ),
    "id_number.lowercase_x": Message(
        "社会保障号码末位为小写x,已改为大写", "the final x was made upper-case", "请核对改正后的号码"
    ),
    "id_number.region": Message("社会保障号码的省级地区码不存在", "unknown province code", "对照身份证核对前2位"),
    "id_number.date": Message("社会保障号码中的出生日期不可能", "impossible birth date", "对照身份证核对第7至14位"),
    "id_number.check": Message(
        "社会保障号码校验码不符", "the check character is another one", "对照身份证逐位核对号码"
    ),
    "id_number.birth_mismatch": Message(
        "出生日期与社会保障号码不一致", "birth date and number differ", "对照身份证核对号码和出生日期"
    ),
    "id_number.sex_mismatch": Message("性别与社会保障号码不一致", "sex and number differ", "对照身份证核对号码和性别"),
    "name.missing": Message("姓名为空", "the name is empty", "补填姓名"),
    "name.too_long": Message("姓名超过25个汉字或50字节", "more than 25 characters or 50 bytes", "对照身份证核对姓名"),
    "name.character": Message("姓名含有不应出现的字符", "a character that no name holds", "对照身份证核对姓名"),
    "name.dot": Message("姓名间隔号不规范,已改为“·”", "look-alike dots became U+00B7", "无需处理"),
    "name.blank": Message("姓名含有空格,已去除", "blanks were removed", "无需处理"),
    "name.private_use": Message(
        "姓名含有自造字编码,其他系统可能显示为别的字", "a private-use code point", "对照身份证核对生僻字"
    ),
    "seq.format": Message("序号不是数字", "the sequence number is no number", "改为数字序号"),
    "form_no.format": Message(
        "申领表编码为空或含有非法字符", "the form number is empty or malformed", "核对申领表编码"
    ),
    "sex.code": Message("性别代码不是1、2、9", "unknown sex code", "男填1,女填2,未说明填9"),
    "ethnicity.code": Message("民族代码不是2位数字", "the ethnicity is not 2 digits", "按民族代码表填写2位代码"),
    "ethnicity.unknown": Message("民族代码不在代码表中", "unknown ethnicity code", "核对民族代码"),
    "birth.format": Message(
        "出生日期不是有效的YYYYMMDD日期", "no valid past day as YYYYMMDD", "改为8位日期,如19800101"
    ),
    "phone.format": Message(
        "联系手机既不是11位手机号码,也不是带区号的固定电话", "no telephone number", "向本人核实联系电话"
    ),
    "category.code": Message("人员类别代码不存在", "unknown person category", "填1至5"),
    "county.code": Message("区县代码不是本省现行区县", "no county of the province", "按行政区划代码表填写6位区县代码"),
    "bank.code": Message("服务银行代码不存在", "unknown bank code", "填合作银行的3位代码"),
    "submitted.format": Message(
        "上报日期不是有效的YYYYMMDD日期", "no valid past day as YYYYMMDD", "改为8位日期,如20140731"
    ),
    "duplicate.identical": Message(
        "同一人重复上报,已保留第一条", "the same person again; the first record was kept", "无需处理"
    ),
    "duplicate.conflict": Message(
        "同一社会保障号码对应不同的姓名、出生日期或性别,全部退回",
        "one number, different persons; all records were rejected",
        "查明号码归属后重新上报",
    ),
    "record.undecodable": Message(
        "该行编码损坏、过长或含空字符,已隔离", "not decodable, over-long or with a NUL", "重新导出该行(GB18030编码)"
    ),
    "record.columns": Message(
        "该行列数与表头不符,已隔离", "the cells do not fit the header", "检查逗号和引号后重新导出"
    ),
    "file.header": Message(
        "文件没有可识别的表头,全部记录已隔离",
        "no usable header row; every record was quarantined",
        "按模板补齐表头后重报",
    ),
}

REPAIRED = Message("{}填写不规范,已自动改正", "written in another form; repaired", "请核对改正后的值")
"""For a value that any other rule repaired; the braces take the column's header."""


def advice(code: str, repair: str) -> str:
    """What the clerk should do, without telling a citizen number.

    Example:
        >>> advice("id_number.length15", "610104196209276908")
        '改用18位号码:第6位后插入19,末位加校验码8'
    """
    text = MESSAGES[code].advice_zh
    return f"{text}:第6位后插入19,末位加校验码{repair[-1]}" if code == "id_number.length15" and repair else text
