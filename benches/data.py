"""Makes the files that are measured, once: 5,000,000 rows x 10 columns of CSV, 500,000 x 20 of XLSX."""
import zipfile
from xml.sax.saxutils import escape

import duckdb

COLUMNS = """
    i as id,
    'customer ' || hash(i) % 200000 as customer,
    ['north', 'south', 'east', 'west', 'centre'][1 + (hash(i * 3) % 5)::int] as region,
    ['hardware', 'software', 'services', 'support', 'training', 'books', 'travel'][1 + (hash(i * 5) % 7)::int] as category,
    (hash(i * 7) % 100)::int as quantity,
    round((hash(i * 11) % 1000000) / 100, 2) as price,
    date '2015-01-01' + (hash(i * 13) % 3650)::int as ordered,
    timestamp '2015-01-01' + to_seconds((hash(i * 17) % 315360000)::bigint) as updated,
    hash(i * 19) % 2 = 0 as paid,
    case when hash(i * 23) % 10 = 0 then null else 'note ' || hash(i * 29) % 5000 end as note
"""


def csv_file(path, n_rows):
    if not path.exists():
        half_made = path.with_suffix(".part")
        duckdb.sql(f"copy (select {COLUMNS} from range({n_rows}) t(i)) to '{half_made}' (format csv, header)")
        half_made.rename(path)
    return path


TYPES = """<?xml version="1.0" encoding="UTF-8" standalone="yes"?>
<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"><Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/><Override PartName="/xl/workbook.xml" ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml"/><Override PartName="/xl/worksheets/sheet1.xml" ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.worksheet+xml"/><Override PartName="/xl/styles.xml" ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.styles+xml"/><Override PartName="/xl/sharedStrings.xml" ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.sharedStrings+xml"/></Types>"""
RELATIONS = """<?xml version="1.0" encoding="UTF-8" standalone="yes"?>
<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="rId1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument" Target="xl/workbook.xml"/></Relationships>"""
WORKBOOK = """<?xml version="1.0" encoding="UTF-8" standalone="yes"?>
<workbook xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main" xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships"><sheets><sheet name="Orders" sheetId="1" r:id="rId1"/></sheets></workbook>"""
WORKBOOK_RELATIONS = """<?xml version="1.0" encoding="UTF-8" standalone="yes"?>
<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="rId1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/worksheet" Target="worksheets/sheet1.xml"/><Relationship Id="rId2" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/styles" Target="styles.xml"/><Relationship Id="rId3" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/sharedStrings" Target="sharedStrings.xml"/></Relationships>"""
# Style 1 is a date, style 2 a date with its time.
STYLES = """<?xml version="1.0" encoding="UTF-8" standalone="yes"?>
<styleSheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><fonts count="1"><font/></fonts><fills count="1"><fill/></fills><borders count="1"><border/></borders><cellStyleXfs count="1"><xf/></cellStyleXfs><cellXfs count="3"><xf numFmtId="0" xfId="0"/><xf numFmtId="14" xfId="0" applyNumberFormat="1"/><xf numFmtId="22" xfId="0" applyNumberFormat="1"/></cellXfs></styleSheet>"""
SHEET_OPEN = """<?xml version="1.0" encoding="UTF-8" standalone="yes"?>
<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>"""
SHEET_CLOSE = "</sheetData></worksheet>"


def xlsx_file(path, n_rows):
    """The ten columns twice over, as Excel writes them: shared strings, dates as styled numbers, every cell with its address."""
    if path.exists():
        return path
    epoch = "1899-12-30"
    both = ", ".join(
        f"id * {k} as id_{k}, customer as customer_{k}, region as region_{k}, category as category_{k}, quantity as quantity_{k}, "
        f"price as price_{k}, ordered - date '{epoch}' as ordered_{k}, "
        f"epoch(updated - timestamp '{epoch}') / 86400 as updated_{k}, paid as paid_{k}, note as note_{k}"
        for k in (1, 2))
    rows = duckdb.sql(f"select {both} from (select {COLUMNS} from range({n_rows}) t(i))")
    styles = {"ordered": ' s="1"', "updated": ' s="2"'}
    letters = [chr(ord("A") + n) for n in range(20)]
    cells = [(letter, styles.get(name[:-2], "")) for letter, name in zip(letters, rows.columns)]
    strings = {}

    def cell(letter, style, row_idx, value):
        if value is None:
            return ""
        if value is True or value is False:
            return f'<c r="{letter}{row_idx}" t="b"><v>{int(value)}</v></c>'
        if isinstance(value, str):
            return f'<c r="{letter}{row_idx}" t="s"><v>{strings.setdefault(value, len(strings))}</v></c>'
        return f'<c r="{letter}{row_idx}"{style}><v>{value}</v></c>'

    half_made = path.with_suffix(".part")
    with zipfile.ZipFile(half_made, "w", zipfile.ZIP_DEFLATED) as archive:
        with archive.open("xl/worksheets/sheet1.xml", "w", force_zip64=True) as sheet:
            sheet.write(SHEET_OPEN.encode())
            sheet.write(("<row r=\"1\">" + "".join(cell(c, "", 1, n) for c, n in zip(letters, rows.columns)) + "</row>").encode())
            row_idx = 1
            while batch := rows.fetchmany(10_000):
                xml = []
                for row in batch:
                    row_idx += 1
                    xml.append(f'<row r="{row_idx}">')
                    xml += [cell(letter, style, row_idx, value) for (letter, style), value in zip(cells, row)]
                    xml.append("</row>")
                sheet.write("".join(xml).encode())
            sheet.write(SHEET_CLOSE.encode())
        with archive.open("xl/sharedStrings.xml", "w") as shared:
            shared.write(b'<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n<sst xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main">')
            shared.write("".join(f"<si><t>{escape(text)}</t></si>" for text in strings).encode())
            shared.write(b"</sst>")
        for name, text in (("[Content_Types].xml", TYPES), ("_rels/.rels", RELATIONS), ("xl/workbook.xml", WORKBOOK),
                           ("xl/_rels/workbook.xml.rels", WORKBOOK_RELATIONS), ("xl/styles.xml", STYLES)):
            archive.writestr(name, text)
    half_made.rename(path)
    return path
