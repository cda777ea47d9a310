"""Invalid sheets with the exact messages that their authors should see."""

from datetime import datetime
from typing import Any, NamedTuple

from sheets.making import archive, lines, raw_workbook, workbook

P = "a red circle"


class Bad(NamedTuple):
    """An invalid sheet: its case, file name, bytes and messages."""

    case: str
    file: str
    data: bytes
    says: tuple[str, ...]


def bad(case: str, file: str, data: bytes, *says: str) -> Bad:
    """Return an invalid sheet."""
    return Bad(case, file, data, says)


def ole(word: str) -> bytes:
    """Return a file of an old Office program: its magic bytes and a name from its directory."""
    return b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(500) + word.encode("utf-16-le") + bytes(3000)


def one(column: str, cell: str) -> bytes:
    """Return a sheet with a valid prompt and one other cell."""
    return lines(f"prompt,{column}", f"{P},{cell}")


def hidden(tab: Any) -> None:
    """Hide the tab behind an empty one."""
    tab.parent.create_sheet("Other")
    tab.sheet_state = "hidden"


FILES = (
    bad(
        "empty file",
        "sheet.csv",
        b"",
        "'sheet.csv' is empty. Enter a header and a prompt below it, or create a template with `reelmill init`.",
    ),
    bad(
        "only blank lines",
        "sheet.csv",
        b"\r\n\r\n  \r\n",
        "'sheet.csv' is empty. Enter a header and a prompt below it, or create a template with `reelmill init`.",
    ),
    bad(
        "only delimiters",
        "sheet.csv",
        b",,,\r\n,,,\r\n",
        "'sheet.csv' is empty. Enter a header and a prompt below it, or create a template with `reelmill init`.",
    ),
    bad(
        "a PDF",
        "brief.pdf",
        b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj",
        "'brief.pdf' is a PDF. Copy the table to a spreadsheet and save it as XLSX.",
    ),
    bad(
        "a PDF named xlsx",
        "brief.xlsx",
        b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj",
        "'brief.xlsx' is a PDF. Copy the table to a spreadsheet and save it as XLSX.",
    ),
    bad(
        "a picture",
        "sheet.png",
        b"\x89PNG\r\n\x1a\n" + bytes(40),
        "'sheet.png' is a picture. Type the table in a spreadsheet and save it as XLSX.",
    ),
    bad(
        "damaged old Excel",
        "sheet.xls",
        ole("Workbook"),
        "'sheet.xls' is damaged. Open it in a spreadsheet program and save it again as XLSX.",
    ),
    bad(
        "password",
        "sheet.xlsx",
        ole("EncryptedPackage"),
        "'sheet.xlsx' is protected by a password. Save a copy without a password.",
    ),
    bad(
        "old Word",
        "sheet.doc",
        ole("WordDocument"),
        "'sheet.doc' is a Word document. Copy the table to a spreadsheet and save it as XLSX.",
    ),
    bad(
        "Word",
        "brief.docx",
        archive({"word/document.xml": "<w/>"}),
        "'brief.docx' is a Word document. Copy the table to a spreadsheet and save it as XLSX.",
    ),
    bad(
        "slides",
        "deck.pptx",
        archive({"ppt/presentation.xml": "<p/>"}),
        "'deck.pptx' is a presentation. Copy the table to a spreadsheet and save it as XLSX.",
    ),
    bad(
        "old presentation",
        "deck.ppt",
        ole("PowerPoint Document"),
        "'deck.ppt' is a presentation. Copy the table to a spreadsheet and save it as XLSX.",
    ),
    bad(
        "damaged OpenDocument",
        "sheet.ods",
        archive({"mimetype": "application/vnd.oasis.opendocument.spreadsheet", "content.xml": "<x>"}),
        "'sheet.ods' is damaged. Open it in a spreadsheet program and save it again as XLSX.",
    ),
    bad(
        "empty OpenDocument",
        "sheet.ods",
        archive({"mimetype": "application/vnd.oasis.opendocument.spreadsheet", "content.xml": "<x/>"}),
        "'sheet.ods' is empty. Enter a header and a prompt below it, or create a template with `reelmill init`.",
    ),
    bad(
        "OpenDocument text",
        "brief.odt",
        archive({"mimetype": "application/vnd.oasis.opendocument.text", "content.xml": "<x/>"}),
        "'brief.odt' is an OpenDocument file, but not a spreadsheet. Copy the table to a spreadsheet and save it as "
        "XLSX.",
    ),
    bad(
        "Numbers",
        "sheet.numbers",
        archive({"Index/Document.iwa": b"x"}),
        "'sheet.numbers' is a Numbers document. Export it as Excel (XLSX) or CSV.",
    ),
    bad(
        "damaged binary workbook",
        "sheet.xlsb",
        archive({"xl/workbook.bin": b"x"}),
        "'sheet.xlsb' is damaged. Open it in a spreadsheet program and save it again as XLSX.",
    ),
    bad(
        "ZIP",
        "sheets.zip",
        archive({"sheet.csv": "prompt"}),
        "'sheets.zip' is a ZIP archive. Unpack it and use the sheet inside.",
    ),
    bad("gzip", "sheet.csv.gz", b"\x1f\x8b\x08\x00" + bytes(20), "'sheet.csv.gz' is compressed. Unpack it first."),
    bad(
        "HTML named xls",
        "export.xls",
        b"<html><table><tr><td>prompt</td></tr></table></html>",
        "'export.xls' is a web page or an XML file, regardless of its extension. Open it in a spreadsheet "
        "program and save it as XLSX or CSV.",
    ),
    bad(
        "JSON settings",
        "settings.json",
        b'{"model": "starter", "size": {"width": 832}}',
        "'settings.json' has no list of objects. Write one object for each row, such as "
        '[{"prompt": "a red circle"}], or export the table as CSV.',
    ),
    bad(
        "no valid JSON",
        "sheet.json",
        b"[{prompt: 'x'}]",
        "'sheet.json' has no valid record. Record 1 is not valid JSON. Check its double quotes, commas and brackets.",
    ),
    bad(
        "program",
        "reelmill",
        b"\x7fELF\x02\x01\x01" + bytes(range(256)) * 8,
        "'reelmill' is a binary file, not a sheet. Save the sheet as XLSX or CSV.",
    ),
    bad(
        "cut short",
        "sheet.xlsx",
        workbook([["prompt"], [P]])[:900],
        "'sheet.xlsx' is damaged or incomplete. Copy or download it again.",
    ),
    bad(
        "damaged XML",
        "sheet.xlsx",
        raw_workbook(b"<worksheet><sheetData><row"),
        "'sheet.xlsx' is damaged. Open it in a spreadsheet program and save it again as XLSX.",
    ),
    bad(
        "no cells",
        "sheet.xlsx",
        workbook([]),
        "'sheet.xlsx' is empty. Enter a header and a prompt below it, or create a template with `reelmill init`.",
    ),
    bad(
        "all hidden",
        "sheet.xlsx",
        workbook([["prompt"], [P]], hidden),
        "'sheet.xlsx' has no data on its visible tabs. Unhide the tab with the prompts.",
    ),
    bad(
        "unknown encoding",
        "sheet.csv",
        b"prompt\r\na\x81b\x9dc\xffd\xb1e\xdbf\x8fg\r\n",
        "'sheet.csv' is not in UTF-8, and its encoding cannot be detected. Save it as CSV in UTF-8 or as XLSX, or name "
        "its encoding with --encoding.",
    ),
    bad(
        "open quote",
        "sheet.csv",
        lines("prompt,notes", '"a red circle,x', "a blue square,y"),
        "Row 2: '\"a red circle,x' has an unclosed double quote. Close it, or delete it.",
    ),
    bad(
        "stray quote",
        "sheet.csv",
        lines("prompt,notes", "a circle,ok", '"big" circle,x'),
        "Row 3: '\"big\" circle,x' has a stray double quote. Write two double quotes for each one in a quoted text, or "
        "save the sheet as XLSX.",
    ),
    bad(
        "cell too long",
        "sheet.csv",
        lines("prompt", "x" * 40000),
        f"Row 2: '{'x' * 59}…' has a cell with more than 32,000 characters. Shorten the cell.",
    ),
    bad(
        "too many columns",
        "sheet.csv",
        lines("prompt," + ",".join(f"c{i}" for i in range(200)), "x"),
        "'sheet.csv' has more than 200 columns. Delete those that are not needed.",
    ),
    bad(
        "too many rows",
        "sheet.csv",
        b"prompt\n" + b"x\n" * 100001,
        "'sheet.csv' has more than 100,000 rows. Split it into several sheets.",
    ),
)

