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
    "id_number.wrapped": Message(
        "社会保障号码外有撇号、等号引号或不可见字符,已去除",
        'an apostrophe, an ="" or invisible characters were taken off',
        "请核对改正后的号码",
    ),
    "id_number.scientific": Message(
        "社会保障号码被表格软件改成了科学计数法,末几位已丢失",
        "scientific notation: the spreadsheet program dropped the last digits",
        "先把该列设为文本格式,再对照身份证重新填写号码(改格式不能找回已丢失的数字)",
    ),
    "id_number.separator": Message("社会保障号码含连字符,已去除", "hyphens were taken out", "请核对改正后的号码"),
    "id_number.county": Message(
        "社会保障号码的地区码不在历年区县代码表中", "no list has that county code", "对照身份证核对前6位,一致则无需更改"
    ),
    "id_number.region_time": Message(
        "社会保障号码的地区码与出生日期不相容",
        "the county was gone before the birth",
        "对照身份证核对前6位和出生日期,一致则无需更改",
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
    "name.width": Message("姓名含全角字母,已改为半角", "full-width letters were made plain", "无需处理"),
    "name.invisible": Message("姓名含有不可见字符,已去除", "characters nobody sees were taken out", "无需处理"),
    "name.half_width": Message(
        "姓名含有半角片假名或谚文,可能是编码错误",
        "half-width katakana or Hangul: a wrong encoding?",
        "对照证件核对姓名",
    ),
    "name.garbled": Message(
        "姓名是按错误编码读出的文字,不是本人姓名",
        "text read in a wrong encoding, nobody's name",
        "用原系统重新导出(GB18030或UTF-8),或对照身份证重填姓名",
    ),
    "name.doubtful": Message(
        "姓名可能是按错误编码读出的文字,请核对", "perhaps read in a wrong encoding", "对照身份证核对姓名,一致则无需更改"
    ),
    "name.compatibility": Message(
        "姓名含有兼容汉字编码,其他系统可能认作另一个字",
        "a compatibility ideograph, which other systems take for another character",
        "对照身份证核对,改用通用编码的汉字",
    ),
    "name.moved": Message(
        "姓名中的自造字编码已按GB18030-2022改为正式编码", "a private-use code became its character", "请核对生僻字"
    ),
    "name.private_use": Message(
        "姓名含有自造字编码,其他系统可能显示为别的字", "a private-use code point", "对照身份证核对生僻字"
    ),
    "name.encoding": Message(
        "姓名含有该文件编码没有的字符", "a character the file's encoding lacks", "改用GB18030编码,不得以“?”代替"
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
    "birth.century": Message("出生日期早于1900年,请核对", "born before 1900", "对照身份证核对出生日期,一致则无需更改"),
    "phone.format": Message(
        "联系手机既不是11位手机号码,也不是带区号的固定电话", "no telephone number", "向本人核实联系电话"
    ),
    "category.code": Message("人员类别代码不存在", "unknown person category", "填1至5"),
    "county.code": Message("区县代码不是本省现行区县", "no county of the province", "按行政区划代码表填写6位区县代码"),
    "county.abolished": Message("区县代码已撤销", "the county is gone", "请核对,改填现行区县代码"),
    "bank.code": Message("服务银行代码不是3位行别代码", "not the three digits of a bank", "填合作银行的3位行别代码"),
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
    "duplicate.known": Message(
        "该社会保障号码此前已登记,本条退回", "the number is known already; the record was rejected", "无需重复上报"
    ),
    "duplicate.short_form": Message(
        "该号码在本次上报中既有15位旧号码又有18位号码,可能是同一人重复上报",
        "the number stands both as 15 and as 18 digits: one person twice?",
        "核对两条记录是否为同一人",
    ),
    "record.footer": Message(
        "该行是合计、制表人等表尾,不是记录,已隔离", "a total or footer line, no record", "无需处理;重报时请删去表尾"
    ),
    "record.header_again": Message(
        "该行是重复的表头,不是记录,已隔离", "the header row again, no record", "无需处理;各页列次不同的请分成不同文件"
    ),
    "record.undecodable": Message(
        "该行编码损坏、过长或含空字符,已隔离", "not decodable, over-long or with a NUL", "重新导出该行(GB18030编码)"
    ),
    "record.columns": Message(
        "该行列数与表头不符,已隔离", "the cells do not fit the header", "检查逗号和引号后重新导出"
    ),
    "record.encoding": Message(
        "该行的文字编码与本文件其他行不同,已隔离",
        "the line is in another encoding than the file",
        "用同一种编码(GB18030)重新导出全部记录",
    ),
    "record.quote": Message(
        "该行引号不成对,不能确定单元格在何处结束,已隔离",
        "a quote that nothing closes; neighbouring lines were read on their own",
        "删去单独的引号(如表示“同上”的引号)后重报",
    ),
    "file.header": Message(
        "文件没有可识别的表头,全部记录已隔离",
        "no usable header row; every record was quarantined",
        "按模板补齐表头后重报",
    ),
    "file.encoding": Message(
        "文件是UTF-16编码,全部记录已隔离", "UTF-16; every record was quarantined", "另存为GB18030或UTF-8编码后重报"
    ),
    "file.too_large": Message(
        "工作簿的单元格数或解压后大小超过上限,未打开",
        "more cells or unpacked bytes than the limit; not opened",
        "拆分文件,或改存为CSV后重报",
    ),
    "file.kind": Message(
        "文件是网页、PDF、压缩包等,不是数据表,未读取",
        "a web page, PDF, archive or the like, no table",
        "用表格软件打开后另存为.xlsx或CSV再报",
    ),
    "file.damaged": Message("文件损坏或不完整,无法读取", "damaged or cut off", "重新导出后重报"),
    "file.locked": Message("文件有密码保护,无法读取", "protected by a password", "去除密码后重报"),
    "file.sheets": Message(
        "工作簿有多张表都含采集表头,未读取", "several sheets have the header; none was read", "每个文件只留一张采集表"
    ),
    "file.types": Message("数据列的类型不是文本、整数或日期", "a column of no known type", "把各列改为文本后重报"),
    "certificate.format": Message(
        "证件有效期不是YYYYMMDD日期或“长期”", "neither a day nor without end", "对照证件填写有效期截止日"
    ),
    "certificate.expired": Message("证件已过有效期", "the certificate has expired", "换领证件后重新采集"),
    "certificate.unlimited": Message(
        "未满46周岁不应持有长期有效证件", "without end, but under 46", "对照证件核对有效期"
    ),
    "certificate.too_long": Message("证件有效期超过20年", "ends more than 20 years on", "对照证件核对有效期"),
    "certificate.type": Message("证件类型代码不存在", "unknown certificate type", "按证件类型代码表填写"),
    "certificate.number": Message(
        "证件为居民身份证而证件号码与社会保障号码不一致", "two numbers of one identity card", "对照身份证核对两个号码"
    ),
    "guardian.missing": Message(
        "未满16周岁而监护人信息不全", "under 16 without a guardian's name and number", "补填监护人姓名和证件号码"
    ),
    "guardian.self": Message("监护人证件号码与本人相同", "the guardian's number is the child's", "核对监护人证件号码"),
    "guardian.format": Message("监护人信息格式不符", "malformed guardian data", "核对监护人信息"),
    "address.other_city": Message(
        "户口区县不属于上报单位所在地", "a county of another city than the submitter's", "核对区县代码和上报单位"
    ),
    "address.format": Message("地址过长或含控制字符", "too long or with control characters", "核对地址"),
    "country.code": Message("国家地区代码不是3位字母", "not 3 letters", "中国填CHN"),
    "application.type": Message("申请类型代码不存在", "unknown kind of application", "按申请类型代码表填写"),
    "status.code": Message("处理结果代码不是2位字母或数字", "not 2 letters or digits", "成功填00"),
    "account_no.format": Message("账号不是12至19位数字", "not 12 to 19 digits", "向银行核对账号,不得自行修改"),
    "account_no.luhn": Message(
        "账号末位校验不符(存折账号可忽略)", "no Luhn digit, as passbooks have none", "请核对账号"
    ),
    "account_no.missing": Message("开户成功而账号为空", "opened without an account", "向银行索取账号"),
    "account_no.unexpected": Message("开户失败却有账号", "an account although the opening failed", "向银行核对结果"),
    "reason.missing": Message("处理失败而原因为空", "failed without a reason", "向对方索取失败原因"),
    "reason.format": Message("原因过长或含控制字符", "too long or with control characters", "核对失败原因"),
    "answered.format": Message("办理日期不是有效的YYYYMMDD日期", "no valid past day", "改为8位日期"),
    "amount.format": Message("金额不是大于零的整数分", "no whole number of fen above zero", "核对金额,不得自行修改"),
    "purpose.format": Message("用途为空或过长", "empty or too long", "补填用途"),
    "card_no.format": Message("社保卡号格式或校验位不符", "no card number", "向制卡单位核对卡号"),
    "card_no.legacy": Message("社保卡号是旧式号码,无法校验", "a legacy card number, unchecked", "请核对卡号"),
    "card_no.missing": Message("制卡成功而社保卡号为空", "made without a card number", "向制卡单位索取卡号"),
    "card_code.format": Message("卡识别码不是32位十六进制数", "not 32 hexadecimal digits", "向制卡单位核对"),
    "card_code.missing": Message("制卡成功而卡识别码为空", "made without an identification code", "向制卡单位索取"),
    "atr.format": Message("卡复位码不是十六进制数", "not hexadecimal", "向制卡单位核对"),
    "issued.format": Message("发卡日期不是有效的YYYYMMDD日期", "no valid past day", "改为8位日期"),
    "expires.format": Message("卡有效期不是YYYYMMDD日期", "no day", "改为8位日期"),
    "stage.code": Message("失败环节不是“银行”或“制卡”", "neither bank nor factory", "填“银行”或“制卡”"),
    "box.format": Message("装箱位置过长", "too long", "核对装箱位置"),
    "photo.empty": Message("照片文件为空", "an empty file", "重新提交照片"),
    "photo.format": Message("照片不是规定的图片格式", "no image of a format that is taken", "按规定格式重新保存"),
    "photo.suffix": Message("照片扩展名与内容不符", "the name says another format", "按实际格式改扩展名"),
    "photo.damaged": Message("照片损坏或不完整,无法解码", "cut off or not decodable", "重新提交照片"),
    "photo.pixel_limit": Message(
        "照片像素或字节数超过上限,未解码", "over the limit; not decoded", "按规定尺寸重新保存"
    ),
    "photo.size": Message("照片像素尺寸不符", "another size in pixels", "按规定尺寸重新保存"),
    "photo.dpi": Message("照片分辨率不符", "another density", "按规定分辨率重新保存"),
    "photo.colour": Message("照片色彩模式不符", "another colour mode or depth", "存为24位RGB"),
    "photo.bytes": Message("照片文件大小不在规定范围", "smaller or larger than allowed", "调整压缩比后重新保存"),
    "photo.rotated": Message("照片带旋转标记,印刷会横置或倒置", "turned by a mark", "转正后重新保存"),
    "photo.animated": Message("照片含多帧", "several pictures in one", "只保留一帧"),
    "photo.trailing": Message("照片末尾附有其他数据", "bytes behind the image's end", "用图像软件重新保存"),
    "photo.name": Message("照片文件名中没有社会保障号码", "no number in the name", "以社会保障号码命名"),
    "photo.number": Message("照片文件名中的号码有误", "a wrong number in the name", "对照身份证核对文件名"),
    "photo.repeated": Message(
        "同一人有多张照片(已保留最先出现的合格照片)", "a further photo of one record", "只保留一张"
    ),
    "photo.unknown": Message("照片没有对应的记录", "no record for the photo", "核对文件名或补报记录"),
    "photo.missing": Message("记录没有照片", "a record without a photo", "补交照片"),
    "photo.share": Message("公安照片占比过高", "too many photos are the police's", "加强自主采集"),
}

REPAIRED = Message("{}填写不规范,已自动改正", "written in another form; repaired", "请核对改正后的值")
"""For a value that any other rule repaired; the braces take the column's header."""


LENGTHENED = Message("15位旧号码已按本条记录的出生日期和区县升为18位", "15 digits became 18", "请核对改正后的号码")

_FORM_REFUSED = {
    "id_number.fullwidth": Message("社会保障号码含全角字符或空格,未改动", "full-width characters or blanks", ""),
    "id_number.lowercase_x": Message("社会保障号码末位为小写x,未改动", "a lower-case x at the end", ""),
    "id_number.wrapped": Message("社会保障号码外有撇号、等号引号或不可见字符,未改动", "wrapping around the number", ""),
    "name.invisible": Message("姓名含有不可见字符,未改动", "characters nobody sees in the name", ""),
    "id_number.separator": Message("社会保障号码含连字符,未改动", "hyphens in the number", ""),
    "name.dot": Message("姓名间隔号不规范,未改动", "a look-alike of the dot", ""),
    "name.blank": Message("姓名含有空格,未改动", "blanks in the name", ""),
    "name.width": Message("姓名含全角字母,未改动", "full-width letters in the name", ""),
    "name.moved": Message("姓名含自造字编码,未改动", "a private-use code that has a character now", ""),
}


def form_refused(code: str) -> Message:
    """The words for a value in another form that is not put right without asking.

    Example:
        >>> form_refused("county.code").zh
        '填写形式不规范,未改动'
    """
    return _FORM_REFUSED.get(code, Message("填写形式不规范,未改动", "written in another form; not changed", ""))


def advice(code: str, repair: str) -> str:
    """What the clerk should do, without telling a citizen number.

    Example:
        >>> advice("id_number.length15", "610104196209276908")
        '改用18位号码:第6位后插入19,末位加校验码8'
    """
    text = MESSAGES[code].advice_zh
    return f"{text}:第6位后插入19,末位加校验码{repair[-1]}" if code == "id_number.length15" and repair else text
