from lexel.carets import nearest, point


def test_the_caret_stands_below_its_character():
    assert point("patch(16", 5, "never closed") == "patch(16\n     ^ never closed"


def test_wide_letters_and_accents_do_not_move_the_caret():
    assert point("漢字(x)", 3, "here") == "漢字(x)\n     ^ here"
    assert point("e\u0301(x)", 3, "here") == "e\u0301(x)\n  ^ here"


def test_control_and_bidi_characters_are_not_printed():
    assert point("a\n\x1b\u202eb", 4, "here") == "a   b\n    ^ here"


def test_of_a_long_text_the_part_around_the_caret_is_shown():
    shown, caret = point("a" * 500 + "?" + "b" * 500, 500, "here").splitlines()
    assert len(shown) == 102
    assert shown[caret.index("^")] == "?"


def test_the_nearest_names_are_offered_and_no_far_ones():
    names = {"tome", "tofu", "patch"}
    assert nearest("tomme", names) == "did you mean tome?"
    assert nearest("zebra", names) == ""