HEADERS = (
    bad(
        "no prompt, near",
        "sheet.csv",
        lines("Promtp,Aspect", "x,16:9"),
        "Row 1: there is no column 'prompt', only 'Promtp', 'Aspect'. If 'Promtp' contains the prompts, "
        "rename it to 'prompt'.",
    ),
    bad(
        "no prompt, alike",
        "sheet.csv",
        lines("Client,Video description,Aspect", "acme,x,16:9"),
        "Row 1: there is no column 'prompt', only 'Client', 'Video description', 'Aspect'. If 'Video "
        "description' contains the prompts, rename it to 'prompt'.",
    ),
    bad(
        "no prompt, none",
        "sheet.csv",
        lines("Aspect,Length", "16:9,2"),
        "Row 1: there is no column 'prompt', only 'Aspect', 'Length'. Add a column 'prompt'.",
    ),
    bad(
        "no header at all",
        "sheet.csv",
        lines("a red circle,16:9", "a blue square,9:16"),
        "Row 1: there is no column 'prompt', only 'a red circle', '16:9'. Add a column 'prompt'.",
    ),
    bad(
        "no rows",
        "sheet.csv",
        lines("prompt,placements"),
        "Row 1: there are no rows below the header. Enter a prompt in the next row.",
    ),
    bad(
        "two prompts",
        "sheet.csv",
        lines("Prompt,Video prompt", "x,y"),
        "Row 1, column B 'Video prompt' means prompt, and so does column A 'Prompt'. Delete one of them, "
        "or rename it to keep it as a note.",
    ),
    bad(
        "channel and aspect",
        "sheet.csv",
        lines("Prompt,Channel,Aspect", "x,tiktok,9:16"),
        "Row 1, column C 'Aspect' means placements, and so does column B 'Channel'. Delete one of them, "
        "or rename it to keep it as a note. To give a channel and a ratio, write both in one cell: "
        "tiktok 9:16.",
    ),
)

