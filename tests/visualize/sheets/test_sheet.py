from PIL import Image

from visualize.sheets.sheet import contact_sheet


def test_a_sheet_has_columns_and_a_title():
    picture = Image.new("RGB", (400, 300))
    wide, narrow = contact_sheet([picture] * 6), contact_sheet([picture] * 6, columns=2)
    assert wide.width <= 1900
    assert narrow.width < wide.width
    assert contact_sheet([picture], title="AP 0.5").height > contact_sheet([picture]).height
