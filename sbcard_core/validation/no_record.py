"""Lines among the records that are none: totals, who filled in the table, the header on every page.

Only a record the rules refuse is asked about, so nothing that stands for a person can be taken for a footer: few
cells filled, the first of them a footer's word, none a citizen or account number alone.
"""

import re
from collections.abc import Sequence

from sbcard_core.validation.spec import RecordSpec
from sbcard_core.validation.titles import is_title, plain_header

FOOTER, HEADER_AGAIN = "record.footer", "record.header_again"

_FOOTER = re.compile(
    "[(【]?(?:(?:本页|本表|本批|全部|人数)?(?:合计|总计|小计|共计|累计|总人数|人数)|填表|制表|制单|填报|报送|报表|审核|审批|复核|"
    "经办|主管|(?:单位|科室)?负责人|联系人|联系电话|校对|打印|单位[(:]|备注[::]|说明[::]|注[::]|第[0-9]+页|共[0-9]+)"
)


class NoRecord:
    """Tells such lines of one layout.

    Args:
        spec: the layout.
    """

    def __init__(self, spec: RecordSpec) -> None:
        self._needed = [
            {plain_header(word) for word in (field.header, *field.aliases)}
            for field in spec.fields
            if not field.optional
        ]
        self._words = frozenset().union(*self._needed)

    def code(self, row: Sequence[str], columns: int) -> str:
        """The finding code of a refused line, "" where it may be a record.

        Args:
            row: its cells.
            columns: how many the header has.

        Example:
            >>> from sbcard_core.validation.spec import COLLECTION
            >>> tell = NoRecord(COLLECTION)
            >>> tell.code(["合计", "3人", *[""] * 10], 12), tell.code(["制表人:张三"], 12), tell.code(["1", "张三"], 12)
            ('record.footer', 'record.footer', '')
            >>> tell.code(["合　计：３人"], 12), tell.code(["联系电话：13800138000"], 12)
            ('record.footer', 'record.footer')
            >>> tell.code([field.header for field in COLLECTION.fields], 12)
            'record.header_again'
        """
        if not self._words.isdisjoint(row):
            names = {plain_header(cell) for cell in row}
            if not any(map(names.isdisjoint, self._needed)):
                return HEADER_AGAIN
        first = next((cell for cell in row if cell and not cell.isspace()), "0")
        if not first.isdigit() and _FOOTER.match(plain_header(first)) and is_title(row, columns):
            return FOOTER
        return ""