PROMPTS = (
    bad(
        "prompt empty",
        "sheet.csv",
        lines("prompt,notes", ",x"),
        "Row 2, column A 'prompt' is empty. Describe what the clip shows.",
    ),
    bad(
        "prompt of spaces",
        "sheet.csv",
        lines("prompt,notes", "\xa0 ,x"),
        "Row 2, column A 'prompt' is empty. Describe what the clip shows.",
    ),
    bad(
        "prompt too long",
        "sheet.csv",
        lines("prompt", "x" * 2001),
        "Row 2, column A 'prompt': 'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx…' has "
        "2,001 characters. Shorten it to at most 2,000.",
    ),
    bad(
        "prompt grows too long",
        "sheet.csv",
        lines("prompt,long", "a {long} {long}," + "x" * 1500),
        "Row 2, column A 'prompt': 'a {long} {long}' has 3,003 characters when its columns are filled "
        "in. Shorten it to at most 2,000.",
    ),
    bad(
        "gap in an axis",
        "sheet.csv",
        lines("prompt,notes", "a red circle| |a blue one,x"),
        "Row 2, column A 'prompt': 'a red circle| |a blue one' has an empty value before or after a |. "
        "Remove the |, or enter the value.",
    ),
    bad(
        "NUL",
        "sheet.csv",
        lines("prompt", "a red\x00 circle"),
        "Row 2, column A 'prompt': 'a red<U+0000> circle' contains an invisible control character "
        "(U+0000). Clear the cell and type it again.",
    ),
    bad(
        "right-to-left override",
        "sheet.csv",
        lines("prompt", "a red \u202ecircle"),
        "Row 2, column A 'prompt': 'a red <U+202E>circle' contains an invisible control character "
        "(U+202E). Clear the cell and type it again.",
    ),
    bad(
        "bell",
        "sheet.csv",
        lines("prompt", "a red \x07circle"),
        "Row 2, column A 'prompt': 'a red <U+0007>circle' contains an invisible control character "
        "(U+0007). Clear the cell and type it again.",
    ),
    bad(
        "error value in text",
        "sheet.csv",
        one("model", "#REF!"),
        "Row 2, column B 'model': '#REF!' is a spreadsheet error. Fix the formula, or enter the value.",
    ),
    bad(
        "error value in a workbook",
        "sheet.xlsx",
        workbook([["Prompt", "Length"], [P, "#DIV/0!"]]),
        "Row 2, column B 'Length': '#DIV/0!' is a spreadsheet error. Fix the formula, or enter the value.",
    ),
    bad(
        "formula without result",
        "sheet.xlsx",
        workbook([["Prompt", "colour"], ["=A5&B5", "x"]]),
        "Row 2, column A 'Prompt': '=A5&B5' is a formula without a stored result. Open the sheet in a "
        "spreadsheet program and save it again, or enter the value.",
    ),
    bad(
        "formula in used column",
        "sheet.xlsx",
        workbook([["Prompt", "colour"], ["a {colour} circle", "=Z1"]]),
        "Row 2, column B 'colour': '=Z1' is a formula without a stored result. Open the sheet in a "
        "spreadsheet program and save it again, or enter the value.",
    ),
    bad(
        "unknown placeholder",
        "sheet.csv",
        lines("Prompt,Product name", "a {product} on {color},x"),
        "Row 2, column A 'Prompt': '{product}' is not a column of this sheet. Did you mean {Product name}?",
        "Row 2, column A 'Prompt': '{color}' is not a column of this sheet. The prompt can use {Product name}.",
    ),
    bad(
        "placeholder, no other column",
        "sheet.csv",
        lines("Prompt", "a {product}"),
        "Row 2, column A 'Prompt': '{product}' is not a column of this sheet. Add a column with this "
        "name, or remove it from the prompt.",
    ),
    bad(
        "misspelt placeholder",
        "sheet.csv",
        lines("Prompt,Colour", "a {color} circle,red"),
        "Row 2, column A 'Prompt': '{color}' is not a column of this sheet. Did you mean {Colour}?",
    ),
    bad(
        "placeholder names seed",
        "sheet.csv",
        lines("Prompt,seed", "a {seed},1"),
        "Row 2, column A 'Prompt': '{seed}' cannot be used in a prompt. Remove it from the prompt.",
    ),
    bad(
        "unknown in negative",
        "sheet.csv",
        lines("Prompt,Avoid", "a circle,{brand}"),
        "Row 2, column B 'Avoid': '{brand}' is not a column of this sheet. Add a column with this name, "
        "or remove it from the prompt.",
    ),
    bad(
        "open brace",
        "sheet.csv",
        lines("Prompt,colour", "a {colour circle,red"),
        "Row 2, column A 'Prompt': 'a {colour circle' has a { without a matching }. For a literal {, write {{.",
    ),
    bad(
        "closing brace",
        "sheet.csv",
        lines("Prompt,colour", "a colour} circle,red"),
        "Row 2, column A 'Prompt': 'a colour} circle' has a } without a matching {. For a literal }, write }}.",
    ),
    bad(
        "empty braces",
        "sheet.csv",
        lines("Prompt,colour", "a {} circle,red"),
        "Row 2, column A 'Prompt': 'a {} circle' has empty braces. Put the name of a column in them, or "
        "write {{}} for literal braces.",
    ),
    bad(
        "empty placeholder cell",
        "sheet.csv",
        lines("Prompt,colour", "a {colour} circle,"),
        "Row 2, column B 'colour' is empty, but the prompt uses {colour}. Enter a value, or remove "
        "{colour} from the prompt.",
    ),
    bad(
        "error in used column",
        "sheet.csv",
        lines("Prompt,colour", "a {colour} circle,#N/A"),
        "Row 2, column B 'colour': '#N/A' is a spreadsheet error. Fix the formula, or enter the value.",
    ),
)

