from swift_lib.pipelines.report import Cell, Report, markdown_table, number


def test_everything_from_data_is_escaped() -> None:
    report = Report("<script>alert(1)</script>")
    report.heading("<h>")
    report.paragraph("a & b")
    report.table(["<x>"], [["<img src=x onerror=alert(1)>"], [Cell("</pre>", "good")], [1.5], [None]])
    page = report.html()
    assert "<script>" not in page and "<img" not in page
    assert "&lt;h&gt;" in page and "a &amp; b" in page and "&lt;/pre&gt;" in page
    assert "http" not in page  # nothing is fetched


def test_numbers() -> None:
    assert [number(1234), number(0.123456), number(1.0), number(None)] == ["1,234", "0.1235", "1", ""]


def test_markdown_table() -> None:
    assert markdown_table(["a", "b"], [["x|y\nz", 0.5]]) == "| a | b |\n| --- | --- |\n| x\\|y z | 0.5 |\n"