PLACEMENTS = (
    bad(
        "aspect",
        "sheet.csv",
        one("Aspect", "7:3"),
        "Row 2, column B 'Aspect': '7:3' is not a supported aspect ratio. The nearest is 16:9. "
        "Use 16:9, 9:16 or 1:1, or one of youtube, linkedin, display, instagram-feed, facebook-feed, tiktok, "
        "reels, stories, shorts, "
        "tiktok-reservation, snapchat, pinterest, x, google-app, demand-gen, ctv.",
    ),
    bad(
        "aspect 5:7",
        "sheet.csv",
        one("Aspect ratio", "5:7"),
        "Row 2, column B 'Aspect ratio': '5:7' is not a supported aspect ratio. The nearest is 9:16. "
        "Use 16:9, 9:16 or 1:1, or one of youtube, linkedin, display, instagram-feed, facebook-feed, tiktok, "
        "reels, stories, shorts, "
        "tiktok-reservation, snapchat, pinterest, x, google-app, demand-gen, ctv.",
    ),
    bad(
        "aspect as decimal",
        "sheet.csv",
        one("Aspect", "1.78"),
        "Row 2, column B 'Aspect': '1.78' is not a channel or an aspect ratio. Use 16:9, 9:16 or 1:1, or "
        "one of youtube, linkedin, display, instagram-feed, facebook-feed, tiktok, reels, stories, "
        "shorts, "
        "tiktok-reservation, snapchat, pinterest, x, google-app, demand-gen, ctv.",
    ),
    bad(
        "channel typo",
        "sheet.csv",
        one("Channel", "tiktock"),
        "Row 2, column B 'Channel': 'tiktock' is not a channel or an aspect ratio. Did you mean tiktok? "
        "Use 16:9, 9:16 or 1:1, or one of youtube, linkedin, display, instagram-feed, facebook-feed, "
        "tiktok, reels, stories, shorts, "
        "tiktok-reservation, snapchat, pinterest, x, google-app, demand-gen, ctv.",
    ),
    bad(
        "channel unknown",
        "sheet.csv",
        one("Channel", "cinema"),
        "Row 2, column B 'Channel': 'cinema' is not a channel or an aspect ratio. Use 16:9, 9:16 or 1:1, "
        "or one of youtube, linkedin, display, instagram-feed, facebook-feed, tiktok, reels, stories, "
        "shorts, "
        "tiktok-reservation, snapchat, pinterest, x, google-app, demand-gen, ctv.",
    ),
    bad(
        "pixels",
        "sheet.csv",
        one("Format", "1200x628"),
        "Row 2, column B 'Format': '1200x628' is not a supported aspect ratio. The nearest is 16:9. "
        "Use 16:9, 9:16 or 1:1, or one of youtube, linkedin, display, instagram-feed, facebook-feed, tiktok, "
        "reels, stories, shorts, "
        "tiktok-reservation, snapchat, pinterest, x, google-app, demand-gen, ctv. "
        "If the column contains file formats, rename it, for example to 'File type'.",
    ),
    bad(
        "one bad of several",
        "sheet.csv",
        one("Aspect", "16:9|7:3|1:1"),
        "Row 2, column B 'Aspect': '7:3' is not a supported aspect ratio. The nearest is 16:9. "
        "Use 16:9, 9:16 or 1:1, or one of youtube, linkedin, display, instagram-feed, facebook-feed, tiktok, "
        "reels, stories, shorts, "
        "tiktok-reservation, snapchat, pinterest, x, google-app, demand-gen, ctv.",
    ),
    bad(
        "two ratios",
        "sheet.csv",
        one("Aspect", "16:9 9:16"),
        "Row 2, column B 'Aspect': '16:9 9:16' is not a single placement. Use one channel, one of 16:9, "
        "9:16 or 1:1, or both, for example tiktok 1:1. Separate several placements with |.",
    ),
    bad(
        "commas between",
        "sheet.csv",
        lines("prompt;Aspect", f"{P};16:9, 9:16"),
        "Row 2, column B 'Aspect': '16:9, 9:16' has several values without a | between them. Write 16:9|9:16.",
    ),
    bad(
        "line breaks between",
        "sheet.xlsx",
        workbook([["prompt", "Channel"], [P, "tiktok\nreels"]]),
        "Row 2, column B 'Channel': 'tiktok reels' has several values without a | between them. Write tiktok|reels.",
    ),
    bad(
        "a date",
        "sheet.xlsx",
        workbook([["prompt", "Aspect"], [P, datetime(2026, 9, 16)]]),
        "Row 2, column B 'Aspect': '2026-09-16 0:00:00' is a date; a spreadsheet program has probably converted a "
        "ratio such as 4/5. Format the cells as text, and enter the ratio as 4:5.",
    ),
)

NUMBERS = (
    bad(
        "duration zero",
        "sheet.csv",
        one("duration_s", "0"),
        "Row 2, column B 'duration_s': '0' is out of range. Enter a number of "
        "seconds that the model supports, or leave the cell empty to use the model's default.",
    ),
    bad(
        "duration negative",
        "sheet.csv",
        one("Duration (s)", "-2"),
        "Row 2, column B 'Duration (s)': '-2' is out of range. Enter a number of "
        "seconds that the model supports, or leave the cell empty to use the model's default.",
    ),
    bad(
        "duration NaN",
        "sheet.csv",
        one("Length", "nan"),
        "Row 2, column B 'Length': 'nan' is not a number. Enter a number of "
        "seconds that the model supports, or leave the cell empty to use the model's default.",
    ),
    bad(
        "duration words",
        "sheet.csv",
        one("Length", "two seconds"),
        "Row 2, column B 'Length': 'two seconds' is not a number. Enter a number of "
        "seconds that the model supports, or leave the cell empty to use the model's default.",
    ),
    bad(
        "duration minutes",
        "sheet.csv",
        one("Length", "1:30"),
        "Row 2, column B 'Length': '1:30' is not a number. Enter a number of "
        "seconds that the model supports, or leave the cell empty to use the model's default.",
    ),
    bad(
        "duration huge",
        "sheet.csv",
        one("Length", "1e9"),
        "Row 2, column B 'Length': '1e9' is not a number. Enter a number of "
        "seconds that the model supports, or leave the cell empty to use the model's default.",
    ),
    bad(
        "duration thousands",
        "sheet.csv",
        lines("prompt;Length", f"{P};1.500"),
        "Row 2, column B 'Length': '1.500' is ambiguous: its separator could mean thousands or decimals. "
        "Enter a number of "
        "seconds that the model supports, or leave the cell empty to use the model's default.",
    ),
    bad(
        "variants zero",
        "sheet.csv",
        one("variants", "0"),
        "Row 2, column B 'variants': '0' is out of range. Enter a whole number from 1 to 10000.",
    ),
    bad(
        "variants fraction",
        "sheet.csv",
        one("variants", "2.5"),
        "Row 2, column B 'variants': '2.5' is not a whole number. Enter a whole number from 1 to 10000.",
    ),
    bad(
        "variants thousands",
        "sheet.csv",
        lines("prompt;variants", f"{P};1,000"),
        "Row 2, column B 'variants': '1,000' is not a whole number. Enter a whole number from 1 to 10000.",
    ),
    bad(
        "variants words",
        "sheet.csv",
        one("variants", "many"),
        "Row 2, column B 'variants': 'many' is not a whole number. Enter a whole number from 1 to 10000.",
    ),
    bad(
        "variants several",
        "sheet.csv",
        one("variants", "1|2"),
        "Row 2, column B 'variants': '1|2' is not a whole number. Enter a whole number from 1 to 10000. "
        "This column allows only one value per cell.",
    ),
    bad(
        "variants too many",
        "sheet.csv",
        one("Variations", "10001"),
        "Row 2, column B 'Variations': '10001' is out of range. Enter a whole number from 1 to 10000. "
        "If the column contains descriptions, rename it, for example to 'Wording'.",
    ),
    bad(
        "want zero",
        "sheet.csv",
        one("want", "0"),
        "Row 2, column B 'want': '0' is out of range. Enter a whole number of 1 or more.",
    ),
    bad(
        "want more",
        "sheet.csv",
        lines("prompt,variants,want", "x,3,4"),
        "Row 2, column C 'want': '4' is more than the row's 3 clips. Lower it to 3, or raise variants.",
    ),
    bad(
        "seed negative",
        "sheet.csv",
        one("seed", "-1"),
        "Row 2, column B 'seed': '-1' is out of range. Enter a whole number from 0 to 4294967295.",
    ),
    bad(
        "seed too great",
        "sheet.csv",
        one("seed", "4294967296"),
        "Row 2, column B 'seed': '4294967296' is out of range. Enter a whole number from 0 to 4294967295.",
    ),
    bad(
        "seed too near the end",
        "sheet.csv",
        lines("prompt,seed,variants", f"{P},4294967295,2"),
        "Row 2, column B 'seed': '4294967295' is too high for 2 variants. Use at most 4294967294.",
    ),
    bad(
        "seed rounded by Excel",
        "sheet.xlsx",
        workbook([["prompt", "seed"], [P, 12345678901234567890]]),
        "Row 2, column B 'seed': '1.23456789012346e+19' is not a whole number. Enter a whole number from "
        "0 to 4294967295.",
    ),
    bad(
        "adherence above 1",
        "sheet.csv",
        one("min_adherence", "25"),
        "Row 2, column B 'min_adherence': '25' is out of range. Enter a number from -1 to 1, for example 0.25, or "
        "leave the cell empty. For 25 percent, enter 25% or 0.25.",
    ),
    bad(
        "adherence percent",
        "sheet.csv",
        one("threshold", "250%"),
        "Row 2, column B 'threshold': '250%' is out of range. Enter a number from -1 to 1, for example 0.25, or "
        "leave the cell empty.",
    ),
    bad(
        "adherence infinite",
        "sheet.csv",
        one("min_adherence", "inf"),
        "Row 2, column B 'min_adherence': 'inf' is not a number. Enter a number from -1 to 1, for example 0.25, or "
        "leave the cell empty.",
    ),
)

ROWS = (
    bad(
        "axes word",
        "sheet.csv",
        one("axes", "both"),
        "Row 2, column B 'axes': 'both' is not allowed. Use cartesian (every combination), zip (first with first) or "
        "pairwise (every pair of values).",
    ),
    bad(
        "zip lengths",
        "sheet.csv",
        lines("prompt,colour,Aspect,axes", "a {colour} circle,red|blue|pink,16:9|9:16,zip"),
        "Row 2, column D 'axes': 'zip' needs the same number of values in every cell, but Aspect has 2 "
        "and colour has 3. Give them the same number of values, or use cartesian.",
    ),
    bad(
        "brief_id twice",
        "sheet.csv",
        lines("brief_id,prompt", "x1,a circle", "X1,a square"),
        "Row 3, column A 'brief_id': 'X1' is already used in row 2. Give every row a different brief_id.",
    ),
    bad(
        "brief_id too long",
        "sheet.csv",
        lines("brief_id,prompt", "x" * 121 + ",a circle"),
        "Row 2, column A 'brief_id': 'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx…' has "
        "121 characters. Shorten it to at most 120.",
    ),
    bad(
        "unquoted comma",
        "sheet.csv",
        lines("prompt,Aspect", "a red, round circle,16:9", "a blue square,16:9"),
        "Row 2: the row has 3 cells, but the header has 2. Put texts that contain a comma in double quotes.",
    ),
    bad(
        "unquoted semicolon",
        "sheet.csv",
        lines("prompt;Aspect;notes", "a red; round circle;16:9;x", "a;16:9;"),
        "Row 2: the row has 4 cells, but the header has 3. Put texts that contain a semicolon in double quotes.",
    ),
    bad(
        "several at once",
        "sheet.csv",
        lines(
            "Campaign plan", "", "Prompt,Aspect,Length,Variants", ",7:3,-1,0", "a circle,16:9,2,1", "a {x},9:61,2,none"
        ),
        "Row 4, column A 'Prompt' is empty. Describe what the clip shows.",
        "Row 4, column B 'Aspect': '7:3' is not a supported aspect ratio. The nearest is 16:9. "
        "Use 16:9, 9:16 or 1:1, or one of youtube, linkedin, display, instagram-feed, facebook-feed, tiktok, "
        "reels, stories, shorts, "
        "tiktok-reservation, snapchat, pinterest, x, google-app, demand-gen, ctv.",
        "Row 4, column C 'Length': '-1' is out of range. Enter a number of "
        "seconds that the model supports, or leave the cell empty to use the model's default.",
        "Row 4, column D 'Variants': '0' is out of range. Enter a whole number from 1 to 10000.",
        "Row 6, column A 'Prompt': '{x}' is not a column of this sheet. The prompt can use {Aspect}, {Length}.",
        "Row 6, column B 'Aspect': '9:61' is not a supported aspect ratio. The nearest is 9:16. "
        "Use 16:9, 9:16 or 1:1, or one of youtube, linkedin, display, instagram-feed, facebook-feed, tiktok, "
        "reels, stories, shorts, "
        "tiktok-reservation, snapchat, pinterest, x, google-app, demand-gen, ctv.",
        "Row 6, column D 'Variants': 'none' is not a whole number. Enter a whole number from 1 to 10000.",
    ),
)

SHEETS = (*FILES, *HEADERS, *PROMPTS, *PLACEMENTS, *NUMBERS, *ROWS)
